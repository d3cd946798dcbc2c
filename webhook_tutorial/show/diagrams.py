"""Pictures of recorded traffic. A sequence diagram is drawn by JupyterLab; its plain twin says the same in lines."""

from itertools import groupby, permutations

from ..answers import never_sent
from ..look import FAILED_GROUND, mark_of, masked_url, one_line

_MOST = 24


def diagram(*traffic, most=_MOST):
    """Draw who sent what to whom, in the order in which it crossed the wire.

    Give the traffic of one end, or of both: an exchange that both ends recorded is drawn once. Exchanges that
    repeat (same request up to its query, same answer) are drawn as one loop with its count. What failed stands on a
    ground of its own colour.

    Args:
        *traffic: Each a `Traffic`, a `Server` (its traffic is meant), or a list of exchanges.
        most: How many exchanges are drawn at the most; the rest is counted in a last line.

    Returns:
        An object that JupyterLab 4.1 and newer show as a picture, and everything else as numbered lines.
    """
    views = [getattr(t, "traffic", t) for t in traffic]
    return Diagram(_merge([exchange for view in views for exchange in view]), most)


class Diagram:
    """A sequence diagram of exchanges: ``.mermaid`` is its source, ``str()`` its plain twin."""

    def __init__(self, pairs, most=_MOST):
        loops = [list(group) for _, group in groupby(pairs, key=_same)]
        shown, self._more = loops[:most], sum(map(len, loops[most:]))
        self._messages = _in_order(shown)

    @property
    def mermaid(self):
        """The source of the diagram in Mermaid's language."""
        lines = ["sequenceDiagram"]
        ends = _side_by_side(self._messages)
        ids = {name: f"p{i}" for i, name in enumerate(ends)}
        lines += [f"participant {ids[name]} as {_escape(name)}" for name in ends]
        for failed, run in groupby(self._messages, key=lambda message: message.failed):
            drawn = [line for message in run for line in message.mermaid(ids)]
            lines += drawn if failed is None else [f"rect {FAILED_GROUND}", *drawn, "end"]
        if self._more and ends:
            lines.append(f"Note over {ids[ends[0]]}: … and {self._more} more")
        return "\n".join(lines)

    def __str__(self):
        if not self._messages:
            return "Nothing crossed the wire."
        width = len(str(len(self._messages)))
        ends = [f"{m.source} {_PLAIN[m.arrow]} {m.target}" if m.arrow else m.source for m in self._messages]
        pad = max(map(len, ends))
        lines = []
        for i, (message, end) in enumerate(zip(self._messages, ends, strict=True), 1):
            times = f"  (× {message.times})" if message.times > 1 else ""
            lines.append(f"{i:>{width}}. {end.ljust(pad)}  {message.text}{times}")
        return "\n".join(lines + ([f"… and {self._more} more."] if self._more else []))

    __repr__ = __str__

    def _repr_mimebundle_(self, include=None, exclude=None):
        if not self._messages:
            return {"text/plain": str(self)}
        return {"text/vnd.mermaid": self.mermaid, "text/plain": str(self)}


_PLAIN = {"->>": "→", "-->>": "→", "-x": "✗", "--x": "✗"}


class _Message:
    """One arrow, or a note over one end where ``arrow`` is empty; ``failed`` is its exchange, if that failed."""

    def __init__(self, when, source, target, arrow, text, times):
        self.when, self.source, self.target, self.arrow = when, one_line(source), one_line(target), arrow
        self.text, self.times = one_line(text, 120), times
        self.opens_loop, self.closes_loop, self.failed = False, False, None

    def mermaid(self, ids):
        """Its lines in Mermaid's language, given the id of each end."""
        source = ids[self.source]
        start = f"{source}{self.arrow}{ids[self.target]}" if self.arrow else f"Note over {source}"
        opening = [f"loop {self.times} times"] if self.opens_loop else []
        return [*opening, f"{start}: {_escape(self.text)}", *(["end"] if self.closes_loop else [])]


def _merge(exchanges):
    """Pair what the sender recorded with what the receiver recorded of the same attempt, in order of their start.

    Two records are the same attempt if the request is the same and the receiver's began while the sender waited.
    """
    exchanges = sorted(dict.fromkeys(exchanges), key=lambda x: x.mark)
    sent = [x for x in exchanges if x.recorded_by == "sender"]
    sent.sort(key=lambda x: x.status is None)  # one that was answered knows best which record is its own
    taken, pairs = set(), []
    received = [x for x in exchanges if x.recorded_by != "sender"]
    for attempt in sent:
        match = next(
            (
                x
                for x in received
                if x not in taken
                and (x.method, x.receiver, x.target) == (attempt.method, attempt.receiver, attempt.target)
                # A stream's sender has no record of its body, and a receiver keeps only its beginning.
                and attempt.body[: len(x.body) or None] in (b"", x.body)
                and attempt.mark <= x.mark
                and x.mark <= attempt.mark + attempt.seconds
                and not never_sent(attempt.error)
            ),
            None,
        )
        if match:
            taken.add(match)
        pairs.append((attempt, match))
    pairs += [(None, x) for x in received if x not in taken]
    return sorted(pairs, key=lambda pair: (pair[0] or pair[1]).mark)


def _same(pair):
    """What two pairs must share to be drawn as one loop."""
    attempt, seen = pair
    known = attempt or seen
    ends = known.sender, known.receiver
    return (
        ends, known.method, known.path, known.event_type, known.status, known.error, bool(attempt),
        seen and (seen.status, seen.error), known.response_body, known.body,
    )  # fmt: skip


def _in_order(loops):
    messages = []
    for loop in loops:
        attempt, seen = loop[0]
        known = attempt or seen
        times = len(loop)
        source, target = known.sender, known.receiver
        end = known.mark + known.seconds
        arrived = attempt is None or seen is not None or known.status is not None
        ask = _Message(known.mark, source, target, "->>" if arrived else "-x", _request(known, times), times)
        mine = [ask]
        if known.status is not None:
            answer = _answer(seen or known)
            mine.append(_Message(end, target, source, "-->>", answer, times))
        else:
            mine.append(_Message(end, source, target, "", f"{mark_of(None)[0]} {known.error}", times))
            if seen is not None and seen.status is not None:
                # The receiver did answer; whoever asked was no longer there to hear it.
                late = max(end, seen.mark + seen.seconds)
                mine.append(_Message(late, target, source, "--x", _answer(seen) + ", unheard", times))
        for message in mine:
            message.failed = None if known.ok else known
            message.when = known.mark if times > 1 else message.when  # a loop stays together
        mine[0].opens_loop = mine[-1].closes_loop = times > 1
        messages += mine
    return sorted(messages, key=lambda m: m.when)


def _side_by_side(messages):
    """Order the ends so that few arrows cross a line between, and requests run from left to right."""
    ends = list(dict.fromkeys(name for m in messages for name in (m.source, m.target)))
    if len(ends) > 6:
        return ends

    def untidy(order):
        place = {name: i for i, name in enumerate(order)}
        spans = sum(abs(place[m.source] - place[m.target]) for m in messages)
        return spans, sum(m.arrow in ("->>", "-x") and place[m.source] > place[m.target] for m in messages)

    return min(permutations(ends), key=untidy)


def _request(exchange, times):
    path = one_line(masked_url(exchange.path if times > 1 else exchange.target), 40)
    return f"{exchange.method} {path}" + (f" {exchange.event_type}" if exchange.event_type else "")


def _answer(exchange):
    # What went well needs no mark in a picture that is full of arrows.
    failed = "" if exchange.ok else mark_of(exchange.status)[0] + " "
    return failed + exchange.outcome + (f" ({exchange.error})" if exchange.error else "")


def _escape(text):
    """Write text so that Mermaid takes none of it for its own language."""
    safe = " .,/?=&_-→✗✓…+()'!*@"
    return "".join(c if c.isalnum() or c in safe else f"#{ord(c)};" for c in text)
