"""The record of what was passed: kept once, by whoever comes first, and never at the cost of anything else."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support import ROOT, run_python

import webhook_tutorial
from webhook_tutorial import check
from webhook_tutorial.exercises import record

PARTS = {"event": ..., "notification": ..., "action": ...}
OLD = '{"exercise": "00.ring", "passed": "2026-01-05T09:00:00Z"}\n'


@pytest.fixture(autouse=True)
def _nothing_passed_here(monkeypatch):
    monkeypatch.setattr(record, "_here", {})


@pytest.fixture
def file(tmp_path, monkeypatch):
    path = tmp_path / "some" / "folder" / "progress.jsonl"
    monkeypatch.setenv(record.VARIABLE, str(path))
    return path


@pytest.fixture
def there(file):
    """The file with one line, as an old version might have left it."""
    file.parent.mkdir(parents=True)
    file.write_text(OLD, encoding="utf-8")
    return file


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def solve(name):
    """Check the solution of an exercise."""
    task = webhook_tutorial.exercises.exercise(name)
    namespace = {}
    exec(task.solution, namespace)
    return check(name, namespace[task.answer])


def test_what_is_passed_is_kept_with_the_time_and_the_versions_and_nothing_else(file):
    assert solve("00.parts").outcome == "correct"
    [line] = lines(file)
    assert list(line) == ["exercise", "passed", "package", "python"]
    assert (line["exercise"], line["package"]) == ("00.parts", webhook_tutorial.__version__)
    assert line["python"] == ".".join(map(str, sys.version_info[:3])) and line["passed"].endswith("Z")
    assert record.read() == ({"00.parts": record.Passed(**line)}, "")


def test_what_is_wrong_or_not_tried_is_not_kept(file):
    assert check("00.parts", {"event": 1}).outcome == "incorrect"
    assert check("00.parts", ...).outcome == "not tried yet"
    assert not file.exists() and record.read() == ({}, "")


def test_passed_again_it_stays_passed_when_it_was_first(there):
    record.passed("00.ring")
    assert there.read_text(encoding="utf-8") == OLD
    kept, why = record.read()
    assert kept["00.ring"].passed == "2026-01-05T09:00:00Z" and why == ""


def test_of_two_lines_the_earlier_counts(there):
    there.write_text(OLD.replace("05T", "06T") + OLD, encoding="utf-8")
    assert record.read()[0]["00.ring"].passed == "2026-01-05T09:00:00Z"


def test_switched_off_nothing_is_kept(tmp_path, monkeypatch):
    for word in ("off", " OFF "):
        monkeypatch.setenv(record.VARIABLE, word)
        monkeypatch.chdir(tmp_path)
        record.passed("00.ring")
        kept, why = record.read()
        assert list(kept) == ["00.ring"] and why == "WEBHOOK_TUTORIAL_PROGRESS is off."
        assert list(tmp_path.iterdir()) == []


def test_it_is_switched_off_for_every_test():
    assert os.environ[record.VARIABLE] == "off"


def test_without_a_setting_it_is_in_the_users_data(tmp_path, monkeypatch):
    import platformdirs

    monkeypatch.delenv(record.VARIABLE)
    monkeypatch.setattr(platformdirs, "user_data_path", lambda name, appauthor: tmp_path / name)
    record.passed("00.ring")
    assert [line["exercise"] for line in lines(tmp_path / "webhook_tutorial" / "progress.jsonl")] == ["00.ring"]


# --- What goes wrong ----------------------------------------------------------------------------------------


def not_kept(name="02.validate"):
    """Pass an exercise that cannot be kept: `check` says nothing of it, and `read` does."""
    record.passed(name)
    kept, why = record.read()
    assert name in kept, "this process knows it"
    assert why
    return why


def test_lines_that_cannot_be_read_are_left_where_they_are(there):
    torn = '{"exercise": "00.parts", "pas'
    strange = ["", "null", "[" * 9000, "{}", '{"exercise": 5, "passed": "2026-01-05T09:00:00Z"}', "\x00\xff", torn]
    strange += ['{"exercise": "01.patient", "passed": "yesterday"}']
    newer = '{"exercise": "01.collect", "passed": "2030-01-05T09:00:00Z", "package": "9.0", "grade": {"of": 97}}'
    before = "\n".join([*strange, newer, OLD + torn]).encode("latin-1")
    there.write_bytes(before)
    assert set(record.read()[0]) == {"00.ring", "01.collect"}
    record.passed("02.validate")
    assert there.read_bytes().startswith(before + b"\n"), (
        "what was there is lost, or the new line is glued to the torn one"
    )
    assert set(record.read()[0]) == {"00.ring", "01.collect", "02.validate"}


def test_after_a_single_line_that_was_cut_off_it_is_still_ours(there):
    there.write_text(OLD[:20], encoding="utf-8")
    record.passed("00.parts")
    assert list(record.read()[0]) == ["00.parts"] and there.read_text(encoding="utf-8").startswith(OLD[:20] + "\n{")


@pytest.mark.parametrize(
    "content", [b"# My shopping\n- bread\n", b'{"exercise": 1}\n'[1:], b"\x89PNG\r\n\x1a\n\x00", b"[]"]
)
def test_a_file_of_something_else_is_left_as_it_is(there, content):
    there.write_bytes(content)
    assert "holds something else" in not_kept()
    assert there.read_bytes() == content


def test_a_file_that_is_far_too_large_is_not_read(there):
    with open(there, "ab") as file:
        file.truncate(1_000_001)
    assert "too large" in not_kept()
    assert there.stat().st_size == 1_000_001


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names here")
def test_a_pipe_stops_nobody(file):
    file.parent.mkdir(parents=True)
    os.mkfifo(file)
    assert "it is no file" in not_kept()


def test_a_folder_in_its_place(file):
    file.mkdir(parents=True)
    assert "it is no file" in not_kept()


def test_a_folder_that_cannot_be_made(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    for name in (tmp_path / "file" / "progress.jsonl", "a\0b", "~nobody-of-that-name/progress.jsonl"):
        monkeypatch.setattr(record.os, "environ", {record.VARIABLE: str(name)})
        why = not_kept()
        assert "WEBHOOK_TUTORIAL_PROGRESS can name" in why


def test_a_record_that_may_only_be_read_is_read(there, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(record.os, "open", refuse)  # root may write to whatever is marked as read-only
    why = not_kept()
    assert "Permission denied" in why
    assert set(record.read()[0]) == {"00.ring", "02.validate"} and there.read_text(encoding="utf-8") == OLD


def test_what_could_not_be_kept_is_kept_with_the_next(tmp_path, monkeypatch, file):
    monkeypatch.setenv(record.VARIABLE, "off")
    record.passed("00.ring")
    monkeypatch.setenv(record.VARIABLE, str(file))
    record.passed("00.parts")
    assert [line["exercise"] for line in lines(file)] == ["00.ring", "00.parts"]


FULL = """
import resource, sys
from webhook_tutorial.exercises import record

record.passed("00.parts")
size = record.where().stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, resource.RLIM_INFINITY))  # the disk takes 20 bytes more
record.passed("01.collect")
print(record.read()[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
record.passed("01.patient")
print(record.read()[1], *record.read()[0])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the size of files cannot be limited here")
def test_a_full_disk_loses_nothing(there):
    code, said, errors = run_python(FULL)
    assert (code, errors) == (0, "")
    full, again = said.splitlines()
    assert "File too large" in full
    assert set(again.split()) == {"00.ring", "00.parts", "01.collect", "01.patient"}
    assert there.read_text(encoding="utf-8").startswith(OLD)


MANY = """
import sys
from webhook_tutorial.exercises import record
who = sys.argv[1]
sys.stdin.readline()
for i in range(50):
    record.passed(f"{who}.{i}")
"""


def test_several_kernels_at_once_lose_nothing_of_each_other(there):
    kernels = [
        subprocess.Popen([sys.executable, "-c", MANY, str(who)], cwd=ROOT, stdin=subprocess.PIPE) for who in range(4)
    ]
    for kernel in kernels:  # they are told to begin when all have been started
        kernel.stdin.write(b"\n")
        kernel.stdin.close()
    assert [kernel.wait(60) for kernel in kernels] == [0, 0, 0, 0]
    # One that looks while another writes may find its line cut off, and begins after an empty one: that is no loss.
    names = [json.loads(line)["exercise"] for line in there.read_text(encoding="utf-8").splitlines() if line]
    assert sorted(names) == sorted(["00.ring", *(f"{who}.{i}" for who in range(4) for i in range(50))])


class Locking:
    """What of Windows' own module is asked for."""

    LK_LOCK, LK_UNLCK = 1, 0

    def __init__(self):
        self.calls = []

    def locking(self, file, how, bytes):
        self.calls.append((how, os.lseek(file, 0, os.SEEK_CUR), bytes))


def test_on_windows_a_byte_is_locked_that_nobody_reads(there, monkeypatch):
    monkeypatch.setitem(sys.modules, "msvcrt", locking := Locking())
    record.passed("00.parts")
    assert locking.calls == [(1, 1 << 30, 1), (0, 1 << 30, 1)]
    assert [line["exercise"] for line in lines(there)] == ["00.ring", "00.parts"]


def test_its_description_shows_a_line_as_it_is(file):
    record.passed("02.validate")
    [shown] = [line for line in record.__doc__.splitlines() if line.startswith("    {")]
    assert list(json.loads(shown)) == list(lines(file)[0])


def test_the_notebooks_are_saved_with_the_record_off():
    text = Path(ROOT, "scripts", "run_notebooks.py").read_text(encoding="utf-8")
    assert 'os.environ["WEBHOOK_TUTORIAL_PROGRESS"] = "off"' in text
