"""A run: every check in its order, until all is done or the time is over."""

import time
from itertools import groupby

from ...answers import ok
from ...look import masked_url
from ...signing import STANDARD_WEBHOOKS, Dialect
from ...signing.names import dialect_named
from ...signing.providers import Provider, provider_of
from . import forgeries
from .accepts import ACCEPTS, FIRST
from .bench import Bench, NotTried
from .deliveries import Maker
from .effects import Effects
from .events import NotApplicable
from .findings import FAILED, HELD, NOT_APPLICABLE, NOT_COUNTED, NOT_TRIED, Finding, Result
from .load import LOAD, STILL_THERE
from .manners import LEAKS, UNIFORM
from .refuses import FORGED_FIRST, REFUSES
from .report import Report
from .sturdy import STURDY_CHECKS, WITHOUT_EFFECT
from .target import target
from .unwanted import Unwanted
from .wire import REFUSED

#: Every check, in the order in which they are run. What must have no effect comes while it is known how many there are,
#: and in one piece, so that it is waited for once.
CHECKS = (
    *FIRST, FORGED_FIRST, *REFUSES, *WITHOUT_EFFECT, UNIFORM, *ACCEPTS, *LOAD, *STURDY_CHECKS, LEAKS, STILL_THERE,
)  # fmt: skip


def grade(
    url, secret=None, provider=STANDARD_WEBHOOKS, *, effects="", limit=None, patience=3.0, pause=0.0, most=400,
    i_own_this_host=False, tell=None,
):  # fmt: skip
    """Send deliveries to a receiver, good ones and bad ones, and return a `Report` of how it took them.

    Args:
        url: The receiver's URL.
        secret: The secret to sign with, or, for ed25519, the private key. Without it nothing is signed.
        provider: A `Provider`, a `Dialect`, or a dialect's name such as ``"github"``.
        effects: A URL that says how often the receiver has done its work: a GET returns a whole number, or a JSON
            object with ``"effects"``. With it, more can be seen.
        limit: How many bytes a body may have at the most; without it no large body is sent.
        patience: How long an answer may take, in seconds. Slack's three are the least of those that we know.
        pause: Seconds between two requests; 0.1 at the least where the host is not this computer.
        most: How many requests are sent at the most.
        i_own_this_host: Say True to send to another computer than this one.
        tell: Called with each `Result` as it is there.

    Raises:
        ValueError: An argument cannot be used: the URL, the secret, the provider, a number, the URL of effects.
    """
    how = {"effects": effects, "limit": limit, "patience": patience, "pause": pause, "most": most}
    return Grading(url, secret, provider, i_own_this_host=i_own_this_host, **how).run(tell)


class Grading:
    """A run that is ready to begin: its arguments, and what it raises, are those of `grade`."""

    def __init__(self, url, secret, provider, *, effects, limit, patience, pause, most, i_own_this_host):
        _check_numbers(patience=patience, pause=pause, most=most, limit=limit)
        self._where = target(url, i_own_this_host)
        self._maker = Maker(_provider(provider), secret or None, self._where.url)
        self._effects = Effects(target(effects, i_own_this_host)) if effects else None
        self._how = {"limit": limit, "patience": patience, "pause": pause, "most": most}

    def run(self, tell=None):
        """Run every check, and return the `Report`; ``tell`` is as with `grade`, and what it raises ends the run."""
        started, maker = time.monotonic(), self._maker
        bench = Bench(self._where, maker, self._effects, **self._how)
        try:
            results = tuple(_run_all(bench, tell or (lambda result: None)))
        finally:
            bench.stop.set()
        taken = time.monotonic() - started
        return Report(masked_url(self._where.url), maker.dialect.name, bool(maker.secret), results, bench.count, taken)


def _provider(given):
    if isinstance(given, str):
        given = dialect_named(given)
    if isinstance(given, Dialect):
        given = provider_of(given)
    if not isinstance(given, Provider):
        raise ValueError(f"provider must be a Provider, a Dialect or a dialect's name, not {type(given).__name__}.")
    return given


#: From where to where a number may be.
_NUMBERS = {"patience": (0.1, 30), "pause": (0, 60), "most": (1, 100_000), "limit": (1_000, 100_000_000)}


def _check_numbers(**given):
    for name, value in given.items():
        least, most = _NUMBERS[name]
        if name == "limit" and value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
            raise ValueError(f"{name} must be a number from {least} to {most}, not {value!r}.")
        if name in ("most", "limit") and not isinstance(value, int):
            raise ValueError(f"{name} must be a whole number, not {value!r}.")


def _run_all(bench, tell):
    """Yield a `Result` for each check, and tell it."""
    gone = ""
    for no_effect, checks in groupby(CHECKS, lambda check: check.no_effect):
        unwanted = Unwanted(bench) if no_effect and not gone else None
        found = []
        for check in checks:
            finding, gone = _not_run(check, bench, gone) if gone else _run(check, bench)
            found.append((check, finding))
            if not (unwanted and unwanted.counts):
                tell(Result(check, finding))
        if unwanted and unwanted.counts:
            found = unwanted.judged(found)
            for pair in found:
                tell(Result(*pair))
        yield from (Result(*pair) for pair in found)


def _not_run(check, bench, gone):
    """The finding of a check after the receiver has gone, and why it has gone."""
    if check.looks_back:
        return _run(check, bench)[0], gone
    return Finding(FAILED if check is STILL_THERE and bench.accepted else NOT_TRIED, gone), gone


def _run(check, bench):
    """The finding of a check, and why no other needs to be tried; empty if there is no reason."""
    last, before, bench.check, uncounted = bench.check, len(bench.sent), check, bench.uncounted
    try:
        finding = check.run(bench)
    except NotApplicable as error:
        return Finding(NOT_APPLICABLE, str(error)), ""
    except NotTried as error:
        return Finding(NOT_TRIED, str(error)), ""
    gone, unanswered = "", [sent.exchange for sent in bench.sent[before:] if sent.exchange.status is None]
    if (unanswered or uncounted != bench.uncounted) and _is_gone(bench):
        if check.name == "valid":
            gone = "The receiver did not answer."
        elif bench.sent[before].exchange.why == REFUSED:  # it was gone already when this check began
            gone = f"The receiver answered nothing any more after {last.name}."
            finding = Finding(NOT_TRIED, gone)
        else:
            gone = f"The receiver answered nothing any more after {check.name}."
            words = f"{finding.words}. After it the receiver answered nothing"
            finding = Finding(FAILED, words, finding.exchange or (unanswered or [None])[0], finding.notes)
    if bench.accepted is False and check.name != "valid":
        finding = _uncounted(check, finding, bench)
    return finding, gone


def _uncounted(check, finding, bench):
    """While nothing valid is accepted, a refusal earns nothing, and to be refused once more says nothing new."""
    if check.group == "manners":  # what leaks leaks, whatever is accepted
        return finding if finding.outcome == FAILED else Finding(NOT_COUNTED, finding.words, finding.exchange)
    valid = bench.sent[0].exchange
    same = finding.outcome == FAILED and finding.exchange and finding.exchange.outcome == valid.outcome
    if finding.outcome == HELD or (same and not ok(valid.status)):
        return Finding(
            NOT_COUNTED, f"{finding.words}, as for the valid delivery" if same else finding.words, finding.exchange
        )
    return finding


def _is_gone(bench):
    """Whether nothing is answered any more; one that is started again by itself has a moment for that."""
    end = time.monotonic() + bench.patience
    while True:
        try:
            # Any answer will do, and this one has no effect.
            found = bench.send(forgeries.unsigned(bench.maker, bench.signed()))
        except NotTried:
            return False
        if found.status is not None:
            return False
        if found.why != REFUSED or not bench.accepted or time.monotonic() > end:
            return True
        bench.stop.wait(0.1)
