"""A scene as data: who sends what to whom, what goes wrong, and what has to be true in the end. See `play`."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..clock import START, iso
from ..delivery import MINUTE
from ..events import encode, make_event
from ..look import one_line, visible

#: What both ends of every scene share. An example: a real one is random and stands in no file.
SECRET = "whsec_" + "RXhhbXBsZSBvbmx5" * 2

LONGEST = 24 * 60
_SHORTEST = 6  # what comes late or twice comes after five
MOST_EVENTS = 200


@dataclass(frozen=True, kw_only=True)
class Service:
    """A system that a handler calls: it keeps the JSON that is sent to it, and answers 201.

    What comes with POST is a new entry; with PUT it takes the place of what came to the same path before.

    Attributes:
        down: When it answers 503 and keeps nothing: pairs of minutes, from and to.
        lost: When it keeps what is new, and answers 504, as a gateway does that has lost the answer: pairs of minutes.
            Whoever asked cannot tell that from "not kept".
        down_status: What it answers while it is down; 504 if even that cannot be told from a lost answer.
        knows_keys: Whether a second request with the same ``Idempotency-Key`` is the first one again
            (draft-ietf-httpapi-idempotency-key-header).

    Raises:
        ValueError: A minute or a number is none.
    """

    down: tuple = ()
    lost: tuple = ()
    down_status: int = 503
    knows_keys: bool = True

    def __post_init__(self):
        for name in ("down", "lost"):
            pairs = getattr(self, name)
            if not _all(pairs, lambda pair: _all(pair, _is_end) and len(pair) == 2 and pair[0] <= pair[1]):
                raise ValueError(f"{name} is a tuple of pairs of minutes: ((8, 15),), not {pairs!r}.")
        if type(self.down_status) is not int or not 400 <= self.down_status < 600:
            raise ValueError(f"down_status is a status from 400 to 599, not {self.down_status!r}.")

    def __str__(self):
        words = [f"down from {time_of_day(begin)} to {time_of_day(end)}" for begin, end in self.down]
        words += [
            f"keeps what comes from {time_of_day(b)} to {time_of_day(e)}, and its answers are lost"
            for b, e in self.lost
        ]
        return "; ".join([*words, f"{'understands' if self.knows_keys else 'does not understand'} Idempotency-Key"])


def _all(values, test):
    return isinstance(values, (tuple, list)) and all(test(value) for value in values)


def _is_minute(value):
    return isinstance(value, (int, float)) and 0 <= value <= LONGEST


def _is_end(value):
    """Whether a scene may last until then."""
    return isinstance(value, (int, float)) and 0 <= value <= 2 * LONGEST


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Who sends what to whom, and what goes wrong. It begins on a Monday at 9:00; minutes count from there.

    Attributes:
        sender, receiver: Their names, in pictures too.
        events: Triples in the order of their time: the minute, the event's type, its data. Their ids are ``evt_1`` and
            so on.
        promise: What has to be true in the end, a sentence.
        broken: A function of the `Play` that returns how the promise was broken, a sentence, or an empty text. None
            leaves it unchecked.
        late: Numbers of events whose first attempt finds nobody (503), so that they come five minutes later.
        twice: Numbers of events whose first answer is lost (504), so that they come a second time.
        services: The systems that the handler may call, a `Service` by its name.
        tables: SQL statements for what the receiver keeps, a tuple; its tables have names of their own.
        within: In how many minutes after it happened an event has to be dealt with.
        secret: What both ends share.

    Raises:
        ValueError: Something of this is missing, or cannot be played.
    """

    sender: str
    receiver: str
    events: tuple
    promise: str = ""
    broken: object = None
    late: tuple = ()
    twice: tuple = ()
    services: Mapping = field(default_factory=dict)
    tables: tuple = ()
    within: int = 60
    secret: str = SECRET

    def __post_init__(self):
        services = self.services
        if not isinstance(services, Mapping) or not all(isinstance(service, Service) for service in services.values()):
            raise ValueError('services is a dictionary of Service by name: {"chat": Service()}.')
        names = [self.sender, self.receiver, *services]
        if not all(isinstance(name, str) and name.strip() for name in names) or len(set(names)) < len(names):
            raise ValueError(f"Sender, receiver and services have names, each another one, not {names}.")
        if self.broken is not None and not callable(self.broken):
            raise ValueError("broken is a function of the play that returns a text, empty if the promise was kept.")
        if not isinstance(self.secret, str) or not self.secret or not isinstance(self.promise, str):
            raise ValueError("The secret is a text and not empty, and the promise is a sentence.")
        if not _all(self.tables, lambda statement: isinstance(statement, str)):
            raise ValueError('tables is a tuple of statements: ("CREATE TABLE …",), with the comma.')
        self._check_events()
        if not (isinstance(self.within, (int, float)) and _SHORTEST <= self.within <= LONGEST):
            raise ValueError(f"within is a number of minutes, from {_SHORTEST} to {LONGEST}, not {self.within!r}.")

    def _check_events(self):
        if not isinstance(self.events, (tuple, list)) or not 1 <= len(self.events) <= MOST_EVENTS:
            raise ValueError(f"events is a tuple of 1 to {MOST_EVENTS} triples: a minute, a type, data.")
        for number, event in enumerate(self.events, 1):
            if not (isinstance(event, (tuple, list)) and len(event) == 3 and isinstance(event[2], Mapping)):
                raise ValueError(f'Event {number} is a triple: (0, "user_signup", {{"user": "Ada"}}), not {event!r}.')
            try:
                encode(make_event(event[1], dict(event[2]), timestamp=START))
            except (TypeError, ValueError) as error:
                raise ValueError(f"Event {number} cannot be sent: {error}") from None
        minutes = [event[0] for event in self.events]
        if not all(map(_is_minute, minutes)) or sorted(minutes) != minutes:
            raise ValueError(f"The minutes of the events are numbers from 0 to {LONGEST}, in order, not {minutes}.")
        for numbers in (self.late, self.twice):
            if not _all(numbers, lambda number: type(number) is int and 1 <= number <= len(self.events)):
                raise ValueError(
                    f"late and twice are tuples of numbers of events, from 1 to {len(self.events)}, not {numbers!r}."
                )

    def __repr__(self):
        return "\n".join([f"{visible(self.sender)} → {visible(self.receiver)}", *self._lines()])

    def _lines(self):
        shown = list(enumerate(self.events, 1))
        late, twice = "nobody answers at first: it comes 5 minutes later", "the answer is lost: it comes again"
        notes = {}
        for numbers, words in ((self.late, late), (self.twice, twice)):
            notes |= {number: [*notes.get(number, []), words] for number in numbers}
        width = max(len(_told(event)) for _, event in shown[:12])
        for number, event in shown[:12]:
            note = f"  ({', '.join(notes[number])})" if number in notes else ""
            yield f"  {_told(event).ljust(width) if note else _told(event)}{note}"
        if len(shown) > 12:
            yield f"  … and {len(shown) - 12} more, the last at {time_of_day(shown[-1][1][0])}"
        for name, service in self.services.items():
            yield f"{visible(name)}: {service}"
        yield f"Promise: {visible(self.promise)}"


def time_of_day(minute):
    """Return the time of a scene's minute, such as ``"09:05"``."""
    return iso(START + minute * MINUTE)[11:16]


def _told(event):
    minute, event_type, data = event
    return one_line(" ".join([time_of_day(minute), event_type, *(f"{k}={v}" for k, v in data.items())]), 90)
