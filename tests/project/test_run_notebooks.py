"""scripts/run_notebooks.py: what it saves, and that running a lesson again changes nothing."""

import nbformat
import pytest
import run_notebooks

PORT = """\
import socket
with socket.create_server(('127.0.0.1', 0)) as free:
    print(f'http://127.0.0.1:{free.getsockname()[1]}/')"""
ADDRESS = """\
import socket
with socket.create_server(('127.0.0.1', 0)) as free:
    address = f'http://127.0.0.1:{free.getsockname()[1]}/'
address"""
PICTURE = """\
from base64 import b64encode
from os import urandom
from IPython.display import HTML
HTML(f'<img alt="noise" src="data:image/png;base64,{b64encode(urandom(60)).decode()}">')"""
PIECES = """\
import random, sys, time
for i in range(4):
    print(i)
    sys.stdout.flush()
    time.sleep(random.choice([0, 0.3]))"""
SLIDER = "import ipywidgets\nipywidgets.IntSlider()"


@pytest.fixture
def lesson(tmp_path):
    path = tmp_path / "00_lesson.ipynb"
    cells = [nbformat.v4.new_code_cell(source) for source in (PORT, PICTURE, PIECES, SLIDER, "1 + 1")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


def saved(path):
    return nbformat.read(path, as_version=4)


@pytest.mark.thorough
def test_a_lesson_run_twice_is_the_same_file(lesson, capfd):
    run_notebooks.run(lesson)
    first = lesson.read_bytes()
    run_notebooks.run(lesson)
    assert lesson.read_bytes() == first
    assert capfd.readouterr().err == "", "no kernel has anything to warn of"


def test_what_it_saves_has_outputs_in_one_piece_and_nothing_of_this_machine(lesson):
    run_notebooks.run(lesson)
    notebook = saved(lesson)
    assert [cell.execution_count for cell in notebook.cells] == [1, 2, 3, 4, 5]
    [stream] = notebook.cells[2].outputs
    assert stream.text == "0\n1\n2\n3\n"
    assert "widget-view" not in lesson.read_text() and set(notebook.metadata) == {"kernelspec", "language_info"}


@pytest.mark.thorough
def test_an_output_that_differs_is_saved_and_a_picture_too_once_it_was_cleared(lesson):
    run_notebooks.run(lesson)
    before = saved(lesson)
    changed = saved(lesson)
    changed.cells[4].source = "1 + 2"
    nbformat.write(changed, lesson)
    run_notebooks.run(lesson)
    after = saved(lesson)
    assert after.cells[4].outputs[0].data["text/plain"] == "3"
    assert after.cells[1].outputs == before.cells[1].outputs
    after.cells[1].outputs = []
    nbformat.write(after, lesson)
    run_notebooks.run(lesson)
    assert saved(lesson).cells[1].outputs not in ([], before.cells[1].outputs)


@pytest.mark.thorough
def test_an_address_is_the_same_throughout_a_lesson(lesson):
    notebook = saved(lesson)
    notebook.cells[0].source = ADDRESS
    notebook.cells.append(nbformat.v4.new_code_cell("address"))
    nbformat.write(notebook, lesson)
    run_notebooks.run(lesson)
    notebook = saved(lesson)
    notebook.cells[-1].source = "address + 'webhook'"
    nbformat.write(notebook, lesson)
    run_notebooks.run(lesson)
    first, *_, last = saved(lesson).cells
    assert last.outputs[0].data["text/plain"] == repr(first.outputs[0].data["text/plain"].strip("'") + "webhook")


@pytest.mark.thorough
def test_a_cell_that_moves_keeps_its_output_under_its_new_number(lesson):
    run_notebooks.run(lesson)
    notebook = saved(lesson)
    notebook.cells.insert(0, nbformat.v4.new_code_cell("0"))
    nbformat.write(notebook, lesson)
    run_notebooks.run(lesson)
    last = saved(lesson).cells[-1]
    assert last.execution_count == last.outputs[0].execution_count == 6


@pytest.mark.thorough
def test_a_lesson_that_fails_is_left_as_it_was(lesson, capsys):
    notebook = saved(lesson)
    notebook.cells.append(nbformat.v4.new_code_cell("1 / 0"))
    nbformat.write(notebook, lesson)
    before = lesson.read_bytes()
    assert run_notebooks.main([lesson]) == 1
    assert lesson.read_bytes() == before and "ZeroDivisionError" in capsys.readouterr().err


@pytest.mark.parametrize("deaths", [0, 2, 3])
def test_a_kernel_whose_port_was_taken_is_started_again(monkeypatch, deaths):
    begun = []

    class Client:
        def __init__(self, notebook, **options):
            pass

        def execute(self):
            begun.append(self)
            if len(begun) <= deaths:
                raise RuntimeError("Kernel died before replying to kernel_info")

    monkeypatch.setattr(run_notebooks, "NotebookClient", Client)
    if deaths == 3:
        with pytest.raises(RuntimeError, match="died"):
            run_notebooks.execute(None, ".")
    else:
        run_notebooks.execute(None, ".")
    assert len(begun) == min(deaths + 1, 3)
