"""When to try again: a policy is data, made by hand, by a formula, or as a provider publishes it."""

from dataclasses import dataclass

#: The longest delay, in seconds: a hundred years, so that every date stays one.
LONGEST_DELAY = 100 * 366 * 86_400


@dataclass(frozen=True)
class Policy:
    """When to try again.

    Attributes:
        delays: Seconds to wait after the first attempt, the second, and so on; when they are used up, the delivery
            is dead. One attempt more is made than there are delays.
        jitter: Which part of each delay is left to chance, from 0 (none) to 1. With 1 the wait is anything from 0 to
            the delay: "full jitter".
        name: What it is called in pictures.
        source: Where a provider says so.
    """

    delays: tuple
    jitter: float = 0.0
    name: str = ""
    source: str = ""

    def __post_init__(self):
        object.__setattr__(self, "delays", tuple(self.delays))
        if any(not 0 <= delay <= LONGEST_DELAY for delay in self.delays):
            raise ValueError("Delays are numbers of seconds, 0 or more, and none is longer than a hundred years.")
        if not 0 <= self.jitter <= 1:
            raise ValueError(f"jitter is a part of the delay, from 0 to 1, not {self.jitter}.")

    @property
    def attempts(self):
        """How many attempts are made at the most."""
        return len(self.delays) + 1

    def wait(self, failed, chance):
        """Return the seconds to wait after ``failed`` attempts, or None if there is no other.

        Args:
            failed: How many attempts have failed, 1 or more.
            chance: A number from 0 to 1, such as ``random.random()`` gives.
        """
        if failed > len(self.delays):
            return None
        delay = self.delays[failed - 1]
        return delay * (1 - self.jitter * (1 - chance))


def exponential(base, factor=2.0, cap=float("inf"), attempts=8, jitter=0.0):
    """Return the policy whose delays are ``base``, ``base * factor``, and so on, none above ``cap``.

    Args:
        base: The first delay in seconds.
        factor: What each delay is multiplied with, 1 or more; 1 gives a fixed delay.
        cap: The longest delay in seconds.
        attempts: How many attempts are made at the most, the first included.
        jitter: As in `Policy`.

    Raises:
        ValueError: A number is out of its bounds.
    """
    if base < 0 or factor < 1 or cap < 0 or attempts < 1:
        raise ValueError("base and cap must be 0 or more, factor and attempts 1 or more.")
    delays, delay = [], min(base, cap)
    for _ in range(attempts - 1):
        delays.append(delay)
        delay = min(delay * factor, cap)
    name = f"every {base:g} s" if factor == 1 else f"{base:g} s × {factor:g}"
    return Policy(tuple(delays), jitter, name)


MINUTE, HOUR = 60, 3600

#: The delays of Svix, and no more of it: Svix takes every answer but 2xx for a failure, 3xx and 400 too, and moves
#: each delay by up to a fifth, either way.
SVIX_SCHEDULE = Policy(
    (5, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 10 * HOUR),
    name="Svix's schedule",
    source="https://docs.svix.com/retries",
)
STANDARD_WEBHOOKS_SCHEDULE = Policy(
    (5, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR),
    name="Standard Webhooks",
    source="https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md",
)
