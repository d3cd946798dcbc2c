"""Exchanges in a file: what is kept comes back the same, nobody else reads it, and a cut-off line costs only itself."""

import json
import os
import stat
import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict
from support import ROOT, exchange

from webhook_tutorial import inbox, load_traffic
from webhook_tutorial.lab.archive import Archive, as_dict, from_dict, save
from webhook_tutorial.lab.traffic import Traffic

TEXT = st.text(st.characters(exclude_categories=()))  # halves of characters, too
EXCHANGES = st.builds(
    exchange,
    method=TEXT,
    raw_headers=st.lists(st.tuples(TEXT, TEXT)).map(tuple),
    body=st.binary(),
    status=st.none() | st.integers(100, 599),
    response_headers=st.dictionaries(TEXT, TEXT).map(CaseInsensitiveDict),
    response_body=st.binary(),
    sender=TEXT,
    receiver=TEXT,
    started=st.floats(0, 4e9),
    seconds=st.floats(0, 100),
    error=TEXT,
    traceback=TEXT,
    log=TEXT,
)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "deliveries.jsonl"


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(EXCHANGES)
def test_an_exchange_comes_back_as_it_was(one):
    line = json.dumps(as_dict(one))
    assert "\n" not in line
    again = from_dict(json.loads(line))
    assert as_dict(again) == as_dict(one)
    assert (again.body, again.raw_headers, again.status) == (one.body, one.raw_headers, one.status)


def test_headers_are_joined_and_kept_as_they_came():
    one = from_dict(as_dict(exchange(raw_headers=(("X-A", "1"), ("x-a", "2")))))
    assert one.headers["X-A"] == "1, 2" and one.raw_headers == (("X-A", "1"), ("x-a", "2"))


def test_traffic_is_saved_and_loaded_in_order_and_closed(file):
    save(Traffic([exchange(0), exchange(1)]), file)
    save(Traffic([exchange(2, body=b"\xff\x00")]), file)
    traffic = load_traffic(file)
    assert [x.path for x in traffic] == ["/hook/0", "/hook/1", "/hook/2"] and traffic[2].body == b"\xff\x00"
    assert traffic.name == "deliveries.jsonl"
    assert traffic.closed == "It was read from deliveries.jsonl, so nothing more will come."
    with pytest.raises(RuntimeError, match="It was read from"):
        traffic.wait_for(4)


@pytest.mark.skipif(os.name == "nt", reason="a mode of POSIX")
def test_the_file_is_for_nobody_else_and_one_that_is_there_keeps_its_mode(file):
    before = os.umask(0)
    try:
        save(Traffic([exchange()]), file)
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o640)
    save(Traffic([exchange()]), file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_a_line_that_was_cut_off_costs_only_itself(file, cut):
    save(Traffic([exchange(0), exchange(1)]), file)
    file.write_bytes(file.read_bytes()[:-cut])
    traffic = load_traffic(file)
    if cut > 1:
        assert [x.path for x in traffic] == ["/hook/0"]
        assert traffic.closed.endswith(" Line 2 was cut off while being written, and left out.")
    save(Traffic([exchange(2)]), file)
    traffic = load_traffic(file)
    assert [x.path for x in traffic] == (["/hook/0"] if cut > 1 else ["/hook/0", "/hook/1"]) + ["/hook/2"]
    assert ("Line 2 was cut off" in traffic.closed) == (cut > 1)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"[1]", "Line 2 of deliveries.jsonl holds no exchange"),
        (b'{"method": "POST"}', "Line 2"),
        (b'{"method": "POST", "url": 7}', "Line 2"),
        (b'{"method": "POST", "url": "http://["}', "Line 2"),
        (b'{"method": "POST", "url": "http://a", "status": "200"}', "Line 2"),
        (b'{"method": "POST", "url": "http://a", "headers": [["a"]]}', "Line 2"),
        (b'{"method": "POST", "url": "http://a", "body_base64": "?"}', "Line 2"),
    ],
)
def test_a_file_of_something_else_is_one_clear_error(file, line, words):
    save(Traffic([exchange()]), file)
    file.write_bytes(file.read_bytes() + line + b"\n")
    with pytest.raises(ValueError, match=words):
        load_traffic(file)


def test_a_text_is_no_archive(file):
    file.write_text("Dear reader,\nthis is no archive.\n")
    with pytest.raises(ValueError, match=r"Line 1 of deliveries\.jsonl holds no exchange"):
        load_traffic(file)
    with pytest.raises(FileNotFoundError):
        load_traffic(file.with_name("nowhere"))


@pytest.mark.parametrize("text", [b"my notes", b"my notes\n", b"a\nb\nc", b'{"a": 1}', b'{"method" : ', b"\xff\0"])
@pytest.mark.parametrize("before", [b"", b"\n"])
def test_a_file_that_is_not_its_own_is_never_changed(file, before, text):
    file.write_bytes(before + text)
    with pytest.raises(ValueError, match="holds no exchange: was it written by listen"):
        save(Traffic([exchange()]), file)
    assert file.read_bytes() == before + text


def test_a_line_of_another_hand_among_its_own_is_not_called_cut_off(file):
    save(Traffic([exchange()]), file)
    kept = file.read_bytes() + b"my notes"
    file.write_bytes(kept)
    with pytest.raises(ValueError, match=r"Line 2 of deliveries\.jsonl holds no exchange"):
        Archive(file)
    assert file.read_bytes() == kept


@pytest.mark.parametrize("left", [1, 5, 12, 40])
def test_the_only_line_may_have_been_cut_off_and_to_open_it_changes_nothing(file, left):
    save(Traffic([exchange(0)]), file)
    kept = file.read_bytes()[:left]
    file.write_bytes(kept)
    with Archive(file) as archive:
        assert (archive.held, file.read_bytes()) == (0, kept)
        archive.add(exchange(1))
    traffic = load_traffic(file)
    assert [x.path for x in traffic] == ["/hook/1"] and "Line 1 was cut off" in traffic.closed
    with Archive(file) as archive:
        assert archive.held == 1


def test_what_could_not_be_written_whole_spoils_no_other_line(file, monkeypatch):
    whole, room = os.write, [20]

    def write(file, data):
        if not room:
            raise OSError(28, "No space left on device")
        return whole(file, data[: room.pop()])

    with Archive(file) as archive:
        monkeypatch.setattr(os, "write", write)
        with pytest.raises(OSError, match="No space left"):
            archive.add(exchange(0))
        monkeypatch.undo()
        archive.add(exchange(1))
    assert [x.path for x in load_traffic(file)] == ["/hook/1"]
    with pytest.raises(ValueError, match="has been closed"):
        archive.add(exchange(2))


def test_the_inbox_opens_a_file(file):
    save(Traffic([exchange(0, body=b'{"event_type": "order_placed"}')]), file)
    shown = str(inbox(file))
    assert shown.startswith("Inbox of deliveries.jsonl: 1 delivery, newest first. It was read from deliveries.jsonl")
    assert "order_placed" in shown and str(inbox(str(file))) == shown


def test_take_returns_what_is_there_and_keeps_none():
    traffic = Traffic([exchange(0), exchange(1)], name="a")
    taken = traffic.take()
    traffic.append(exchange(2))
    assert ([x.path for x in taken], taken.name) == (["/hook/0", "/hook/1"], "a")
    assert [x.path for x in traffic] == ["/hook/2"]


WRITER = """
import sys
sys.path[:0] = ["tests"]
from support import exchange
from webhook_tutorial.lab.archive import Archive
with Archive(sys.argv[1]) as archive:
    n = 0
    while True:
        archive.add(exchange(n, body=b"x" * 50_000))
        n += 1
"""


def test_who_is_killed_while_writing_loses_at_most_the_line_being_written(file):
    for _ in range(3):
        before = len(load_traffic(file)) if file.exists() else 0
        writer = subprocess.Popen([sys.executable, "-c", WRITER, file], cwd=ROOT)
        end = time.monotonic() + 30
        while not file.exists() or file.read_bytes().count(b"\n") < before + 3:
            assert writer.poll() is None and time.monotonic() < end
        writer.kill()
        writer.wait()
        traffic = load_traffic(file)
        assert [x.path for x in traffic[before:]] == [f"/hook/{n}" for n in range(len(traffic) - before)]
        assert len(traffic) >= before + 3


def test_an_archive_may_be_closed_twice_and_keeps_a_line_whole_where_a_write_takes_a_part(file, monkeypatch):
    whole = os.write
    with Archive(file) as archive:
        monkeypatch.setattr(os, "write", lambda file, data: whole(file, data[:7]))
        archive.add(exchange(0))
        monkeypatch.undo()
        archive.close()
    assert [x.path for x in load_traffic(file)] == ["/hook/0"]
