"""`lessons`: the notebooks, copied, and nothing of yours lost."""

import json
from pathlib import Path

import pytest
from support import ROOT
from tools import run, run_process

from webhook_tutorial.cli import copying, lessons

NOTEBOOKS = ROOT / "notebooks"
NAMES = sorted(
    path.relative_to(NOTEBOOKS).as_posix()
    for path in [*NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"), *NOTEBOOKS.glob("*.md"), *NOTEBOOKS.glob("recorded/*")]
)


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_it_copies_all_of_them_and_says_how_to_open_them(tmp_path):
    done = run_process("lessons", cwd=tmp_path, PYTHONPATH=str(ROOT))
    assert (done.returncode, done.stderr) == (0, "")
    assert files(tmp_path / "webhooks") == NAMES and len(NAMES) > 13
    assert all((tmp_path / "webhooks" / name).read_bytes() == (NOTEBOOKS / name).read_bytes() for name in NAMES)
    path = Path("webhooks", "00_start_here.ipynb")
    assert (
        done.stdout
        == f'webhooks: {len(NAMES)} files copied, 0 were there already.\nOpen them with: jupyter lab "{path}"\n'
    )


def test_a_second_time_it_copies_what_is_missing_and_leaves_what_differs(tmp_path):
    folder = tmp_path / "my lessons"
    run("lessons", folder)
    changed, missing, in_the_way = (folder / name for name in (NAMES[1], NAMES[2], NAMES[3]))
    changed.write_text("mine")
    missing.unlink()
    in_the_way.unlink()
    in_the_way.mkdir()
    again = run("lessons", folder)
    assert again.exit_code == 0
    assert f"1 files copied, {len(NAMES) - 3} were there already." in again.output
    assert [line for line in again.output.splitlines() if line.startswith("Left")] == [
        f"Left as it is, because it differs: {path}" for path in (changed, in_the_way)
    ]
    assert changed.read_text() == "mine" and missing.read_bytes() == (NOTEBOOKS / NAMES[2]).read_bytes()
    what = {one["file"]: one["what"] for one in map(json.loads, run("lessons", folder, "--json").output.splitlines())}
    assert what.pop(str(changed)) == what.pop(str(in_the_way)) == "left" and set(what.values()) == {"there"}


def test_where_jupyterlab_is_missing_it_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setattr(lessons.importlib.util, "find_spec", lambda name: None)
    shown = run("lessons", tmp_path / "a")
    assert shown.exit_code == 0 and 'python -m pip install "webhook-tutorial[lessons]"' in shown.output


@pytest.mark.parametrize(
    ("folder", "words"), [("file", "Directory is a file."), ("file/below", "FOLDER cannot be written: ")]
)
def test_a_folder_that_cannot_be_one_is_told(tmp_path, folder, words):
    (tmp_path / "file").touch()
    refused = run("lessons", tmp_path / folder)
    assert refused.exit_code in (1, 2) and "Traceback" not in refused.output and words in refused.output
    assert (tmp_path / "file").read_bytes() == b""


def test_a_copy_that_breaks_off_leaves_nothing_that_looks_like_yours(tmp_path, monkeypatch):
    def full(begun, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(copying.os, "link", full)
    monkeypatch.setattr(Path, "rename", full)
    assert run("lessons", tmp_path / "a").exit_code == 1
    assert files(tmp_path / "a") == []
    monkeypatch.undo()
    assert f"{len(NAMES)} files copied" in run("lessons", tmp_path / "a").output
    assert files(tmp_path / "a") == NAMES


def test_where_there_are_no_links_it_copies_all_the_same(tmp_path, monkeypatch):
    def none(begun, target):
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(copying.os, "link", none)
    run("lessons", tmp_path / "a")
    assert files(tmp_path / "a") == NAMES
