"""When an endpoint is given up: a policy is data, as that of the retries is."""

from dataclasses import dataclass

from ..clock import iso

DAY = 86_400


@dataclass(frozen=True)
class DisablePolicy:
    """When the owner of an endpoint that fails is warned, and when its subscription is disabled.

    An endpoint fails from its first attempt without a 2xx until its next attempt with one. So one that answers now and
    then is never disabled; and with a least number of failures, neither is one that hears from us once a week and has
    missed twice.

    Attributes:
        warn: Seconds of failing, after which the owner is told.
        disable: Seconds of failing, after which the subscription is disabled. Svix takes five days.
        failures: How many attempts must have failed as well.
        source: Where a provider says so.
    """

    warn: float = DAY
    disable: float = 5 * DAY
    failures: int = 5
    source: str = "https://docs.svix.com/retries#disabling-failing-endpoints"

    def __post_init__(self):
        if not (0 <= self.warn <= self.disable and self.failures >= 1):
            raise ValueError(
                "warn and disable are seconds, 0 or more, warn the smaller one, and failures is 1 or more."
            )

    def step(self, failing_since, failures, now):
        """Say what follows from a failure.

        Args:
            failing_since: When the first of the failures was, in seconds since the epoch.
            failures: How many attempts have failed since then, this one included.
            now: The time of this one.

        Returns:
            ``""``, ``"warn"`` or ``"disable"``.
        """
        if failures < self.failures or now - failing_since < self.warn:
            return ""
        return "disable" if now - failing_since >= self.disable else "warn"


class Health:
    """Follows how the endpoints are, warns their owners and disables, as a policy says.

    Args:
        policy: A `DisablePolicy`, or anything with its ``step``.
        subscriptions, deliveries: The stores.
    """

    def __init__(self, policy, subscriptions, deliveries):
        self._policy, self._subscriptions, self._deliveries = policy, subscriptions, deliveries

    def note(self, subscription, delivery):
        """Take note of what the attempts of a `Delivery` have come to. It runs in the transaction that records them."""
        answers = [one for one in delivery.attempts if one.error != "interrupted"]
        if not answers:
            return  # nothing was heard of the endpoint: we were stopped, or it was an error of ours
        if delivery.state == "delivered":
            self._subscriptions.change(subscription.id, failing_since=None, failures=0, warned=False)
        elif delivery.state == "gone":
            self._disable(subscription, "It answered 410 Gone: it wants no more.", "gone")
        else:
            self._note_failures(subscription, answers)

    def _note_failures(self, subscription, answers):
        since = answers[0].at if subscription.failing_since is None else subscription.failing_since
        failures = subscription.failures + len(answers)
        self._subscriptions.change(subscription.id, failing_since=since, failures=failures)
        step = self._policy.step(since, failures, answers[-1].at)
        words = f"{failures} attempts in a row have failed since {iso(since)}."
        if step == "disable":
            self._disable(subscription, words, "given up")
        elif step == "warn" and not subscription.warned:
            self._subscriptions.change(subscription.id, warned=True)
            self._deliveries.add_notice(subscription, "warned", f"{subscription.url}: {words}")

    def _disable(self, subscription, reason, state):
        """Disable a subscription, once; what still waits for it ends in this state."""
        if subscription.status != "disabled":
            self._subscriptions.change(subscription.id, status="disabled", reason=reason)
            self._deliveries.add_notice(subscription, "disabled", f"{subscription.url}: {reason}")
        self._deliveries.end_waiting(subscription.id, state)
