"""Ask why a delivery is refused."""

import time
from collections.abc import Mapping

from ...look import one_line
from ..checks import CHECKS, SignatureError
from ..dialects import STANDARD_WEBHOOKS
from ..methods import list_secrets
from ..places import MOST_SIGNATURES, check_given
from ..signature import verify
from .addresses import address_of
from .case import Case
from .cures import CURES, LESSONS
from .diagnosis import Diagnosis, Finding
from .differences import differences
from .mistakes import MISTAKES, WRITTEN_BY
from .search import Enough, Search, read
from .signs import signs
from .work import Work

[_COMPARE_AGE] = [check.run for check in CHECKS if check.name == "age"]


def diagnose(body, headers, secret, dialect=STANDARD_WEBHOOKS, *, secrets=None, method="", url="", clock=None):
    """Find out why a delivery is refused; return a `Diagnosis`.

    It undoes the mistakes that it knows, one by one and then two by two, and asks `verify` each time whether the
    signature fits now. What it says was found makes it fit; what it suspects does not. No secret is in what it returns.

    It is for you, at your desk: a receiver answers what it refuses with a bare 401, whatever the doctor says.

    Args:
        body, headers, secret, dialect, clock: As `verify` takes them; a secret that cannot be read is a finding too.
        secrets: Other secrets of yours to try, a mapping: what you call each of them, and the secret. What you call it
            is shown. Leave out what is public: a stranger can sign with that.
        method, url: As `verify` takes them, for a dialect that signs them.

    Raises:
        TypeError: The body is not bytes, a secret is not text, or headers or secrets are no mapping.
        ValueError: No secret is given, or the dialect signs the method or the URL, and it is not given.
    """
    check_given(dialect, method, url)
    case = _case(body, headers, secret, dialect, secrets, method, url)
    clock = _Stopped(clock)
    reason = _refusal(case, headers, clock)
    if not reason:
        return Diagnosis(ok=True)
    search, complete = Search(case), True
    try:
        steps = search.run()
    except Enough:
        steps, complete = None, False
    findings = () if steps is None else (*map(_finding, steps), *_of_its_age(case, steps, clock))
    return Diagnosis(
        ok=False,
        reason=reason,
        findings=findings,
        suspected=() if findings else tuple(dict.fromkeys(signs(case, search.tried))),
        ruled_out=() if findings else tuple(search.tried),
        computations=search.computations,
        complete=complete and not case.work.skipped,
    )


def _case(body, headers, secret, dialect, secrets, method, url):
    if not isinstance(body, (bytes, bytearray)):
        raise TypeError(f"The body must be the raw bytes that arrived, not {type(body).__name__}.")
    if not hasattr(headers, "items"):
        raise TypeError(f"The headers are a mapping of text to text, not {type(headers).__name__}.")
    if not (secrets is None or isinstance(secrets, Mapping)):
        raise TypeError(f"secrets is a mapping, what you call a secret to the secret, not {type(secrets).__name__}.")
    texts = _texts(secret)
    others = {str(name): _texts(other) for name, other in (secrets or {}).items()}
    named, twins = _named(headers, dialect)
    return Case(bytes(body), named, texts, dialect, others, Work(), method=method, url=url, twins=twins)


def _named(headers, dialect):
    """The headers by their names in small letters, and the values of those that `verify` takes no notice of.

    Of two names that differ in case it reads the one that is spelled as in the dialect, or else the first.
    """
    several = {}
    for name, value in headers.items():
        if isinstance(name, (str, bytes)):
            several.setdefault(name.lower(), {}).setdefault(name, value)
    read = (dialect.id, dialect.timestamp_header, *dialect.signed_headers, "Content-Type")
    spelled = {dialect.signature.replace("{n}", str(n)) for n in range(1, MOST_SIGNATURES + 1)} | set(read)
    named, twins = {}, {}
    for name, values in several.items():
        first, *others = sorted(values, key=lambda one: one not in spelled)
        named[name] = values[first]
        if others:
            twins[name] = tuple(values[other] for other in others[:8])
    return named, twins


class _Stopped:
    """A clock that stands still: whatever is asked about one delivery is asked about one moment."""

    def __init__(self, clock):
        self._now = clock.now() if clock else time.time()

    def now(self):
        return self._now


def _texts(secret):
    texts = tuple(list_secrets(secret))
    for text in texts:
        if not isinstance(text, str):
            raise TypeError(f"A secret is text, not {type(text).__name__}.")
    return texts


def _refusal(case, headers, clock):
    """Why `verify` refuses it, a word; empty if it does not."""
    placed = {name: getattr(case, name) for name in ("method", "url") if name in case.dialect.places}
    try:
        verify(case.body, headers, case.secret, case.dialect, clock=clock, **placed)
    except SignatureError as error:
        return error.reason
    except ValueError:
        return "secret"
    return ""


def _finding(step):
    first, *also = step.names
    mistake = MISTAKES[first]
    return Finding(
        axis=step.axis,
        name=first,
        words=_words(step),
        cure=CURES[mistake.cure],
        also=tuple(also),
        lesson=LESSONS[step.axis],
    )


def _words(step):
    """What happened; where several mistakes leave the same behind, all of them."""
    given, mended = step.given, step.mended
    called = " or ".join(repr(one_line(name)) for name, secret in given.others.items() if secret == mended.secret)
    details = {
        "others": called, "dialect": mended.dialect.name, "signed": mended.dialect.signed, "hash": mended.hash.upper(),
        "method": one_line(mended.method), **_of_the_address(mended.url),
    }  # fmt: skip
    sentences = dict.fromkeys(MISTAKES[name].words for name in step.names)
    words = " Or: ".join(sentence.format(**details) for sentence in sentences)
    if any(name.startswith("rewritten") for name in step.names):
        by = [WRITTEN_BY[name] for name in step.names if name in WRITTEN_BY]
        words += f" It looks like {' or '.join(by)}." if by else ""
        if differ := differences(mended.body, given.body):
            words += f" What differs: {', '.join(differ)}."
    return words


def _of_the_address(url):
    """What may be shown of a URL."""
    address = address_of(url)
    if not address:
        return dict.fromkeys(("scheme", "host", "port", "origin"), "")
    origin = address._replace(path="", query="", fragment="")
    port = f"with :{address.port}" if address.port else "without a port"
    return {"scheme": address.scheme, "host": address.host, "port": port, "origin": str(origin)}


def _of_its_age(case, steps, clock):
    """Findings about the time of a delivery that is mended but for its age."""
    mended = steps[-1].mended if steps else case
    received = read(mended)
    received.clock = clock
    try:
        _COMPARE_AGE(received)
    except SignatureError as error:
        name = error.reason.replace("_", "-")
        name = _wrong_unit(received) or name
        mistake = MISTAKES[name]
        words = f"{mistake.words} {error}"
        yield Finding("time", name, words, CURES[mistake.cure], lesson=LESSONS["time"])


def _wrong_unit(received):
    """The name of the mistake where a time is read in another unit than it is written in, as its length tells."""
    digits = len(received.timestamp) if received.timestamp.isdigit() else 0
    if received.dialect.time_format == "seconds" and digits > 11:
        return "milliseconds"
    return "seconds" if received.dialect.time_format == "milliseconds" and 9 <= digits <= 11 else ""
