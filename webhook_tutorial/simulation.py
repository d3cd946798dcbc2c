"""What polling and pushing cost, by arithmetic: for one subscriber, and for a million."""

from typing import NamedTuple

import numpy as np


class Cost(NamedTuple):
    """What it took to learn of some events.

    Attributes:
        requests: How many requests were made.
        wasted: How many of them brought nothing new.
        median: The median staleness in seconds: how long an event was unknown to the one who asked.
        worst: The worst staleness in seconds.
    """

    requests: int
    wasted: int
    median: float
    worst: float


def polling_cost(events, every, duration):
    """Work out what polling at a fixed interval costs.

    Polls fall at ``every``, ``2 * every`` and so on, the last one at or after ``duration``, so that no event is
    left unseen.

    Args:
        events: When the events happen, in seconds from the start, each from 0 to ``duration``.
        every: The interval between two polls, in seconds.
        duration: How long is polled, in seconds.

    Returns:
        A `Cost`; with no events its times are 0.

    Raises:
        ValueError: The interval is not above 0, or an event lies outside the time polled.
    """
    if not every > 0:
        raise ValueError(f"The interval must be above 0 seconds, not {every}.")
    events = np.asarray(events, float)
    if events.size and not (events.min() >= 0 and events.max() <= duration):
        raise ValueError(f"Every event must lie from 0 to {duration} seconds.")
    polls = max(int(np.ceil(duration / every)), 1)
    seen_by = np.maximum(np.ceil(events / every), 1)
    return _cost(polls, len(np.unique(seen_by)), seen_by * every - events)


def polling_cost_at_scale(subscribers, every, events_per_day, *, hours=1, seed=1):
    """Work out what polling costs when many subscribers poll, each with events of its own.

    Events are independent of each other (a Poisson process), and so is the moment at which each subscriber began.

    Args:
        subscribers: How many.
        every: The interval between two polls of one subscriber, in seconds.
        events_per_day: How many events one subscriber has in a day, on average.
        hours: How long is simulated.
        seed: Of the random numbers.

    Returns:
        A `Cost` over all subscribers; pushing would take one request an event: ``requests - wasted`` is at most
        that.
    """
    if not every > 0:
        raise ValueError(f"The interval must be above 0 seconds, not {every}.")
    random = np.random.default_rng(seed)
    duration = hours * 3600
    polls = int(np.ceil(duration / every))
    total = random.poisson(subscribers * events_per_day * hours / 24)
    who = random.integers(0, subscribers, total)
    when = random.uniform(0, polls * every, total)
    poll = np.ceil(when / every).astype(np.int64)
    return _cost(subscribers * polls, len(np.unique(who * (polls + 1) + poll)), poll * every - when)


def _cost(requests, useful, staleness):
    if not staleness.size:
        return Cost(requests, requests - useful, 0.0, 0.0)
    return Cost(requests, requests - useful, float(np.median(staleness)), float(staleness.max()))


class Outcome(NamedTuple):
    """What became of deliveries whose first attempt fell into an outage.

    Attributes:
        lost: How many never arrived.
        median, worst: For how many seconds the outage had been over when the others arrived; 0 if none did.
        attempts: For each delivery the times of its attempts, in seconds from the start of the outage; the last one
            succeeded unless it lies within the outage.
    """

    lost: int
    median: float
    worst: float
    attempts: tuple


def outage(policy, seconds, deliveries=200, *, seed=1):
    """Work out how deliveries fare that are sent during an outage, evenly from its start to its end.

    Args:
        policy: Anything with ``delays`` in seconds and ``jitter`` from 0 to 1, such as a `Policy`.
        seconds: How long the outage lasts.
        deliveries: How many are sent.
        seed: Of the random numbers for the jitter.

    Raises:
        ValueError: The outage is not above 0 seconds, or there are no deliveries.
    """
    if not seconds > 0 or deliveries < 1:
        raise ValueError("An outage lasts more than 0 seconds, and at least 1 delivery is sent.")
    random = np.random.default_rng(seed)
    created = np.arange(deliveries) * seconds / deliveries
    delays = np.asarray(policy.delays, float) * (1 - policy.jitter * random.random((deliveries, len(policy.delays))))
    times = created[:, None] + np.concatenate([np.zeros((deliveries, 1)), delays.cumsum(axis=1)], axis=1)
    arrived = times >= seconds
    first = np.where(arrived.any(axis=1), arrived.argmax(axis=1), times.shape[1] - 1)
    after = times[np.arange(deliveries), first][arrived.any(axis=1)] - seconds
    attempts = tuple(tuple(row[: n + 1]) for row, n in zip(times.tolist(), first.tolist(), strict=True))
    median, worst = (float(np.median(after)), float(after.max())) if after.size else (0.0, 0.0)
    return Outcome(deliveries - after.size, median, worst, attempts)


class Storm(NamedTuple):
    """What became of many deliveries that failed together.

    Attributes:
        load: Requests in each second, an array.
        delivered, lost: How many arrived in the end, and how many ran out of attempts.
        crashes: The seconds at which the receiver broke down again under the load.
        over: The second of the last attempt.
    """

    load: np.ndarray
    delivered: int
    lost: int
    crashes: tuple
    over: int


def retry_storm(deliveries, policy, *, outage=300, within=10, capacity=2_000, restart=60, seed=1):
    """Simulate one receiver and many deliveries that all begin when it has just gone down.

    The receiver comes back after the outage. In a second with more requests than its capacity it serves that many,
    breaks down, and is away for ``restart`` seconds.

    Args:
        deliveries: How many.
        policy: Anything with ``delays`` in seconds and ``jitter`` from 0 to 1, such as a `Policy`.
        outage: How long the receiver is away at first, in seconds.
        within: In how many seconds the first attempts are made.
        capacity: How many requests the receiver can take in a second.
        restart: How long it is away after a breakdown, in seconds.
        seed: Of the random numbers.

    Raises:
        ValueError: A number is out of its bounds.
    """
    if deliveries < 1 or within < 1 or capacity < 1 or outage < 0 or restart < 0:
        raise ValueError("deliveries, within and capacity are 1 or more, outage and restart 0 or more.")
    random = np.random.default_rng(seed)
    delays = [max(1, int(np.ceil(delay))) for delay in policy.delays]
    horizon = within + sum(delays) + 1
    waiting = np.zeros((len(delays) + 1, horizon), np.int64)  # by attempts made so far, and second of the next
    waiting[0, :within] = np.bincount(random.integers(0, within, deliveries), minlength=within)
    load, delivered, lost, crashes, down_until = waiting[0] * 0, 0, 0, [], outage
    for second in range(horizon):
        due = waiting[:, second]
        load[second] = total = int(due.sum())
        if not total:
            continue
        if second >= down_until:
            served = random.multivariate_hypergeometric(due, min(total, capacity), method="marginals")
            delivered += int(served.sum())
            if total > capacity:
                crashes.append(second)
                down_until = second + 1 + restart
            due = due - served
        lost += int(due[-1])
        for tried, count in enumerate(due[:-1]):
            if count:
                _spread(waiting[tried + 1], second, delays[tried], policy.jitter, int(count), random)
    return Storm(load, delivered, lost, tuple(crashes), int(np.flatnonzero(load)[-1]))


def _spread(row, second, delay, jitter, count, random):
    """Plan ``count`` attempts for the ``delay`` seconds from now, of which a part is left to chance."""
    first = max(1, int(delay * (1 - jitter)))
    if first >= delay:
        row[second + delay] += count
    else:
        waits = random.integers(first, delay + 1, count)
        row[second + first : second + delay + 1] += np.bincount(waits - first, minlength=delay + 1 - first)


#: The faults of `traffic_month`, and what each does.
FAULTS = {
    "receivers fail": "half of all attempts fail: a release at the receivers has a bug",
    "blip": "for three minutes half of all attempts fail",
    "relay stops": "no attempt is made; events are stored, and become overdue",
    "nothing published": "no event is stored any more: nothing is overdue, and nothing fails",
}
MINUTES_OF_A_MONTH = 30 * 24 * 60


def traffic_month(seed, fault=None, at=None, minutes=120):
    """Return a month of deliveries, minute by minute: busy days, quiet nights, small troubles, and perhaps one fault.

    Days have some twenty attempts a minute, and the middle of the night one in three minutes. One attempt in 500 fails.
    Thirty times a month something is slow or down for a few minutes, and then up to a third of the attempts fail, and
    some are a few minutes late; heartbeats too.

    Args:
        seed: Which month.
        fault: One of `FAULTS`, or None.
        at: The minute at which it begins; a random one if left out.
        minutes: How long it lasts; a blip has three.

    Returns:
        A dictionary of four arrays, ``attempts``, ``failed``, ``overdue`` and ``heartbeat``, for a `Record`, and the
        minute at which the fault begins, or None.

    Raises:
        ValueError: There is no such fault, or it does not lie within the month.
    """
    if fault is not None and fault not in FAULTS:
        raise ValueError(f"There is no fault {fault!r}; there are {', '.join(FAULTS)}.")
    if not (1 <= minutes <= MINUTES_OF_A_MONTH - 60 and 0 <= (at or 0) <= MINUTES_OF_A_MONTH - minutes):
        raise ValueError(f"A fault lies within the {MINUTES_OF_A_MONTH:,} minutes of the month.")
    dice, minute = np.random.default_rng(seed), np.arange(MINUTES_OF_A_MONTH)
    rate = 0.3 + 20 * np.clip(np.sin((minute / 60 % 24 - 6) / 16 * np.pi), 0, None) ** 2
    chance, late = np.full(minute.size, 0.002), dice.uniform(0, 40, minute.size)
    beat = dice.uniform(0, 60, minute.size)
    for _ in range(30):  # small troubles, which end by themselves
        begins, lasts = dice.integers(minute.size), dice.integers(1, 4)
        chance[begins : begins + lasts] = dice.uniform(0.05, 0.33)
        late[begins : begins + lasts] += 60 * np.arange(1, lasts + 1)[: minute.size - begins] * dice.uniform(0, 1)
        beat[begins : begins + lasts] += 60 * np.arange(1, lasts + 1)[: minute.size - begins] * dice.uniform(0, 1)
    if fault:
        begins = int(dice.integers(minute.size - minutes - 59)) if at is None else at
        during = slice(begins, begins + (3 if fault == "blip" else minutes))
        since, usual = 60.0 * np.arange(1, minutes + 1), rate[begins]
        if fault in ("receivers fail", "blip"):
            chance[during] = 0.5
        else:
            rate[during], beat[during] = 0, since + beat[begins]
            if fault == "relay stops":  # overdue from the first event on: at night it takes some minutes to come
                late[during] = np.clip(since - 60 * dice.geometric(1 - np.exp(-usual)), 0, None)
    attempts = dice.poisson(rate)
    failed = dice.binomial(attempts, chance)
    return {"attempts": attempts, "failed": failed, "overdue": late, "heartbeat": beat}, (begins if fault else None)
