"""The rules of the house: which folder may import which, what may be named how, and how large a room may be."""

import ast
from pathlib import Path

import pytest

import webhook_tutorial

HOUSE = Path(webhook_tutorial.__file__).parent

#: What each folder may import of ours, besides itself. The ground is every file at the root but the faces.
MAY_IMPORT = {
    "ground": set(),
    "signing": {"ground"},
    "delivery": {"ground", "signing"},
    "durable": {"ground", "signing", "delivery"},
    "operations": {"ground", "signing", "delivery", "durable"},
    "lab": {"ground"},
    "scenes": {"ground", "signing", "delivery", "durable", "operations", "lab"},
    "show": {"ground", "signing", "delivery", "durable", "operations", "lab", "scenes"},
    "exercises": {"ground", "signing", "delivery", "durable", "operations", "lab", "scenes"},
    "cli": {"ground", "signing", "delivery", "durable", "operations", "lab", "scenes", "show", "exercises"},
}
#: Files to copy, which run without the package: they import nothing of it, and no part of it imports them.
TEMPLATES = "templates"
FACES = {"__init__", "__main__"}  # one hands on the names of all, the other starts the command line


def files(house=HOUSE):
    """The package's own files."""
    found = [path.relative_to(house) for path in sorted(house.rglob("*.py"))]
    return [house / path for path in found if "__pycache__" not in path.parts and path.parts[0] != TEMPLATES]


def templates(house=HOUSE):
    return [path for path in sorted((house / TEMPLATES).rglob("*.py")) if "__pycache__" not in path.parts]


def floor_of(parts):
    """The part of the house that a path or a dotted name belongs to; the face has none."""
    first = parts[0]
    return first if len(parts) > 1 and first in MAY_IMPORT else None if first in FACES else "ground"


def imports(path, house=HOUSE):
    """The modules of ours that a file imports, anywhere in it, as lists of names below the package."""
    here = list(path.relative_to(house).with_suffix("").parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = here[: len(here) - node.level]
            names = (node.module or "").split(".") if node.module else []
            for alias in node.names:
                target = [*base, *names]
                yield target if names else [*target, alias.name]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "webhook_tutorial":
            yield node.module.split(".")[1:] or ["__init__"]
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.partition(".")[0] == "webhook_tutorial":
                    yield alias.name.split(".")[1:] or ["__init__"]


def folder_of(target, house=HOUSE):
    return target[0] if (house / target[0]).is_dir() else floor_of([target[0]]) or "the face"


def uphill(house=HOUSE):
    """Every import that the rule forbids, as a sentence."""
    wrong = []
    for path in [*files(house), *templates(house)]:
        parts = path.relative_to(house).with_suffix("").parts
        floor = TEMPLATES if parts[0] == TEMPLATES else floor_of(parts)
        if floor is None:
            continue
        for target in imports(path, house):
            other = folder_of(target, house)
            if floor == TEMPLATES or (other != floor and other not in MAY_IMPORT[floor]):
                wrong.append(f"{'/'.join(parts)}.py imports {'.'.join(target)}: {floor} may not import {other}")
    return wrong


def misnamed(names, house=HOUSE):
    """Public names that are a module's or a folder's at the root: importing that would put it in the name's place."""
    rooms = {path.stem for path in house.glob("*.py")} | {path.name for path in house.iterdir() if path.is_dir()}
    return sorted(set(names) & rooms)


def test_no_import_runs_uphill():
    assert uphill() == []


@pytest.fixture
def copy(tmp_path):
    for path in [*files(), *templates()]:
        target = tmp_path / path.relative_to(HOUSE)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    return tmp_path


@pytest.mark.parametrize(
    ("room", "line"),
    [
        ("clock.py", "from .signing import sign"),
        ("look.py", "from . import lab"),
        ("signing/signature.py", "from ..lab.traffic import Traffic"),
        ("signing/signature.py", "from ..delivery import Policy"),
        ("delivery/sender.py", "def f():\n    from ..lab import outgoing"),
        ("delivery/sender.py", "import webhook_tutorial.lab.server"),
        ("delivery/sender.py", "from ..durable.database import Database"),
        ("durable/subscriptions.py", "from ..lab.running import sending_as"),
        ("durable/subscriptions.py", "def f():\n    from ..scenes import shop"),
        ("lab/server.py", "from ..durable.filters import matches"),
        ("lab/server.py", "from ..delivery.sender import Sender"),
        ("lab/server.py", "from webhook_tutorial.signing import sign"),
        ("lab/server.py", "from webhook_tutorial import Sender"),
        ("scenes/shop.py", "from ..show.diagrams import diagram"),
        ("show/diagrams.py", "from ..exercises import check"),
        ("exercises/engine.py", "from ..show import inbox"),
        ("show/inbox.py", "from ..cli import tools"),
        ("lab/server.py", "from ..cli.listen import receiver"),
        ("clock.py", "from . import cli"),
        ("cli/new.py", "from ..templates.receiver import signature"),
        ("templates/receiver/worker.py", "from webhook_tutorial import verify"),
        ("templates/receiver/worker.py", "from ...clock import SystemClock"),
        ("templates/receiver/worker.py", "from .inbox import Inbox"),
    ],
)
def test_an_import_that_runs_uphill_is_found(copy, room, line):
    with open(copy / room, "a", encoding="utf-8") as file:
        file.write("\n" + line + "\n")
    [found] = uphill(copy)
    assert found.startswith(f"{room} imports ")


def test_every_folder_has_a_rule():
    folders = {path.name for path in HOUSE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == set(MAY_IMPORT) - {"ground"} | {TEMPLATES}


def test_no_public_name_is_a_rooms():
    assert misnamed(webhook_tutorial.__all__) == []


def test_a_public_name_that_is_a_rooms_is_found(copy):
    (copy / "inbox.py").touch()
    (copy / "faults").mkdir()
    assert misnamed(webhook_tutorial.__all__, copy) == ["faults", "inbox"]


#: Larger on purpose, with the reason.
LARGE_FILES = {
    "templates/receiver/test_receiver.py": "its tests are copied with it, and a reader looks for them in one place",
    "exercises/lesson_04.py": "a lesson's exercises stand in one file, and most of its lines are words for the learner",
    "exercises/lesson_10.py": "as above",
}
LARGE_FUNCTIONS = {}


def test_no_room_is_larger_than_300_lines_and_no_function_than_50():
    large = []
    for path in [*files(), *templates()]:
        name, text = path.relative_to(HOUSE).as_posix(), path.read_text(encoding="utf-8")
        if len(text.splitlines()) > 300 and name not in LARGE_FILES:
            large.append(f"{name}: {len(text.splitlines())} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                lines = node.end_lineno - node.lineno + 1
                if lines > 50 and f"{name}:{node.name}" not in LARGE_FUNCTIONS:
                    large.append(f"{name}: {node.name} has {lines} lines")
    assert large == []
