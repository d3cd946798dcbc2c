"""A report for programs: as a dictionary for JSON, and as JUnit's XML, which every CI server can show."""

import re
import xml.etree.ElementTree as ET
from collections import Counter

from ...look import preview, visible
from .again import again_in_words, command
from .findings import CANNOT_BE_SEEN, FAILED, HELD, NOT_APPLICABLE, NOT_COUNTED, NOT_TRIED, OUTCOMES

#: So many characters of an answer's body are shown.
_SHOWN = 2_000


def as_dict(report):
    """Return a report as a dictionary that JSON can hold.

    Returns:
        ``url``, ``dialect``, ``signed`` (whether there was a secret), ``grade`` (0 to 100), ``ok`` (nothing failed,
        and all was tried), ``requests``, ``seconds``, ``counts`` (of each outcome), ``unseen`` (what no check from
        outside can see) and ``checks``, a list. Each has ``name``, ``title``, ``group``, ``points``, ``outcome``,
        ``words``, ``notes``, ``lesson`` (a file in ``notebooks`` with an anchor), and, where a request shows it:
        ``curl`` (a command that shows it again), ``good_for`` (for how many seconds that is of use, or null),
        ``request`` (``method``, ``headers``, ``bytes`` of the body) and ``answer`` (``status``, ``headers``,
        ``body``: its first 2000 characters), or null and ``why``.
    """
    counts = Counter(result.outcome for result in report.results)
    return {
        "url": report.url,
        "dialect": report.dialect,
        "signed": report.signed,
        "grade": report.grade,
        "ok": report.ok,
        "requests": report.requests,
        "seconds": round(report.seconds, 3),
        "counts": {outcome: counts[outcome] for outcome in OUTCOMES},
        "unseen": report.unseen,
        "checks": [_check(result) for result in report.results],
    }


def _check(result):
    fields = {name: getattr(result.check, name) for name in ("name", "title", "group", "points")}
    fields |= {"outcome": result.outcome, "words": result.words, "notes": [*result.notes], "lesson": result.lesson}
    exchange = result.exchange
    if exchange is None:
        return fields
    request = exchange.request
    fields |= {
        "curl": command(exchange),
        "good_for": request.good_for,
        "request": {"method": request.method, "headers": dict(request.headers), "bytes": len(request.body)},
        "answer": None,
        "why": exchange.why,
    }
    if exchange.status is not None:
        body = preview(exchange.answer, _SHOWN)
        fields["answer"] = {"status": exchange.status, "headers": dict(exchange.answer_headers), "body": body}
    return fields


#: What becomes of an outcome in JUnit; nothing of one that held.
_TAGS = {
    FAILED: "failure",
    NOT_TRIED: "error",
    NOT_COUNTED: "skipped",
    CANNOT_BE_SEEN: "skipped",
    NOT_APPLICABLE: "skipped",
}
_NOT_XML = re.compile("[\ufffe\uffff]")


def as_junit(report):
    """Return a report as JUnit's XML, a text: a test case for each check. What was not tried is an error."""
    counts = Counter(_TAGS.get(result.outcome) for result in report.results)
    suite = ET.Element(
        "testsuite",
        name=f"webhook receiver {report.grade}/100",
        tests=str(len(report.results)),
        failures=str(counts["failure"]),
        errors=str(counts["error"]),
        skipped=str(counts["skipped"]),
        time=f"{report.seconds:.3f}",
    )
    for result in report.results:
        case = ET.SubElement(suite, "testcase", classname=f"scorecard.{result.check.group}", name=result.name)
        tag = _TAGS.get(result.outcome)
        if tag:
            said = ET.SubElement(case, tag, message=_clean(f"{result.outcome}: {result.words}"))
            said.text = _clean(_details(result)) if result.outcome == FAILED else None
        if result.outcome == HELD and result.notes:
            ET.SubElement(case, "system-out").text = _clean("\n".join(result.notes))
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _details(result):
    lines = [result.title, *result.notes]
    if result.exchange:
        lines.append(f"{again_in_words(result.exchange)} {command(result.exchange)}")
    return "\n".join([*lines, f"Lesson: notebooks/{result.lesson}"])


def _clean(text):
    """A text without what XML cannot hold."""
    return "\n".join(_NOT_XML.sub("�", visible(line)) for line in text.split("\n"))
