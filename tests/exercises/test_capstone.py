"""The capstone: its page says what the grader grades, its traps are named, and whatever a program does is a verdict."""

import re
import shutil

import pytest
from support import ROOT

from webhook_tutorial import check, running
from webhook_tutorial.exercises import exercise, record
from webhook_tutorial.exercises.puddlewick import (
    EXAMPLE_BODY,
    EXAMPLE_HEADERS,
    EXAMPLE_SECRET,
    LARGEST,
    PATIENCE,
    PUDDLEWICK,
)
from webhook_tutorial.signing import sign

PAGE = (ROOT / "notebooks" / "puddlewick.md").read_text(encoding="utf-8")
SOLUTION = exercise("15.capstone").solution
TEMPLATE = ROOT / "webhook_tutorial" / "templates" / "receiver"


# --- The page -----------------------------------------------------------------------------------------------


def test_the_pages_example_is_genuine_and_made_by_what_it_says():
    made = sign(EXAMPLE_BODY, EXAMPLE_SECRET, PUDDLEWICK.dialect, timestamp=1767603600.25)
    assert made == {name: EXAMPLE_HEADERS[name] for name in ("Puddlewick-Sent-At", "Puddlewick-Signature")}
    shown = "\n".join(f"{name}: {value}" for name, value in EXAMPLE_HEADERS.items())
    assert f"```\n{shown}\n\n{EXAMPLE_BODY.decode()}\n```" in PAGE and f"`{EXAMPLE_SECRET}`" in PAGE


def test_the_page_says_of_itself_that_it_is_invented_and_has_what_such_pages_have():
    assert "is invented" in PAGE.splitlines()[2]
    titles = re.findall("(?m)^## (.*)", PAGE)
    assert {"Overview", "Events", "Headers", "Retries", "Addresses", "Best practice", "Changelog"} <= set(titles)


def test_the_page_states_what_the_grader_expects():
    dialect = PUDDLEWICK.dialect
    assert f"{LARGEST:,} bytes" in PAGE and "three seconds" in PAGE and PATIENCE == 3
    assert "more than five minutes ago" in PAGE and "up to one minute from now" in PAGE
    assert (dialect.max_age, dialect.max_ahead) == (300, 60)
    for header in (dialect.signature, dialect.timestamp, PUDDLEWICK.attempt):
        assert f"| `{header}` |" in PAGE
    body = PUDDLEWICK.body
    fields = [name for name in body if name != "data"] + [f"data.{name}" for name in body["data"]]
    assert re.findall(r"(?m)^\| `([\w.]+)` \| (?:text|time|number) \|", PAGE) == fields
    assert f"| `{body['event_type']}` |" in PAGE


def test_both_traps_are_stated_on_the_page():
    assert "Times that are numbers are Unix times, in milliseconds." in PAGE
    assert "Each is a delivery of its own" in PAGE and "identifies this delivery" in PAGE
    assert "| `id` | text | the event |" in PAGE


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("max_age=300", "max_age=299"), ("max_ahead=60", "max_ahead=59"), ("max_ahead=60", "max_ahead=61")],
)
def test_a_limit_of_time_that_is_off_by_a_second_is_not_the_pages(right, wrong):
    namespace = {}
    exec(exercise("15.dialect").solution.replace(right, wrong), namespace)
    assert wrong.partition("=")[0] in check("15.dialect", namespace["puddlewick"]).message


# --- The grader ---------------------------------------------------------------------------------------------


@pytest.fixture
def program(tmp_path):
    """Make a program of a source, and return its path."""

    def make(source, name="receiver.py"):
        (tmp_path / name).write_text(source, encoding="utf-8")
        return tmp_path / name

    return make


def changed(*changes, source=SOLUTION):
    for old, new in changes:
        assert source.count(old) == 1, old
        source = source.replace(old, new)
    return source


def red(verdict):
    """The names of the checks that are red."""
    return set(re.findall(r"(?m)^✗ ([\w-]+):", verdict.report))


def test_a_folder_will_do_and_nothing_stays_in_it_or_goes_on(program, tmp_path, monkeypatch):
    monkeypatch.setattr(record, "_here", {})
    program(SOLUTION)
    verdict = check("15.capstone", str(tmp_path))
    assert verdict.outcome == "correct", verdict.message
    assert verdict.report.startswith("Scorecard of http://127.0.0.1/webhook") and "100/100" in verdict.report
    assert [path.name for path in tmp_path.iterdir()] == ["receiver.py"] and running() == []
    assert "15.capstone" in record.read()[0]


IN_SECONDS = ("int(sent_at) / 1000", "int(sent_at)")
ONE_WAY = ("if not -60 <= age <= 300:", "if age > 300:")
BY_HEADER = ('DO NOTHING", (id,))', 'DO NOTHING", (request.headers["Puddlewick-Delivery"],))')
NO_KEY = ("rental TEXT NOT NULL UNIQUE", "rental TEXT NOT NULL"), (" ON CONFLICT(rental) DO NOTHING", "")


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("changes", "checks"),
    [
        ([IN_SECONDS], {"valid"}),
        ([IN_SECONDS, ONE_WAY], {"stale", "future"}),
        ([BY_HEADER, *NO_KEY], {"duplicate", "same-moment"}),
    ],
    ids=["milliseconds as seconds", "and one way only", "the header's id"],
)
def test_who_falls_into_a_trap_is_told_so_by_the_scorecard(program, changes, checks):
    verdict = check("15.capstone", program(changed(*changes)))
    assert verdict.outcome == "incorrect" and red(verdict) == checks


@pytest.mark.thorough
def test_who_looks_at_no_time_is_not_told_that_it_is_misread(program):
    for digits in ("<= 15", "== 13"):
        careless = changed(("if not -60 <= age <= 300:", "if False:"), ("<= 15", digits))
        verdict = check("15.capstone", program(careless))
        assert verdict.message.startswith("A delivery that is older than five minutes is accepted"), verdict.message


@pytest.mark.parametrize(
    ("answer", "words"),
    [(5, "Hand over the path"), (print, "Hand over the path"), ("nowhere", "There is no file nowhere in "), ("", "")],
)
def test_what_is_no_program_is_a_verdict(tmp_path, monkeypatch, answer, words):
    monkeypatch.chdir(tmp_path)
    verdict = check("15.capstone", answer)
    assert verdict.outcome == "incorrect"
    assert verdict.message.startswith(words or f"There is no file receiver.py in {tmp_path}")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import nothing_of_that_name", "ModuleNotFoundError: No module named 'nothing_of_that_name'"),
        ("print(open", "'(' was never closed"),
        ("import sys; sys.exit('my words \x1b[2J')", "It ended with 1, and its last words were: my words ␛[2J"),
        ("", "It ended with 0, and it said nothing"),
    ],
)
def test_what_does_not_start_says_why(program, source, words):
    verdict = check("15.capstone", program(source))
    assert verdict.message.startswith("It was started by python receiver.py") and words in verdict.message


def test_what_a_program_raised_is_told_with_its_500(program):
    raises = changed(("    body = request.get_data()\n", "    body = request.get_dat()\n"))
    message = check("15.capstone", program(raises)).message
    assert "(500 Internal Server Error)" in message
    assert "ends with: AttributeError: 'Request' object has no attribute 'get_dat'" in message


def test_what_answers_no_number_of_effects_is_told_what_it_answered(program):
    message = check("15.capstone", program(changed(('"/effects"', '"/count"')))).message
    assert message.startswith("GET /effects did not answer with a number.")
    assert "paid back: a whole number. It answered: 404 Not Found." in message


def test_what_dies_while_it_is_graded_says_so(program):
    dies = changed(("    body = request.get_data()\n", '    os.write(2, b"I give up\\n"), os._exit(3)\n'))
    message = check("15.capstone", program(dies)).message
    assert message.startswith(
        "Before it was graded to the end, receiver.py ended with 3, and its last words were: I give up."
    )


def test_a_worker_beside_it_is_started_too_and_missed_when_it_dies(program, tmp_path):
    program(changed(("if new and ended:", "if False:")))
    program("import os, sys\nsys.exit('no ' + os.environ['DATABASE'][-11:])", "worker.py")
    message = check("15.capstone", tmp_path).message
    assert message.startswith(
        "Before it was graded to the end, worker.py ended with 1, and its last words were: no receiver.db."
    )


# --- From the template --------------------------------------------------------------------------------------

#: What has to be changed in the template that `new` copies, by file.
FOR_PUDDLEWICK = {
    "signature.py": [
        (
            """        if secret.startswith("whsec_"):
            return base64.b64decode(secret.removeprefix("whsec_"), validate=True)""",
            """        if secret.startswith("pudl_"):
            return secret.encode()""",
        ),
        (
            """    id, stamp, given = (headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
""",
            """    stamp, given = (headers.get(f"Puddlewick-{name}", "") for name in ("Sent-At", "Signature"))
""",
        ),
        (
            """    if not re.fullmatch(r"[!-~]+", id) or "." in id or not re.fullmatch(r"[0-9]{1,15}", stamp):""",
            """    if not re.fullmatch(r"[0-9]{1,15}", stamp):""",
        ),
        (
            "if abs((time.time() if now is None else now) - int(stamp)) > TOLERANCE:",
            "if not -60 <= (time.time() if now is None else now) - int(stamp) / 1000 <= TOLERANCE:",
        ),
        ('f"{id}.{stamp}.".encode()', 'f"{stamp}:".encode()'),
        ('given.split(" ") if item.startswith("v1,")', 'given.split(",") if item.startswith("v1=")'),
        ('headers.get("webhook-id")', 'event.get("id")'),
    ],
    "settings.py": [("1_048_576", "65_536")],
    "handlers.py": [
        (
            "def user_signup(id, event, db):\n    _enter(id, f\"welcome {event['data']['user']}\", db)\n",
            "def rental_ended(id, event, db):\n    _enter(id, f\"pay {event['data']['deposit']} back\", db)\n",
        ),
        ('"user_signup": user_signup', '"rental.ended": rental_ended'),
    ],
}


@pytest.mark.thorough
def test_the_template_becomes_a_receiver_for_puddlewick_in_three_of_its_files(tmp_path):
    mine = tmp_path / "mine"
    shutil.copytree(TEMPLATE, mine)
    for name, changes in FOR_PUDDLEWICK.items():
        file = mine / name
        file.write_text(changed(*changes, source=file.read_text(encoding="utf-8")), encoding="utf-8")
    before = sorted(path.name for path in mine.iterdir())
    verdict = check("15.capstone", mine)
    assert verdict.outcome == "correct", verdict.report
    assert sorted(path.name for path in mine.iterdir()) == before
