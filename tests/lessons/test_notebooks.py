"""What every lesson keeps to, beyond running: nbval runs them, this reads them and runs them twice."""

import asyncio
import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from traitlets.config import Config

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
LESSONS = sorted(FOLDER.glob("[0-9][0-9]_*.ipynb"))
each_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)


def read(path):
    return nbformat.read(path, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]


def prose(notebook):
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def headings(notebook):
    """Level and text of every heading, in order; a line inside a code fence is none."""
    text = re.sub(r"(?ms)^```.*?^```", "", prose(notebook))
    return [(len(marks), title) for marks, title in re.findall(r"(?m)^(#{1,6}) +(.+)$", text)]


def counts_are_in_order(notebook):
    counts = [cell.execution_count for cell in code_cells(notebook)]
    return all(count == i for i, count in enumerate(counts, 1))


def test_there_are_lessons_and_nothing_else():
    assert sorted(FOLDER.glob("*.ipynb")) == LESSONS
    assert [path.name[:2] for path in LESSONS] == [f"{i:02}" for i in range(len(LESSONS))]


@each_lesson
def test_every_cell_was_run_once_from_the_top(path):
    assert counts_are_in_order(read(path))


def test_a_stripped_or_half_run_notebook_would_be_caught():
    for counts in ([None, None], [1, None], [2, 3], [1, 3], [2, 1]):
        cells = [nbformat.v4.new_code_cell("1", execution_count=count) for count in counts]
        assert not counts_are_in_order(nbformat.v4.new_notebook(cells=cells))


@each_lesson
def test_the_metadata_is_plain_and_no_widget_is_saved(path):
    notebook = read(path)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert "widget-view" not in json.dumps(notebook)


@each_lesson
def test_no_output_is_an_error_or_stderr(path):
    for cell in code_cells(read(path)):
        for output in cell.outputs:
            assert output.output_type != "error" and output.get("name") != "stderr", cell.source


@each_lesson
def test_at_most_one_cell_in_ten_ignores_its_output_and_says_why(path):
    cells = code_cells(read(path))
    ignoring = [
        cell
        for cell in cells
        if "NBVAL_" in cell.source or any(tag.startswith("nbval") for tag in cell.metadata.get("tags", []))
    ]
    assert len(ignoring) * 10 <= len(cells)
    for cell in ignoring:
        assert cell.metadata.get("reason") or re.search(r"#.*because", cell.source)


@each_lesson
def test_one_title_and_no_heading_level_skipped(path):
    levels = [level for level, _ in headings(read(path))]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


@each_lesson
def test_it_opens_with_objectives_needs_minutes_and_its_place(path):
    opening = read(path).cells[0].source
    for word in ("**You will**", "**You need**", "**Time**", "**Series**"):
        assert word in opening
    assert 3 <= len(re.findall(r"(?m)^- ", opening)) <= 5
    assert (
        10 <= int(re.search(r"\*\*Time\*\* (\d+) minutes", opening)[1]) <= (50 if "in two sittings" in opening else 30)
    )


@each_lesson
def test_it_shows_a_result_within_three_cells_and_closes_the_same_way(path):
    notebook = read(path)
    assert any(cell.outputs for cell in code_cells(notebook)[:3])
    titles = [title for _, title in headings(notebook)]
    assert "Your turn" in titles and "What you can do now" in titles
    assert "What real providers do" in prose(notebook)
    assert len(re.findall(r'\bcheck\("', "".join(cell.source for cell in code_cells(notebook)))) >= 2
    assert "stop_all()" in notebook.cells[-1].source or "stop_all()" in notebook.cells[-2].source


@each_lesson
def test_links_inside_the_series_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)]+)\)", prose(read(path))):
        if target.startswith(("http://", "https://")):
            continue
        file, _, anchor = target.partition("#")
        other = path.parent / file if file else path
        assert other.is_file(), target
        if anchor:
            assert anchor in [title.replace(" ", "-") for _, title in headings(read(other))], target


@each_lesson
def test_pictures_have_alternative_text(path):
    notebook = read(path)
    assert "![](" not in prose(notebook)
    assert not re.search(r"<img(?![^>]*\balt=)", prose(notebook))
    for cell in code_cells(notebook):
        for output in cell.outputs:
            data = output.get("data", {})
            assert "image/png" not in data, "JupyterLab gives it no alternative text: use picture()"
            for image in re.findall(r"<img[^>]*>", data.get("text/html", "")):
                assert len(re.search(r'alt="([^"]*)"', image)[1]) > 40, cell.source


@each_lesson
def test_a_cell_fits_on_a_screen(path):
    for cell in code_cells(read(path)):
        assert len(cell.source.splitlines()) <= 30, cell.source
        assert all(len(line) <= 125 for line in cell.source.splitlines()), cell.source


LEFT_BEHIND = """
import gc, os, socket, tempfile, threading, webhook_tutorial

_source, _named = "".join(In[:-1]), [id(value) for value in list(globals().values())]
_named += [id(one) for name, value in list(globals().items()) if isinstance(value, dict) and name not in ("Out", "_oh")
           for one in list(value.values())]
_console = "fault_console(" in _source  # it holds its proxy itself
_nameless = [thing for thing in webhook_tutorial.running()
             if id(thing) not in _named and not (_console and type(thing).__name__ == "Faults")]
assert not _nameless, f"nobody names {_nameless}"
_panel = any(panel in _source for panel in ("fault_console(", "inbox(", "dashboard("))  # which goes on working
assert _panel or not webhook_tutorial.running(), f"up: {webhook_tutorial.running()}"
webhook_tutorial.stop_all()
gc.collect()
for _thread in threading.enumerate():
    if _thread not in _threads_before:
        _thread.join(2)
_threads = [t.name for t in threading.enumerate() if t not in _threads_before and t.is_alive()]
assert not _threads, f"threads left: {_threads}"
_sockets = [s for s in gc.get_objects() if isinstance(s, socket.socket) and s.fileno() >= 0
            and s.family in (socket.AF_INET, socket.AF_INET6) and s not in _sockets_before]
assert not _sockets, f"sockets left: {_sockets}"
_files = set(os.listdir(tempfile.gettempdir())) - _files_before
assert not _files, f"temporary files left: {_files}"
"""

BEFORE = """
import gc, os, socket, tempfile, threading
_threads_before = threading.enumerate()
_sockets_before = [s for s in gc.get_objects() if isinstance(s, socket.socket)]
_files_before = set(os.listdir(tempfile.gettempdir()))
"""


def at_work(scratch):
    """The environment of a computer at work: proxies are set, for addresses on this computer too, and do not answer.

    The temporary folder is the run's own.
    """
    environment = {name: value for name, value in os.environ.items() if name.lower() != "no_proxy"}
    dead = {
        "http_proxy": "http://127.0.0.1:9",
        "https_proxy": "http://127.0.0.1:9",
        "all_proxy": "socks5://127.0.0.1:9",
    }
    return environment | dead | {"TMPDIR": str(scratch), "TEMP": str(scratch), "TMP": str(scratch)}


def run(cells, folder, scratch):
    """Run cells in one fresh kernel, in the environment `at_work`."""
    sources = [BEFORE, *cells, LEFT_BEHIND]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    client = NotebookClient(
        notebook,
        timeout=60,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        config=Config(KernelManager={"transport_encryption": "auto"}),  # or it warns in the terminal that there is none
    )
    asyncio.run(client.async_execute(env=at_work(scratch)))  # its own loop, closed at the end, on any thread
    return notebook


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The run of each lesson, each cell twice and then the whole once more, all in one kernel.

    Two lessons run at a time, as most of their time is waiting.
    """

    def again_and_again(path, folder):
        sources = [cell.source for cell in code_cells(read(path))]
        cells = [source for source in sources for _ in range(2)] + sources
        return run(cells, path.parent, folder)

    folders = [tmp_path_factory.mktemp("again") for _ in LESSONS]  # here: mktemp is not made for threads
    with ThreadPoolExecutor(2) as pool:
        yield {path: pool.submit(again_and_again, path, folder) for path, folder in zip(LESSONS, folders, strict=True)}


@pytest.mark.thorough
@each_lesson
def test_run_again_and_again_it_raises_nothing_and_leaves_nothing(path, runs):
    for cell in runs[path].result().cells:
        assert not [o for o in cell.outputs if o.get("name") == "stderr"], cell.source


@pytest.mark.parametrize(
    "source, words",
    [
        ("import webhook_tutorial, flask\nwebhook_tutorial.serve(flask.Flask('a'))\nNone", "nobody names.*Server a"),
        ("import webhook_tutorial, flask\nserver = webhook_tutorial.serve(flask.Flask('a'))", "up: .*Server a"),
        ("import threading, time\nthreading.Thread(target=time.sleep, args=(9,), daemon=True).start()", "threads"),
        ("import socket\nlistener = socket.create_server(('127.0.0.1', 0))", "sockets left"),
        ("import tempfile\nname = tempfile.mkstemp()[1]", "temporary files left"),
    ],
)
def test_what_is_left_behind_would_be_caught(source, words, tmp_path):
    with pytest.raises(Exception, match=words):
        run([source], tmp_path, tmp_path)
