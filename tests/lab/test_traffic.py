"""Exchange and Traffic: what crossed the wire, waited for, filtered, shown and sent again."""

import shutil
import subprocess
import threading

import pytest
import requests
from hypothesis import example, given, settings
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict
from support import exchange

from webhook_tutorial import Exchange, Traffic, serve, watch
from webhook_tutorial.answers import reason
from webhook_tutorial.look import masked, preview

SETTINGS = settings(max_examples=60, deadline=None, derandomize=True, database=None)
NASTY = "<script>alert('x')</script>&\""


def headers(**pairs):
    return CaseInsensitiveDict({name.replace("_", "-"): value for name, value in pairs.items()})


# --- One exchange -------------------------------------------------------------------------------------------


def test_the_parts_of_a_url():
    x = exchange(url="http://127.0.0.1:1/a/b?c=d&e")
    assert (x.path, x.query, x.target) == ("/a/b", "c=d&e", "/a/b?c=d&e")
    assert exchange(url="http://127.0.0.1:1").target == "/"


@pytest.mark.parametrize(
    ("status", "ok"),
    [(199, False), (200, True), (204, True), (299, True), (300, False), (500, False), (None, False)],
)
def test_only_2xx_is_success(status, ok):
    assert exchange(status=status).ok is ok


@pytest.mark.parametrize(
    ("body", "event_type"),
    [
        (b'{"event_type": "order_placed"}', "order_placed"),
        (b'{"event_type": 5}', ""),
        (b'{"event": "x"}', ""),
        (b'["event_type"]', ""),
        (b'"event_type"', ""),
        (b"5", ""),
        (b"null", ""),
        (b"", ""),
        (b"\xff\xfe", ""),
        (b"[" * 200_000, ""),
        (b'{"a":' * 200_000, ""),
    ],
    ids=range(11),
)
def test_the_event_type_is_read_from_any_body_without_an_error(body, event_type):
    assert exchange(body=body).event_type == event_type


def test_json_of_a_body_that_is_none_is_one_clear_error():
    assert exchange(body=b'{"a": 1}').json() == {"a": 1}
    with pytest.raises(ValueError, match=r"^The body of POST /hook/0 is not JSON"):
        exchange(body=b"no").json()


def test_an_outcome_is_a_status_or_the_reason_why_there_is_none():
    assert exchange(status=404).outcome == "404 Not Found"
    assert exchange(status=799).outcome == "799"
    assert exchange(status=None, error="timed out").outcome == "no answer: timed out"
    assert reason(410) == "Gone"


def test_an_exchange_cannot_be_changed():
    with pytest.raises(AttributeError):
        exchange().status = 500


# --- Sequences ----------------------------------------------------------------------------------------------


def test_traffic_is_a_sequence_whose_slices_no_longer_grow():
    traffic = Traffic([exchange(n) for n in range(5)], name="receiver")
    part = traffic[1:3]
    traffic.append(exchange(5))
    assert isinstance(part, Traffic) and part.name == "receiver"
    assert [x.path for x in part] == ["/hook/1", "/hook/2"]
    assert traffic[-1].path == "/hook/5" and len(traffic[:]) == 6


def test_a_missing_exchange_is_one_clear_error():
    with pytest.raises(IndexError, match="There is no exchange 3: 1 were recorded"):
        Traffic([exchange()])[3]


def test_where_keeps_what_matches_all_that_is_asked():
    traffic = Traffic([exchange(1, status=500), exchange(2), exchange(3, method="GET"), exchange(4)])
    assert [x.path for x in traffic.where(method="POST", status=200)] == ["/hook/2", "/hook/4"]
    assert [x.path for x in traffic.where(lambda x: x.path > "/hook/2", method="POST")] == ["/hook/4"]
    assert [x.status for x in traffic.where(ok=False)] == [500]
    assert isinstance(traffic.where(), Traffic) and len(traffic.where(path="/no")) == 0


def test_where_names_an_unknown_field_even_when_there_is_no_exchange():
    with pytest.raises(AttributeError, match="no field 'statsu'"):
        Traffic().where(statsu=200)


def test_writers_and_readers_may_work_at_once():
    traffic, errors, done = Traffic(), [], threading.Event()

    def write():
        for n in range(300):
            traffic.append(exchange(n))

    def read():
        while not done.is_set():
            try:
                before = len(traffic)
                assert len(list(traffic)) >= before
                assert len(traffic.where(method="POST")) >= before
                assert len(traffic[:]) >= before
                repr(traffic), traffic._repr_html_()
            except Exception as error:
                errors.append(error)

    readers = [threading.Thread(target=read) for _ in range(3)]
    writers = [threading.Thread(target=write) for _ in range(6)]
    for thread in readers + writers:
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in readers:
        thread.join()
    assert errors == [] and len(traffic) == 1800


def test_a_listener_hears_of_each_exchange_until_it_ends():
    traffic, heard = Traffic(), []
    end = traffic.listen(lambda: heard.append(len(traffic)))
    traffic.append(exchange())
    traffic.append(exchange())
    end()
    end()
    traffic.append(exchange())
    assert heard == [1, 2]


def test_listeners_are_told_of_the_end_and_then_no_more():
    traffic, heard = Traffic(), []
    traffic.listen(lambda: heard.append(traffic.closed))
    traffic.append(exchange())
    traffic.close("The server has stopped.")
    traffic.append(exchange())  # a handler that went on
    traffic.listen(lambda: heard.append("in vain"))
    traffic.append(exchange())
    assert heard == ["", "The server has stopped."]


def test_ending_one_listener_twice_leaves_its_twin():
    traffic, heard = Traffic(), []
    listener = lambda: heard.append(1)  # noqa: E731
    first, second = traffic.listen(listener), traffic.listen(listener)
    first(), first()
    traffic.append(exchange())
    assert heard == [1]
    second()
    traffic.append(exchange())
    assert heard == [1]


def failing(error):
    def raises():
        raise error

    return raises


@pytest.mark.parametrize("error", [ZeroDivisionError("in <a listener>"), SystemExit(3)], ids=["error", "exit"])
def test_a_listener_that_raises_is_kept_and_shown_and_disturbs_nobody(error):
    traffic, heard = Traffic([exchange()]), []
    before = repr(traffic), traffic._repr_html_()
    traffic.listen(failing(error))
    traffic.listen(lambda: heard.append(len(traffic)))
    traffic.append(exchange())
    traffic.append(exchange())
    assert heard == [2, 3] and len(traffic.listener_errors) == 2
    assert traffic.listener_errors[0].startswith("Traceback") and "in raises" in traffic.listener_errors[0]
    line = "A listener raised 2 errors; print(….listener_errors[-1]) shows the last."
    assert repr(traffic).splitlines()[-1] == line and f"<p>{line}</p>" in traffic._repr_html_()
    assert "listener" not in "".join(before)


def test_an_interrupt_in_a_listener_is_no_error_of_its_own():
    traffic = Traffic()
    traffic.listen(failing(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        traffic.append(exchange())
    assert len(traffic) == 1 and traffic.listener_errors == []


@pytest.mark.parametrize("error", [ZeroDivisionError(), SystemExit()], ids=["error", "exit"])
def test_a_sender_does_not_notice_that_a_listener_raises(error):
    """Neither the sender of a recorded server, nor one that is watched."""
    with serve(lambda environ, start: [start("200 OK", [])][:0], name="receiver") as server, watch() as sent:
        server.traffic.listen(failing(error))
        sent.listen(failing(error))
        assert requests.post(server.url, timeout=5).status_code == 200
        assert [x.status for x in server.traffic] == [200] == [x.status for x in sent]
        assert len(server.traffic.listener_errors) == 1 == len(sent.listener_errors)


# --- Waiting ------------------------------------------------------------------------------------------------


def soon(*calls):
    """Run the calls on another thread, a moment from now."""
    thread = threading.Timer(0.02, lambda: [call() for call in calls])
    thread.start()
    return thread


def test_wait_for_gives_the_first_n_when_they_come():
    traffic = Traffic([exchange(0)])
    thread = soon(*[lambda n=n: traffic.append(exchange(n)) for n in (1, 2, 3)])
    came = traffic.wait_for(3, timeout=10)
    thread.join()
    assert [x.path for x in came] == ["/hook/0", "/hook/1", "/hook/2"]


def test_wait_for_does_not_wait_for_what_is_there():
    assert len(Traffic([exchange()]).wait_for(1, timeout=0)) == 1
    assert len(Traffic().wait_for(0, timeout=0)) == 0


def test_a_wait_in_vain_names_what_came():
    traffic = Traffic([exchange(n, status=503) for n in range(7)], name="receiver")
    with pytest.raises(TimeoutError) as error:
        traffic.wait_for(9, timeout=0.01)
    text = str(error.value)
    assert text.startswith("Waited 0.01 s at receiver; 7 of 9 came: POST /hook/0 → 503 Service Unavailable;")
    assert text.endswith("and 2 more.")


def test_a_wait_in_vain_for_nothing_says_so():
    with pytest.raises(TimeoutError, match=r"0 of 1 came\.$"):
        Traffic().wait_for(1, timeout=0)


def test_what_came_during_the_wait_is_named_too():
    traffic = Traffic()
    thread = soon(lambda: traffic.append(exchange(1)))
    with pytest.raises(TimeoutError, match="1 of 2 came: POST /hook/1"):
        traffic.wait_for(2, timeout=0.5)
    thread.join()


def test_expect_counts_from_its_start():
    traffic = Traffic([exchange(0), exchange(1)])
    with traffic.expect(2, timeout=10) as came:
        assert len(came) == 0
        traffic.append(exchange(2))
        thread = soon(lambda: traffic.append(exchange(3)))
    thread.join()
    assert [x.path for x in came] == ["/hook/2", "/hook/3"]


def test_what_came_before_does_not_count_for_expect():
    traffic = Traffic([exchange(0), exchange(1)])
    with pytest.raises(TimeoutError, match=r"0 of 1 came\."), traffic.expect(1, timeout=0.01):
        pass


def test_a_block_that_raises_does_not_wait():
    with pytest.raises(ZeroDivisionError), Traffic().expect(1, timeout=20):
        raise ZeroDivisionError


def test_nobody_waits_at_a_server_that_has_stopped():
    server = serve(lambda environ, start: [start("200 OK", [])][:0], name="receiver")
    server.stop()
    with pytest.raises(RuntimeError, match=r"'receiver' has stopped.* 0 of 1 came"):
        server.traffic.wait_for(1, timeout=20)


def test_a_wait_ends_when_the_server_stops_meanwhile():
    traffic = Traffic()
    thread = soon(lambda: traffic.close("The server has stopped."))
    with pytest.raises(RuntimeError, match="The server has stopped"):
        traffic.wait_for(1, timeout=20)
    thread.join()


def test_what_came_before_a_stop_can_still_be_waited_for():
    traffic = Traffic([exchange()])
    traffic.close("The server has stopped.")
    assert len(traffic.wait_for(1)) == 1


# --- Shown --------------------------------------------------------------------------------------------------

EVERYWHERE_NASTY = exchange(
    method=NASTY,
    url=f"http://127.0.0.1:1/{NASTY}?{NASTY}",
    headers=CaseInsensitiveDict({"X-Nasty": NASTY, NASTY: NASTY}),
    body=NASTY.encode(),
    response_headers=CaseInsensitiveDict({"X-Nasty": NASTY, NASTY: NASTY}),
    response_body=NASTY.encode(),
    error=NASTY,
    traceback=NASTY,
    sender=NASTY,
    receiver=NASTY,
)


@pytest.mark.parametrize(
    "shown",
    [
        EVERYWHERE_NASTY,
        Exchange(method="GET", url="http://x/", error=NASTY),
        Traffic([EVERYWHERE_NASTY], name=NASTY),
        Traffic([Exchange(method="GET", url="http://x/", error=NASTY)]),
    ],
    ids=["exchange", "no answer", "table", "table without an answer"],
)
def test_everything_is_escaped_in_html(shown):
    html = shown._repr_html_()
    assert "<script" not in html
    assert "&lt;script&gt;alert(&#x27;x&#x27;)" in html


SECRETS = {
    "Authorization": "Bearer s3cret",
    "proxy-authorization": "Basic s3cret",
    "Cookie": "session=s3cret",
    "SET-COOKIE": "session=s3cret",
}
SIGNATURES = {
    "X-Signature": "t=1,v1=abcdef",
    "webhook-signature": "v1,abcdef",
    "X-Hub-Signature-256": "sha256=abcdef",
}


def test_secrets_are_masked_and_signatures_are_not():
    both = CaseInsensitiveDict(SECRETS | SIGNATURES)
    x = exchange(headers=both, response_headers=both)
    traffic = Traffic([x])
    for text in (x.transcript(), repr(x), x._repr_html_(), x.curl(), repr(traffic), traffic._repr_html_()):
        assert "s3cret" not in text
    for text in (x.transcript(), x._repr_html_(), x.curl()):
        assert text.count("***") >= 4
        assert all(value in text for value in SIGNATURES.values())
    assert x.headers["authorization"] == "Bearer s3cret"
    assert dict(masked(CaseInsensitiveDict(SECRETS))) == dict.fromkeys(SECRETS, "***")


def test_a_transcript_is_nearly_what_crossed_the_wire():
    x = exchange(
        headers=headers(Host="h", User_Agent="python-requests/2", Content_Type="text/plain"),
        body=b"one\ntwo",
        response_headers=headers(Date="today", X_Id="5"),
        response_body=b"done",
    )
    assert x.transcript().splitlines() == [
        "→ POST /hook/0",
        "  Content-Type: text/plain",
        "",
        "  one",
        "  two",
        "← 200 OK",
        "  X-Id: 5",
        "",
        "  done",
    ]
    assert repr(x) == x.transcript()


def test_a_transcript_says_what_the_handler_raised_or_why_no_answer_came():
    assert "raised KeyError" in exchange(status=500, error="KeyError").transcript()
    assert exchange(status=None, error="timed out").transcript().splitlines()[-1] == "← no answer: timed out"


def test_long_and_binary_bodies_are_shown_short():
    assert "… 3000 more bytes" in exchange(body=b"a" * 5000).transcript()
    assert len(exchange(body=b"\xff" * 5000).transcript()) < 3000
    assert "‹5 bytes, not text›" in exchange(body=b"\xff" * 5).transcript()
    assert "not text" not in exchange(body=("a" * 1999 + "é" + "b" * 99).encode()).transcript()  # é is cut in two
    assert preview(b"a\nb\x1b") == "a b␛"
    assert preview(b"x" * 61) == "x" * 59 + "…"
    assert preview(b"x" * 60) == "x" * 60


def test_a_long_binary_body_is_called_binary():
    assert "‹5000 bytes, not text›" in exchange(body=bytes(range(128, 228)) * 50).transcript()


def test_a_table_has_one_line_an_exchange():
    traffic = Traffic(
        [exchange(0, body=b"one\ntwo"), exchange(1, status=500, error="KeyError"), exchange(2, status=302)]
    )
    lines = repr(traffic).splitlines()
    assert len(lines) == 4
    assert lines[1].split() == ["0", "POST", "/hook/0", "one", "two", "✓", "200", "OK"]
    assert "✗  500 Internal Server Error (KeyError)" in lines[2]
    assert "✗  302 Found" in lines[3]
    assert traffic._repr_html_().count("<tr>") == 4


def test_a_long_table_is_cut_and_says_so():
    traffic = Traffic([exchange(n) for n in range(100)])
    assert repr(traffic).splitlines()[-1] == "… and 70 more."
    assert len(repr(traffic).splitlines()) == 32
    assert "… and 70 more." in traffic._repr_html_()


def test_no_traffic_is_said_in_words():
    assert repr(Traffic()) == "No exchange yet."
    assert "No exchange yet." in Traffic()._repr_html_()


# --- Sent again ---------------------------------------------------------------------------------------------

needs_curl = pytest.mark.skipif(
    not (shutil.which("curl") and shutil.which("sh")), reason="there is no curl or no sh here"
)


@pytest.fixture(scope="module")
def receiver():
    def app(environ, start_response):
        start_response("200 OK", [("Content-Length", "0")])
        return []

    with serve(app, name="receiver for curl") as server:
        yield server


def send_again(x):
    """Run the exchange's curl command in a shell."""
    command = x.curl().replace("curl -i", "curl -sS -i --noproxy '*' --max-time 5", 1)
    # As bytes, because in an ASCII locale Python could not pass every text on.
    done = subprocess.run(["sh", "-c", command.encode()], capture_output=True, timeout=10)
    assert done.returncode == 0, (command, done.stderr)


def round_trip(receiver, **fields):
    """Send an exchange with curl and return what was asked for and what arrived."""
    wanted = Exchange(url=receiver.url + fields.pop("target", "/hook"), **fields)
    with receiver.traffic.expect(1) as came:
        send_again(wanted)
    arrived = came[0]
    assert (arrived.method, arrived.target, arrived.body) == (wanted.method, wanted.target, wanted.body)
    return arrived


BODIES = [
    b"",
    b"plain",
    b"@/etc/hostname",
    b"@-",
    b'it\'s "quoted"',
    b"line\nline\r\n\n",
    b"\n",
    b"-d x",
    b"a\x00b",
    b"\xff\xfe",
    b"100% %s %d \\n \\ $HOME `id` $(id) !x",
    "snow ☃ and é".encode(),
    b"\x00%\\\"'\xff",
    bytes(range(256)),
    b"a&b=c d",
    b"\xef\xbb\xbf{}",
    b"x" * 20_000,
]


@needs_curl
@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_curl_sends_the_same_body_again(receiver, body, method):
    arrived = round_trip(receiver, method=method, body=body, headers=headers(Content_Type="application/json"))
    assert arrived.headers["content-type"] == "application/json"


@needs_curl
@given(body=st.one_of(st.binary(max_size=300), st.text(max_size=100).map(lambda t: t.encode("utf-8", "ignore"))))
@example(b"\x00" * 50)
@example(b"%" * 50)
@settings(SETTINGS, max_examples=40)
def test_curl_sends_any_body_again(receiver, body):
    round_trip(receiver, method="POST", body=body, headers=headers(Content_Type="a/b"))


@needs_curl
@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "PATCH", "OPTIONS"])
def test_curl_keeps_the_method(receiver, method):
    round_trip(receiver, method=method)


@needs_curl
def test_curl_keeps_a_body_on_get(receiver):
    round_trip(receiver, method="GET", body=b"odd but legal")


@needs_curl
@pytest.mark.parametrize(
    "target",
    [
        "/?a=1&b=2",
        "/a%20b%2Fc",
        "/it's",
        "/x?q=%F0%9F%8D%B5",
        "/$HOME?`id`",
        "/!x;y",
        "/x?ids[]=1&ids[]=2",
        "/[1-3]",
        "/{a,b}",
        "/a/../b",
        "/a/./b",
        "/a\\b",
    ],
)
def test_curl_keeps_the_target(receiver, target):
    round_trip(receiver, method="POST", body=b"x", target=target)


@needs_curl
def test_curl_keeps_headers_and_adds_no_content_type(receiver):
    wanted = headers(X_Signature="t=1,v1=a'b\"c", X_Empty="", X_At="@file", X_Spaces="a  b")
    arrived = round_trip(receiver, method="POST", body=b"x", headers=wanted)
    assert {name: arrived.headers.get(name) for name in wanted} == dict(wanted)
    assert "content-type" not in arrived.headers


@needs_curl
def test_what_a_server_recorded_can_be_sent_again_as_it_stands(receiver):
    with receiver.traffic.expect(1) as first:
        requests.post(receiver.url + "/a?b=c", json={"it's": "ü"}, headers={"X-Id": "5"}, timeout=5)
    with receiver.traffic.expect(1) as second:
        send_again(first[0])
    one, two = first[0], second[0]
    assert (one.method, one.url, one.body) == (two.method, two.url, two.body)
    assert one.headers["content-type"] == two.headers["content-type"]
    assert two.headers["x-id"] == "5"


@needs_curl
def test_curl_sends_a_chunked_body_again(receiver):
    with receiver.traffic.expect(1) as first:
        requests.post(receiver.url, data=iter([b"a", b"b"]), timeout=5)
    with receiver.traffic.expect(1) as second:
        send_again(first[0])
    assert second[0].body == b"ab"
