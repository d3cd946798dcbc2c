"""diagram(): each exchange once, in the order of the wire, in Mermaid and in plain lines."""

import json
import re
import threading

import pytest
import requests
from flask import Flask
from hypothesis import example, given, settings
from hypothesis import strategies as st

from webhook_tutorial import Exchange, Traffic, diagram, serve, watch

SETTINGS = settings(max_examples=150, deadline=None, derandomize=True, database=None)


def sent(mark, seconds=0.5, **fields):
    """What a sender recorded."""
    return Exchange(
        **{
            "method": "POST",
            "url": "http://127.0.0.1:1/hook",
            "status": 200,
            "sender": "shop",
            "receiver": "receiver",
            "recorded_by": "sender",
            "mark": mark,
            "seconds": seconds,
        }
        | fields
    )


def received(mark, seconds=0.1, **fields):
    """What a receiver recorded: it does not know who sends."""
    return sent(mark, seconds, **{"sender": "client", "recorded_by": "receiver"} | fields)


def plain(*traffic, **options):
    """The plain twin as lines with single spaces."""
    return [re.sub(" +", " ", line).strip() for line in str(diagram(*traffic, **options)).splitlines()]


def mermaid(*traffic, **options):
    return diagram(*traffic, **options).mermaid.splitlines()


GROUND = "rect rgba(213, 94, 0, 0.2)"


def grounds(*traffic):
    """What Mermaid writes at its arrows and notes, each ground of a failure as a list of its own."""
    drawn, inside = [], []
    for line in mermaid(*traffic):
        if line == GROUND:
            assert not inside, "a ground on a ground"
            drawn.append([])
            inside.append("rect")
        elif line.startswith("loop "):
            inside.append("loop")
        elif line == "end":
            inside.pop()
        elif re.match(r"p\d-|Note", line):
            (drawn[-1] if "rect" in inside else drawn).append(line.split(": ")[1])
    assert not inside
    return drawn


def test_one_exchange_is_two_messages():
    assert mermaid([sent(1, body=b'{"event_type":"order_placed"}')]) == [
        "sequenceDiagram",
        "participant p0 as shop",
        "participant p1 as receiver",
        "p0->>p1: POST /hook order_placed",
        "p1-->>p0: 200 OK",
    ]
    assert plain([sent(1)]) == ["1. shop → receiver POST /hook", "2. receiver → shop 200 OK"]


def test_what_both_ends_recorded_is_drawn_once():
    both = diagram([sent(1)], [received(1.1)])
    assert both.mermaid == diagram([sent(1)]).mermaid
    assert diagram([received(1.1)], [sent(1)]).mermaid == both.mermaid


def test_the_same_exchange_given_twice_is_drawn_once():
    traffic = Traffic([sent(1)])
    assert mermaid(traffic, traffic) == mermaid(traffic)


def test_what_only_one_end_recorded_is_drawn_too():
    assert len(plain([sent(1)], [received(5)])) == 4
    assert len(plain([sent(1, body=b"a")], [received(1.1, body=b"b")])) == 4
    assert len(plain([sent(1)], [received(1.1, receiver="other")])) == 4


def test_each_record_is_paired_at_most_once():
    lines = plain([sent(1, 0.5), sent(2, 0.5)], [received(1.1, status=200), received(2.1, status=200)], [received(3)])
    assert len(lines) == 4  # one loop of two, and the third from a client
    assert lines[0].endswith("(× 2)") and lines[2] == "3. client → receiver POST /hook"


def test_real_traffic_of_both_ends_is_drawn_once_and_nested_calls_in_their_order():
    inner, outer = Flask("inner"), Flask("outer")
    inner.get("/in")(lambda: "in")

    with serve(inner) as inside:
        outer.get("/out")(lambda: requests.get(inside.url + "/in", timeout=5).text)
        with serve(outer) as outside, watch("learner") as mine:
            requests.get(outside.url + "/out", timeout=5)
            assert plain(mine, outside, inside) == [
                "1. learner → outer GET /out",
                "2. outer → inner GET /in",
                "3. inner → outer 200 OK",
                "4. outer → learner 200 OK",
            ]
            assert plain(inside, mine, outside.traffic) == plain(mine, outside, inside)


def test_a_server_may_be_given_for_its_traffic():
    with serve(lambda environ, start: [start("204 No Content", [])][:0], name="receiver") as server:
        requests.get(server.url, timeout=5)
        assert (
            plain(server)
            == plain(server.traffic)
            == ["1. client → receiver GET /", "2. receiver → client 204 No Content"]
        )


def test_a_refused_attempt_never_arrives():
    assert mermaid([sent(1, status=None, error="connection refused")])[3:] == [
        GROUND,
        "p0-xp1: POST /hook",
        "Note over p0: ✗ connection refused",
        "end",
    ]
    assert plain([sent(1, status=None, error="connection refused")]) == [
        "1. shop ✗ receiver POST /hook",
        "2. shop ✗ connection refused",
    ]


def test_what_failed_stands_on_a_ground_of_its_own_and_what_went_well_on_none():
    a, b = "http://127.0.0.1:1/a", "http://127.0.0.1:1/b"
    refused = sent(5, status=None, error="connection refused")
    traffic = [sent(1, url=a), sent(2, url=b, status=500), sent(3, status=302), sent(4, url=a), refused]
    assert grounds(traffic) == [
        "POST /a",
        "200 OK",
        ["POST /b", "✗ 500 Internal Server Error"],
        ["POST /hook", "✗ 302 Found"],
        "POST /a",
        "200 OK",
        ["POST /hook", "✗ connection refused"],
    ]


def test_an_answer_that_nobody_heard_stands_on_the_ground_of_its_request():
    lost = sent(1, 0.5, status=None, error="timed out")
    assert grounds([lost, sent(9)], [received(1.1, 2.0)]) == [
        ["POST /hook", "✗ timed out", "200 OK, unheard"],
        "POST /hook",
        "200 OK",
    ]


def test_a_ground_ends_where_another_exchange_comes_between():
    well, failed = sent(1.1, 1, url="http://127.0.0.1:1/a"), sent(1, 2, status=503)
    also = sent(1.2, 3, status=500, url="http://127.0.0.1:1/b")
    assert grounds([well, failed, also]) == [
        ["POST /hook"],
        "POST /a",
        ["POST /b"],
        "200 OK",
        ["✗ 503 Service Unavailable"],
        ["✗ 500 Internal Server Error"],
    ]


def test_a_loop_of_failures_stands_whole_on_one_ground():
    lines = mermaid([sent(n, 0.1, status=503) for n in range(4)])[3:]
    assert lines == [GROUND, "loop 4 times", "p0->>p1: POST /hook", "p1-->>p0: ✗ 503 Service Unavailable", "end", "end"]


EXCHANGES = st.tuples(st.integers(0, 9), st.integers(0, 5), st.sampled_from([200, 500, None]), st.sampled_from("ab"))


@given(st.lists(EXCHANGES, max_size=12))
@example([(1, 0, 500, "a"), (1, 0, 500, "a"), (1, 0, 200, "b"), (1, 0, 200, "b")])
@SETTINGS
def test_a_ground_and_a_loop_lie_one_in_the_other_whatever_overlaps(fields):
    made = [sent(m, s, status=code, url=f"http://127.0.0.1:1/{path}") for m, s, code, path in fields]
    drawn = grounds(made)
    assert not any("✗" in text for text in drawn if isinstance(text, str))
    assert all(text.startswith(("POST", "✗")) for ground in drawn if isinstance(ground, list) for text in ground)
    lines = mermaid(made)
    for start in (n for n, line in enumerate(lines) if line.startswith("loop ")):
        assert lines[start + 3] == "end" and "end" not in lines[start : start + 3]


@pytest.mark.parametrize("error", ["connection refused", "could not connect", "TLS failed", "blocked: loopback"])
def test_an_attempt_that_was_never_sent_is_not_what_the_receiver_got_later(error):
    refused = sent(1, seconds=9, status=None, error=error)
    assert any(line.endswith("client → receiver POST /hook") for line in plain([refused], [received(5)]))


def test_an_answer_that_nobody_waits_for_any_more_is_drawn_unheard():
    late = plain([sent(1, 0.5, status=None, error="timed out")], [received(1.1, 2.0)])
    assert late == [
        "1. shop → receiver POST /hook",
        "2. shop ✗ timed out",
        "3. receiver ✗ shop 200 OK, unheard",
    ]
    assert "p1--xp0: 200 OK, unheard" in mermaid([sent(1, status=None, error="timed out")], [received(1.1, 2.0)])


def test_a_real_late_answer_is_drawn_unheard():
    release = threading.Event()

    def slow(environ, start_response):
        release.wait(5)
        start_response("200 OK", [("Content-Length", "0")])
        return []

    with serve(slow, name="receiver") as server:
        with watch("shop") as mine, pytest.raises(requests.Timeout):
            requests.get(server.url, timeout=0.1)
        release.set()
        server.traffic.wait_for(1)
        assert plain(mine, server)[2] == "3. receiver ✗ shop 200 OK, unheard"


def test_a_retry_that_was_answered_is_not_taken_for_the_lost_attempt_before_it():
    lost = sent(1, 0.1, status=None, error="connection lost")
    lines = plain([lost, sent(2, 0.5)], [received(2.1)])
    assert lines == [
        "1. shop ✗ receiver POST /hook",
        "2. shop ✗ connection lost",
        "3. shop → receiver POST /hook",
        "4. receiver → shop 200 OK",
    ]


def test_a_failure_is_marked_and_says_what_the_handler_raised():
    lines = plain([sent(1, status=500)], [received(1.1, status=500, error="KeyError")])
    assert lines[1] == "2. receiver → shop ✗ 500 Internal Server Error (KeyError)"


def test_repetitions_are_one_loop_with_their_count():
    polls = [sent(n, 0.1, method="GET", url=f"http://127.0.0.1:1/orders?since={n}") for n in range(5)]
    assert mermaid(polls)[3:] == ["loop 5 times", "p0->>p1: GET /orders", "p1-->>p0: 200 OK", "end"]
    assert plain(polls) == ["1. shop → receiver GET /orders (× 5)", "2. receiver → shop 200 OK (× 5)"]


@pytest.mark.parametrize(
    "other",
    [
        {"status": 500},
        {"method": "GET"},
        {"url": "http://127.0.0.1:1/other"},
        {"body": b"x"},
        {"response_body": b"x"},
        {"sender": "other"},
        {"receiver": "other"},
        {"status": None, "error": "connection refused"},
        {"body": b'{"event_type": "a"}'},
    ],
)
def test_what_differs_is_no_repetition(other):
    lines = mermaid([sent(1), sent(2, **other), sent(3)])
    assert not any(line.startswith("loop") for line in lines)
    assert sum("->>" in line or "-x" in line for line in lines) >= 3


def test_several_loops_follow_one_another():
    polls = [sent(n, 0.1, status=200 if n < 3 else 429) for n in range(6)]
    lines = mermaid(polls)
    assert lines.count("loop 3 times") == 2 and lines[6] == "end" and lines[-2:] == ["end", "end"]
    assert [line for line in lines if "-->>" in line] == [
        "p1-->>p0: 200 OK",
        "p1-->>p0: ✗ 429 Too Many Requests",
    ]


def test_a_loop_stays_together_when_something_else_overlaps_it():
    overlapping = [sent(1, 0.5), sent(1.1, 0.5), sent(1.3, 0.1, method="GET")]
    assert mermaid(overlapping)[3:] == [
        "loop 2 times",
        "p0->>p1: POST /hook",
        "p1-->>p0: 200 OK",
        "end",
        "p0->>p1: GET /hook",
        "p1-->>p0: 200 OK",
    ]


def test_many_exchanges_are_cut_and_counted():
    many = [sent(n, 0.1, url=f"http://127.0.0.1:1/{n}") for n in range(30)]
    assert plain(many)[-1] == "… and 6 more."
    assert mermaid(many)[-1] == "Note over p0: … and 6 more"
    assert len(plain(many)) == 49
    assert plain(many, most=2)[-1] == "… and 28 more." and len(plain(many, most=2)) == 5
    assert "more" not in plain(many, most=30)[-1]


def test_nothing_is_said_in_words_and_not_drawn():
    for empty in (diagram(), diagram([]), diagram(Traffic())):
        assert str(empty) == "Nothing crossed the wire."
        assert empty._repr_mimebundle_() == {"text/plain": "Nothing crossed the wire."}
        assert empty.mermaid == "sequenceDiagram"


def test_jupyter_gets_the_picture_and_its_plain_twin():
    picture = diagram([sent(1)])
    assert picture._repr_mimebundle_() == {"text/vnd.mermaid": picture.mermaid, "text/plain": str(picture)}
    assert repr(picture) == str(picture)


ANY_TEXT = st.text(min_size=1, max_size=30)


@given(
    names=st.lists(ANY_TEXT, min_size=2, max_size=2, unique=True),
    path=ANY_TEXT,
    event_type=ANY_TEXT,
    error=ANY_TEXT,
    method=ANY_TEXT,
    status=st.sampled_from([200, 404, 500, 799, None]),
)
@example(names=["a", "b"], path="", event_type="a\nb", error="", method="POST", status=200)
@example(names=["a", "b"], path="", event_type="\ud800", error="", method="POST", status=200)
@example(names=["a\nb", "b"], path="", event_type="", error="", method="POST", status=200)
@SETTINGS
def test_no_text_can_break_out_of_its_line(names, path, event_type, error, method, status):
    x = Exchange(
        method=method,
        url="http://127.0.0.1:1/" + path,
        status=status,
        error=error,
        sender=names[0],
        receiver=names[1],
        body=json.dumps({"event_type": event_type}).encode(),
        recorded_by="sender",
    )
    picture = diagram([x])
    head, *lines = picture.mermaid.split("\n")
    if not x.ok:
        assert (lines.pop(2), lines.pop()) == (GROUND, "end")
    assert head == "sequenceDiagram" and len(lines) == 4
    assert [line.split(" ")[:3] for line in lines[:2]] == [["participant", f"p{i}", "as"] for i in range(2)]
    assert re.match(r"p0(->>|-x)p1: ", lines[2]) and re.match(r"(p1-->>p0|Note over p0): ", lines[3])
    for line in lines:
        text = re.sub(r"#\d+;", "", line)  # Mermaid's entities
        assert not set(text.replace("->>", "")) & set('#;%{}<>"\\`')
        assert line.isprintable()
    twin = str(picture)
    assert len(twin.splitlines()) == 2
    assert [line.split(".")[0] for line in twin.splitlines()] == ["1", "2"]
    twin.encode()


@pytest.mark.parametrize(
    "path", ['/style:"', "/style:'x'\"", '/classDef:"', "/wrap:x", "/end", "/a;b", "/a%%b", "/a#b"]
)
def test_what_mermaid_would_take_for_its_own_language_is_escaped(path):
    """Before parsing, Mermaid cuts the last ; from what matches these patterns and would break an entity."""
    (line,) = [line for line in mermaid([sent(1, url="http://127.0.0.1:1" + path)]) if line.startswith("p0->>p1")]
    assert not re.search(r"(style|classDef).*:\S*#.*;", line)
    assert "%%" not in line and ";" not in re.sub(r"#\w+;", "", line)


def test_a_very_long_event_type_does_not_make_a_very_long_line():
    long = b'{"event_type": "%s"}' % (b"x" * 10_000)
    assert max(map(len, mermaid([sent(1, body=long)]))) < 500
    assert max(map(len, plain([sent(1, body=long)]))) < 500


def test_plain_lines_are_numbered_and_lined_up():
    lines = str(diagram([sent(n, 0.1, url=f"http://127.0.0.1:1/{n}") for n in range(6)])).splitlines()
    assert [int(line.split(".")[0]) for line in lines] == list(range(1, 13))
    assert lines[0].startswith(" 1. ") and lines[11].startswith("12. ")
    assert len({line.index("POST") for line in lines[::2]}) == 1
