"""What the answers tell: to one who has no secret nothing but that it was refused."""

import html
import re

from . import forgeries
from .findings import FAILED, HELD, MANNERS, NOT_APPLICABLE, Check, Finding

#: A refusal is compared with the others if its check is one of these: each comes before or at the signature.
_ALIKE = ("unsigned", "wrong-signature", "tampered-body", "stale")
#: A secret, or a part of it, that is shorter than this is found anywhere.
_SHORTEST = 6


def _uniform(bench):
    """Compare the refusals that come before the signature has been verified: status and body."""
    maker = bench.maker
    again = bench.send(forgeries.unsigned(maker, bench.signed()))
    seen = {name: bench.refusals[name] for name in _ALIKE if name in bench.refusals}
    if not maker.provider.is_form and "signature" not in maker.in_body:
        cut = forgeries.unsigned(maker, bench.signed(write=lambda event: event.encode()[:-9]))
        seen["unsigned and no JSON"] = bench.send(cut)
        seen["unsigned and empty"] = bench.send(forgeries.unsigned(maker, bench.signed(write=lambda event: b"")))
    refused = {name: one for name, one in seen.items() if one.status is not None and one.status >= 300}
    first = refused.get("unsigned")
    if not first or len(refused) < 2:
        return Finding(NOT_APPLICABLE, "There were no two refusals to compare.")
    # A body that differs from one unsigned delivery to the next has something of its own in it, and is not compared.
    same_body = again.answer == first.answer
    differ = [
        name
        for name, one in refused.items()
        if one.status != first.status or (same_body and one.answer != first.answer)
    ]
    notes = () if same_body else ("Each answer has something of its own in it, so only the statuses were compared.",)
    if not differ:
        return Finding(HELD, first.outcome, first, notes)
    words = "; ".join(f"{name}: {refused[name].outcome}" for name in ["unsigned", *differ])
    alike = {refused[name].status for name in differ} == {first.status}
    return Finding(FAILED, f"{words}{', with other words' if alike else ''}", refused[differ[0]], notes)


_VERSIONED = (
    r"python|werkzeug|flask|django|gunicorn|uvicorn|hypercorn|waitress|granian|nginx|openresty|apache|caddy|express|node(?:\.js)?|"
    r"deno|bun|php|ruby|puma|rails|rack|jetty|tomcat|undertow|kestrel|asp\.net|microsoft-iis|go|java|openjdk|perl"
)  # fmt: skip
_LEAKS = {
    "a traceback": re.compile(
        "|".join(
            (
                r"Traceback \(most recent call last\)",
                r"File \"[^\"\n]+\", line \d+",
                r"^\s+at \S+.*[(:]\S+:\d+",
                r"^\s+at [\w.$]+\([\w.]+:\d+\)",
                r"goroutine \d+ \[",
                r"\.go:\d+ \+0x",
                r"\.rb:\d+:in ",
                r"\.php on line \d+",
                r"(?:/|[A-Z]:\\)[^\s\"'<>|]{1,200}\.(?:js|mjs|cjs|ts|py|rb|php|go|java|cs):\d+",
            )
        ),
        re.MULTILINE,
    ),
    "the class of an exception": re.compile(
        r"\b(?:Key|Type|Value|Attribute|Index|Unicode\w{0,12}|JSONDecode|Recursion|Syntax|Reference|Range|Assertion|"
        r"Integrity|Operational|OS|Runtime|Name|ZeroDivision|NoMethod|Argument|Signature|WebhookVerification)Error\b|"
        r"\b[A-Z]\w{2,40}Exception\b|\bpanic: "
    ),
    "a version": re.compile(rf"\b(?:{_VERSIONED})[/ ]v?\d+(?:\.\d+)+", re.IGNORECASE),
}
_HEADERS = ("Server", "X-Powered-By", "X-AspNet-Version", "Via")


def _leaks(bench):
    """Search every answer."""
    found = {}
    for sent in bench.sent:
        text = _plain(sent.exchange.answer.decode("utf-8", "replace"))
        for what in _in(text, sent, bench.maker):
            found.setdefault(what, sent)
    versions = sorted(
        {
            name
            for sent in bench.sent
            for name in _HEADERS
            if re.search(r"\d\.\d", sent.exchange.answer_headers.get(name, ""))
        }
    )
    notes = tuple(f"The header {name} tells a version." for name in versions)
    if not found:
        return Finding(HELD, f"nothing in {'any' if bench.sent else 'no'} answer", None, notes)
    words = "; ".join(f"{what}, in the answer to {sent.check.name}" for what, sent in found.items())
    return Finding(FAILED, words, next(iter(found.values())).exchange, notes)


def _plain(text):
    """A text with what HTML makes of it, so that a traceback in a page reads as one in a log does."""
    return f"{text}\n{html.unescape(re.sub('<br ?/?>', chr(10), text)).replace(chr(0xA0), ' ')}"


def _in(text, sent, maker):
    """What an answer's text leaks."""
    yield from (what for what, pattern in _LEAKS.items() if pattern.search(text))
    secret = maker.secret or ""
    bare = secret.removeprefix(maker.dialect.key_prefix).removeprefix(maker.dialect.private_prefix)
    if len(bare) >= _SHORTEST and bare in text:
        yield "the secret"
    fits = sent.delivery.fits
    if maker.secret and not sent.delivery.signed and len(fits) >= _SHORTEST and fits in text:
        yield "the signature that would have fitted"


UNIFORM = Check(
    "uniform", "Who has no valid signature is told the same, whatever is wrong.", "manners", MANNERS,
    ("04_signatures.ipynb", "Compare without telling"), _uniform,
)  # fmt: skip
LEAKS = Check(
    "leaks", "No answer tells a traceback, a version, the secret or the signature.", "manners", MANNERS,
    ("11_monitoring.ipynb", "What never goes into a log"), _leaks, looks_back=True,
)  # fmt: skip
