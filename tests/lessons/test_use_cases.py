"""The scenes of lesson 12 with the handlers that stand in it: each fault is caused, and wins without its safeguard."""

import importlib
import pkgutil
from dataclasses import replace

import nbformat
import pytest
from cells import NOTEBOOKS, define

from webhook_tutorial import diagram, play, running, scenes, trials

#: What the scenes of the main part build on, and those of Further.
MAIN = "import notification", "def tell(", "def tell_once("
FURTHER = ("import axes, diagram",)


class UseCase:
    """A scene's module, cells with its handlers, those without a safeguard and what breaks, and the one that has it."""

    def __init__(self, module, cells, careless, careful, in_the_events=False):
        self.module, self.cells, self.careless, self.careful = module, cells, careless, careful
        self.in_the_events = in_the_events


USE_CASES = [
    UseCase(
        "notification",
        (*MAIN, "def tell_again("),
        {"tell": "It has Ada 1 ×, Bela 0 ×, Chidi 1 ×.", "tell_again": "It has Ada 1 ×, Bela 1 ×, Chidi 2 ×."},
        "tell_once",
    ),
    UseCase(
        "workflow",
        (*MAIN, "import workflow", "def welcome(", "def welcome_in_steps("),
        {"welcome": "crm has ada@example.com 5 times; crm has bela@example.com 4 times."},
        "welcome_in_steps",
    ),
    UseCase(
        "synchronisation",
        (*MAIN, "import synchronisation", "def copy(", "def copy_newer("),
        {"copy": "tea: 480 in the shop, 430 in the warehouse."},
        "copy_newer",
    ),
    UseCase(
        "history",
        (*MAIN, "import history", "def note(", "def note_what_is_asked("),
        {"note": "The log has "},
        "note_what_is_asked",
        in_the_events=True,
    ),
    UseCase(
        "pricing",
        (*FURTHER, "def reprice(", "def reprice_calmly("),
        {"reprice": "It was 4.00 to 6.90. It changed 28 times within 10 minutes of the change before."},
        "reprice_calmly",
        in_the_events=True,
    ),
    UseCase(
        "support",
        (*FURTHER, "def lingers(", "def offer(", "def offer_once("),
        {"offer": "It opened for Ada, Ada, Ada, Dora."},
        "offer_once",
        in_the_events=True,
    ),
    UseCase(
        "curation",
        (*FURTHER, "def curate(", "def safe_entry(", "def curate_safely("),
        {"curate": "A browser finds <img>, onerror= in <img>, src= in <img>, javascript:alert(1) in href=, onmouse"},
        "curate_safely",
        in_the_events=True,
    ),
    UseCase(
        "badges",
        (*FURTHER, "def award(", "def award_fairly("),
        {"award": "Badges were given wrongly: Bela's regular without having earned it."},
        "award_fairly",
        in_the_events=True,
    ),
]  # fmt: skip
each = pytest.mark.parametrize("case", USE_CASES, ids=lambda case: case.module)


def scene_of(case):
    return importlib.import_module(f"webhook_tutorial.scenes.{case.module}").SCENE


@pytest.fixture
def handlers(case):
    """What the cells of a use case define, when nothing of the lesson but them was run."""
    return define("12", {}, *case.cells)


@each
def test_with_its_safeguard_a_scene_keeps_its_promise(case, handlers):
    run = play(scene_of(case), handlers[case.careful])
    assert run.ok and not run.errors, run
    assert run.took and max(run.took.values()) <= run.scene.within


@each
def test_without_it_the_fault_wins(case, handlers):
    for name, words in case.careless.items():
        run = play(scene_of(case), handlers[name])
        assert not run.ok and run.broken.startswith(words), run
        assert not run.errors, "it is broken in silence"


@pytest.mark.parametrize("case", [case for case in USE_CASES if not case.in_the_events], ids=lambda case: case.module)
def test_without_its_fault_the_careless_handler_would_do(case, handlers):
    scene = scene_of(case)
    calm = {name: replace(service, down=(), lost=()) for name, service in scene.services.items()}
    for name in case.careless:
        assert play(replace(scene, late=(), twice=(), services=calm), handlers[name]).ok


@pytest.mark.thorough
@each
def test_it_holds_what_every_scene_must_hold(case, handlers):
    assert [(trial.name, trial.wrong) for trial in trials(scene_of(case), handlers[case.careful])] == [
        ("signed", ""),
        ("once", ""),
        ("in time", ""),
    ]


@each
def test_every_part_of_its_trouble_happens(case, handlers):
    run = play(scene_of(case), handlers[case.careful])
    scene, attempts = run.scene, run.traffic.where(receiver=run.scene.receiver)
    for number in range(1, len(scene.events) + 1):
        answers = [x.status for x in attempts if x.json()["id"] == f"evt_{number}"]
        assert answers == ([503, 202] if number in scene.late else [504, 202] if number in scene.twice else [202])
    for name, service in scene.services.items():
        seen = {x.status for x in run.traffic.where(receiver=name)}
        assert (503 in seen) == bool(service.down) and (504 in seen) == bool(service.lost)
    assert scene.late or scene.twice or any(s.down or s.lost for s in scene.services.values())


@pytest.mark.thorough
@each
def test_its_picture_and_its_text_are_the_same_each_time(case, handlers):
    first, second = (play(scene_of(case), handlers[case.careful]) for _ in range(2))
    assert str(diagram(first)) == str(diagram(second)) and repr(first) == repr(second)
    assert running() == []


def test_every_scene_has_its_use_case_and_a_new_one_would_be_missed():
    modules = {module.name for module in pkgutil.iter_modules(scenes.__path__)}
    found = {name for name in modules if hasattr(importlib.import_module(f"webhook_tutorial.scenes.{name}"), "SCENE")}
    assert found == {case.module for case in USE_CASES} | {"removals"}


def test_late_news_and_personal_data_are_each_caught_alone():
    """The scene of the history has two faults, and the lesson's first handler falls into one of them."""
    source = define("12", {}, *USE_CASES[3].cells)["note_what_is_asked"]

    class ByArrival:
        def __init__(self, stage):
            self.db, self.minute = stage.db, lambda event: stage.minute()

    run = play(scene_of(USE_CASES[3]), lambda event, stage: source(event, ByArrival(stage)))
    assert run.broken == "By the log 1 saw the prices before they signed up, and it was 2."


@pytest.mark.parametrize(
    "without, opened", [("not lingers(visit) or ", "Ada, Bela, Chidi"), (">= support.STALE", "Ada, Dora")]
)
def test_each_half_of_the_support_chats_safeguard_is_needed(without, opened):
    source = next(c.source for c in cells() if "def offer_once(" in c.source)
    assert source.count(without) == 1
    names = define("12", {}, *FURTHER, "def lingers(", "def offer(")
    exec(source.replace(without, "" if without.startswith("not") else ">= 1e9").partition("offered =")[0], names)
    assert play(scene_of(USE_CASES[5]), names["offer_once"]).broken == f"It opened for {opened}."


@pytest.mark.parametrize(
    "without, words",
    [
        ("wanted = min(max(wanted, pricing.LOWEST), pricing.HIGHEST)", "It was 4.00 to 6.90."),
        (" and now - last >= pricing.PAUSE", "It changed 7 times within 10 minutes of the change before."),
    ],
)
def test_each_half_of_the_prices_safeguard_is_needed(without, words):
    source = next(c.source for c in cells() if c.source.startswith("def reprice_calmly("))
    assert source.count(without) == 1
    names = define("12", {}, *FURTHER, "def reprice(")
    changed = source.replace(without, "pass" if without.startswith("wanted") else "")
    exec(changed.partition("calm =")[0], names)
    assert play(scene_of(USE_CASES[4]), names["reprice_calmly"]).broken == words


def cells():
    path = next(NOTEBOOKS.glob("12_*.ipynb"))
    return [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
