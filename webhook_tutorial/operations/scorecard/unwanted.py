"""Effects of what should have none, where a receiver tells how many effects there were.

An effect may come later than the answer. So a group of such checks is looked at together, once it has had its time;
only where there was an effect are they tried again, each by itself.
"""

from ...answers import ok
from .bench import NotTried
from .findings import FAILED, NOT_TRIED, Finding

#: How long the number must have been still, in seconds: a worker may look for work now and then only.
STILL = 0.5

_ACCEPTED = "it was accepted, and an effect was done"
_TOLD_SO = "it was refused, as no effect was done, and answered 2xx: the sender believes that it has arrived"

_BROKEN = "no effect was done, and the sender tries it again"


class Unwanted:
    """Watches the effects while a group of checks is run, none of which should have any.

    Attributes:
        counts: Whether there is anything to be seen.
    """

    def __init__(self, bench):
        self._bench, self._sent = bench, len(bench.sent)
        self._before = bench.effects_before(STILL)
        self.counts = bool(bench.effects)

    def judged(self, found):
        """Return checks and findings, pairs, with what the effects say of them."""
        bench = self._bench
        arrived = sum(ok(sent.exchange.status) for sent in bench.sent[self._sent :] if sent.check.group == "refuses")
        done = bench.effects_before(STILL) - self._before
        if not bench.effects:  # most likely the receiver is gone, which has been told already
            return found
        if done in (0, arrived):
            return [(check, _told(check, finding, done and _arrived(check, finding))) for check, finding in found]
        return [(check, self._alone(check, finding)) for check, finding in found]

    def _alone(self, check, finding):
        """The finding of one check, which is run again."""
        if finding.exchange is None or finding.outcome == NOT_TRIED:
            return finding
        bench, before = self._bench, self._bench.effects_before(STILL)
        bench.check = check
        try:
            check.run(bench)
        except NotTried:
            return _told(check, finding, False)
        after = bench.effects_before(STILL)
        return _told(check, finding, after > before) if bench.effects else finding


def _arrived(check, finding):
    return check.group == "refuses" and finding.exchange is not None and ok(finding.exchange.status)


def _is_broken(exchange):
    return exchange is not None and exchange.status is not None and exchange.status >= 500


def _told(check, finding, done):
    """The finding with whether an effect was done."""
    if _arrived(check, finding):
        return Finding(FAILED, f"{finding.words}: {_ACCEPTED if done else _TOLD_SO}", finding.exchange, finding.notes)
    if check.group == "refuses" and finding.outcome == FAILED and not done and _is_broken(finding.exchange):
        return Finding(FAILED, f"{finding.words}: {_BROKEN}", finding.exchange, finding.notes)
    if done:
        return Finding(FAILED, f"{finding.words}, and yet an effect was done", finding.exchange, finding.notes)
    return finding
