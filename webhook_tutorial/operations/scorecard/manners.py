"""What the answers tell: to one who has no secret nothing but that it was refused."""

import re

from . import forgeries
from .findings import FAILED, HELD, MANNERS, NOT_APPLICABLE, Check, Finding
from .leaks import PATTERNS, TRACEBACK, plain, signature_pattern

#: A refusal is compared with the others if its check is one of these: each comes before or at the signature.
_ALIKE = ("unsigned", "wrong-signature", "tampered-body", "stale")


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
    limited = [name for name, one in refused.items() if one.status == 429]
    refused = {name: one for name, one in refused.items() if one.status != 429}
    first = refused.get("unsigned")
    if not first or len(refused) < 2:
        return Finding(NOT_APPLICABLE, "There were no two refusals to compare.")
    # A body that differs from one unsigned delivery to the next has something of its own in it, and is not compared.
    same_body = again.answer == first.answer or again.status == 429
    differ = [
        name
        for name, one in refused.items()
        if one.status != first.status or (same_body and one.answer != first.answer)
    ]
    notes = () if same_body else ("Each answer has something of its own in it, so only the statuses were compared.",)
    if limited:
        notes += ("Some were answered with 429, Too Many Requests, which was not compared.",)
    if not differ:
        return Finding(HELD, first.outcome, first, notes)
    words = "; ".join(f"{name}: {refused[name].outcome}" for name in ["unsigned", *differ])
    alike = {refused[name].status for name in differ} == {first.status}
    return Finding(FAILED, f"{words}{', with other words' if alike else ''}", refused[differ[0]], notes)


_HEADERS = ("Server", "X-Powered-By", "X-AspNet-Version", "Via")


def _leaks(bench):
    """Search every answer: its body, its headers and the words beside its status."""
    found, seen = {}, {}
    for sent in bench.sent:
        for what in _in(sent, bench.maker, seen):
            found.setdefault(what, sent)
    versions = sorted(
        {
            name
            for sent in bench.sent
            for name in _HEADERS
            if re.search(r"\d\.\d", sent.exchange.answer_headers.get(name, ""))
        }
    )
    cure = "nginx leaves it out with server_tokens off"
    notes = tuple(f"The header {name} tells a version{f': {cure}' if name == 'Server' else ''}." for name in versions)
    if not found:
        return Finding(HELD, f"nothing in {'any' if bench.sent else 'no'} answer", None, notes)
    words = "; ".join(f"{what}, in the answer to {sent.check.name}" for what, sent in found.items())
    return Finding(FAILED, words, next(iter(found.values())).exchange, notes)


def _in(sent, maker, seen):
    """What an answer leaks. ``seen`` remembers what was found in a text, as most answers are alike."""
    exchange = sent.exchange
    head = "\n".join([exchange.phrase, *exchange.answer_headers.values()])
    for text, names in ((exchange.answer, PATTERNS), (head, (TRACEBACK,))):
        if text not in seen:
            whole = plain(text.decode("utf-8", "replace") if isinstance(text, bytes) else text)
            seen[text] = [what for what in names if PATTERNS[what].search(whole)]
        yield from seen[text]
    if exchange.told_secret:
        yield "the secret"
    fits = sent.delivery.fits
    # A signature that was sent, of a body that was changed afterwards, may be repeated.
    if maker.secret and not sent.delivery.signed and fits and fits not in str(sent.delivery.headers):
        pattern = signature_pattern(maker.dialect, fits)
        if pattern and (pattern.search(exchange.answer) or pattern.search(head.encode("utf-8", "replace"))):
            yield "the signature that would have fitted"


UNIFORM = Check(
    "uniform", "Whoever has no valid signature hears the same, whatever is wrong.", "manners", MANNERS,
    ("04_signatures.ipynb", "Compare without telling"), _uniform,
)  # fmt: skip
LEAKS = Check(
    "leaks", "No answer tells the secret, the signature or a traceback, nor a version in its body.", "manners", MANNERS,
    ("11_monitoring.ipynb", "What never goes into a log"), _leaks, looks_back=True,
)  # fmt: skip
