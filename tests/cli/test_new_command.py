"""`new`: the template, copied, and nothing of yours overwritten."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from support import ROOT
from tools import run, run_process

from webhook_tutorial.cli import copying, new

TEMPLATE = ROOT / "webhook_tutorial" / "templates" / "receiver"
NAMES = sorted(path.name for path in TEMPLATE.iterdir() if path.is_file())


def test_it_copies_all_of_it_and_says_how_to_go_on(tmp_path):
    done = run_process("new", cwd=tmp_path, PYTHONPATH=str(ROOT))
    assert (done.returncode, done.stderr) == (0, "")
    made = tmp_path / "receiver"
    assert sorted(path.name for path in made.iterdir()) == NAMES and len(NAMES) > 12
    assert {".env.example", ".gitignore", ".dockerignore", "README.md"} < set(NAMES)
    assert all((made / name).read_bytes() == (TEMPLATE / name).read_bytes() for name in NAMES)
    assert done.stdout.startswith(f"receiver: {len(NAMES)} files. README.md says ")
    assert done.stdout.endswith(
        '    cd "receiver"\n    python -m pip install -r requirements.txt pytest\n    python -m pytest\n'
    )


def test_it_copies_what_git_has_and_nothing_that_was_made_there():
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "."],
        cwd=TEMPLATE,
        capture_output=True,
        text=True,
    )
    if listed.returncode:
        pytest.skip("this is no clone")
    assert sorted(listed.stdout.split()) == NAMES


def test_what_a_run_in_its_place_has_left_there_is_not_copied(tmp_path, monkeypatch):
    monkeypatch.setattr(new, "TEMPLATE", tmp_path / "run")
    shutil.copytree(TEMPLATE, tmp_path / "run")
    for name in (".env", "inbox.db", "inbox.db-wal", "inbox.db-shm"):
        (tmp_path / "run" / name).write_text("mine")
    assert sorted(path.name for path in new.copy_template(tmp_path / "new")) == NAMES


@pytest.mark.parametrize("folder", ["new", "new/below/below", "empty", "a folder with ä"])
def test_a_folder_that_is_not_there_or_is_empty_is_filled(tmp_path, folder):
    (tmp_path / "empty").mkdir()
    made = run("new", tmp_path / folder, "--json")
    lines = [json.loads(line) for line in made.output.splitlines()]
    assert made.exit_code == 0
    assert lines == [{"file": str(tmp_path / folder / name), "what": "copied"} for name in NAMES]


@pytest.mark.parametrize("name", ["mine.txt", "receiver.py", ".git"])
def test_a_folder_that_holds_something_is_left_as_it_is(tmp_path, name):
    (tmp_path / name).write_text("mine")
    refused = run("new", tmp_path)
    assert (
        refused.exit_code == 1
        and refused.output == "Error: FOLDER is not empty, and nothing is overwritten: name another.\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == [name] and (tmp_path / name).read_text() == "mine"


@pytest.mark.parametrize(
    ("folder", "words"), [("file", "Directory is a file."), ("file/below", "FOLDER cannot be written: ")]
)
def test_a_folder_that_cannot_be_one_is_told(tmp_path, folder, words):
    (tmp_path / "file").touch()
    refused = run("new", tmp_path / folder)
    assert refused.exit_code in (1, 2) and "Traceback" not in refused.output and words in refused.output
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("there", [True, False])
def test_a_copy_that_breaks_off_leaves_nothing(tmp_path, monkeypatch, there):
    whole, copied = copying.write_whole, []

    def full(target, data):
        if len(copied) == 5:
            raise OSError(28, "No space left on device")
        copied.append(target)
        whole(target, data)

    monkeypatch.setattr(new, "write_whole", full)
    if there:
        (tmp_path / "a").mkdir()
    refused = run("new", tmp_path / "a" if there else tmp_path / "a" / "b" / "c")
    assert refused.exit_code == 1 and refused.output == "Error: FOLDER cannot be written: No space left on device.\n"
    assert len(copied) == 5 and [*tmp_path.rglob("*")] == ([tmp_path / "a"] if there else [])


def test_the_readme_of_the_template_names_each_of_its_files_and_each_setting():
    readme = (TEMPLATE / "README.md").read_text(encoding="utf-8")
    about_files = {"README.md", ".gitignore", ".dockerignore"}
    for name in NAMES:
        assert name in readme or "*" + Path(name).suffix in readme or name in about_files, name
    example = (TEMPLATE / ".env.example").read_text(encoding="utf-8")
    settings = (TEMPLATE / "settings.py").read_text(encoding="utf-8")
    named = set(re.findall(r"(?m)^(?:# )?([A-Z_]+)=", example))
    assert named == set(re.findall(r'"([A-Z][A-Z_]+)"', settings)) | {"PROMETHEUS_MULTIPROC_DIR"}


@pytest.mark.skipif(os.name == "nt", reason="git on Windows may have changed the ends of lines")
def test_what_is_copied_ends_lines_as_its_programs_need_it():
    assert not [name for name in NAMES if b"\r" in (TEMPLATE / name).read_bytes()]
