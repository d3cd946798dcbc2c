"""Many at once, some of them slow: each is answered in time, and in the end the receiver is still there."""

import contextlib
import threading
import time
from collections import Counter

from ...answers import ok
from .findings import FAILED, HELD, NOT_TRIED, STURDY, Check, Finding
from .wire import TIMED_OUT, Line, Stopped

#: How many deliveries come at once, over how many connections at a time.
BURST, CONNECTIONS = 40, 20
#: How many slow connections there are, and how many valid deliveries come meanwhile.
SLOW, MEANWHILE = 50, 3
#: How often a slow connection sends a byte, in seconds.
_NOW_AND_THEN = 0.1


def _quick(bench):
    ordinary = [sent for sent in bench.sent if sent.check.group == "accepts"]
    answered = [sent for sent in ordinary if sent.exchange.status is not None or sent.exchange.why == TIMED_OUT]
    if not answered:
        return Finding(NOT_TRIED, "There was no answer.")
    slow = [sent for sent in answered if sent.exchange.seconds > bench.patience]
    if slow:
        names = ", ".join(dict.fromkeys(sent.check.name for sent in slow))
        return Finding(FAILED, f"longer than {bench.patience:g} s: {names}", slow[0].exchange)
    return Finding(HELD, f"each answer within {bench.patience:g} s", answered[0].exchange)


def _burst(bench):
    share = BURST // CONNECTIONS

    def work():
        return [bench.send(bench.maker.delivery()) for _ in range(share)]

    seen = [one for several in bench.together([work] * CONNECTIONS) for one in several]
    late = [one for one in seen if ok(one.status) and one.seconds > bench.patience]
    wrong = [one for one in seen if not ok(one.status)]
    good = BURST - len(late) - len(wrong)
    words = [f"{good} of {BURST} accepted within {bench.patience:g} s"]
    words += [f"{len(late)} later"] if late else []
    words += [f"{count}: {outcome}" for outcome, count in sorted(Counter(one.outcome for one in wrong).items())]
    return Finding(FAILED if wrong or late else HELD, "; ".join(words), (wrong or late or seen)[0])


class _Slow:
    """Connections that send a byte now and then, half of them in the head and half in the body."""

    def __init__(self, bench):
        self._bench, self._lines, self._ended = bench, [], threading.Event()
        self.cut, self._next = 0, 0
        self._thread = threading.Thread(target=self._drip, name="scorecard", daemon=True)

    def __enter__(self):
        try:
            for number in range(SLOW):
                self._open(number)
            self._thread.start()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join()
        self.cut = sum(self._is_cut(line) for line in self._lines) + SLOW - len(self._lines)
        self._close()

    def _open(self, number):
        self._bench.may_send()
        data = self._bench.signed().request().bytes(self._bench.where)
        end = data.index(b"\r\n") + 2 if number % 2 else data.index(b"\r\n\r\n") + 5
        try:
            line = Line(self._bench.where, time.monotonic() + self._bench.left(), self._bench.stop)
        except OSError:
            return
        self._lines.append(line)
        line.rest = data[end:]
        line.send(data[:end])
        line.flush()

    def _drip(self):
        while not self._ended.wait(_NOW_AND_THEN) and not self._bench.stop.is_set():
            for line in self._lines:
                # The last byte is never sent: so none of them is ever complete.
                if len(line.rest) > 1:
                    with contextlib.suppress(OSError, Stopped):
                        line.send(line.rest[:1])
                        line.push()
                    line.rest = line.rest[1:]

    @staticmethod
    def _is_cut(line):
        try:
            return line.socket.recv(1) is not None
        except BlockingIOError:
            return False
        except OSError as error:
            return "did not complete" not in str(error)  # of TLS: nothing is there to be read

    def _close(self):
        for line in self._lines:
            line.close()


def _slow_clients(bench):
    with _Slow(bench) as slow:
        bench.stop.wait(3 * _NOW_AND_THEN)
        seen = []
        for _ in range(MEANWHILE):
            seen.append(bench.send(bench.maker.delivery()))
            if seen[-1].why == TIMED_OUT:
                break
    wrong = [one for one in seen if not ok(one.status) or one.seconds > bench.patience]
    notes = (f"{slow.cut} of {SLOW} slow connections were cut by the receiver.",)
    if not wrong:
        return Finding(HELD, f"{len(seen)} accepted within {bench.patience:g} s meanwhile", seen[0], notes)
    words = wrong[0].outcome if not ok(wrong[0].status) else f"later than {bench.patience:g} s"
    return Finding(FAILED, f"a valid delivery meanwhile: {words}", wrong[0], notes)


def _still_there(bench):
    end = time.monotonic() + bench.patience
    while True:
        found = bench.send(bench.maker.delivery())
        if ok(found.status) or time.monotonic() > end:
            return Finding(HELD if ok(found.status) else FAILED, found.outcome, found)
        bench.stop.wait(_NOW_AND_THEN)


_ANSWER = ("02_receiver.ipynb", "Break it: work before the answer")
_LATER = ("02_receiver.ipynb", "Store, answer, work")
LOAD = tuple(
    Check(name, title, "load", STURDY, lesson, run, looks_back=run is _quick)
    for name, title, lesson, run in (
        ("quick", "Each ordinary delivery is answered in time.", _ANSWER, _quick),
        ("burst", f"{BURST} deliveries at once are accepted in time.", _LATER, _burst),
        ("slow-clients", f"{SLOW} slow connections keep nobody waiting.", _LATER, _slow_clients),
    )
)
STILL_THERE = Check(
    "still-there", "After all of it, a valid delivery is accepted.", "load", STURDY,
    ("02_receiver.ipynb", "Validate"), _still_there,
)  # fmt: skip
