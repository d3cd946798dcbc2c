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
