"""Run notebooks whole, each from a fresh kernel, and save their outputs: what "make notebooks" does.

    python scripts/run_notebooks.py                    all of them
    python scripts/run_notebooks.py notebooks/02*      some

What differs from machine to machine, and is no output, is not saved: when a cell ran, which Python ran it, and
the ids of widgets, which mean nothing without their kernel (a panel's plain twin is kept).

Where all outputs are the same as before but for what "pytest --nbval" does not compare either (ports, pictures, how a
stream was cut into pieces), the old ones stay, so that running a lesson twice changes nothing. If one differs, all are
of the new run, so that a server has one port throughout a page; only pictures stay where the rest of their output did.
To have a picture drawn anew, clear its cell's output first.
"""

import configparser
import os
import re
import sys
from pathlib import Path

import nbformat
from elsewhere import move_what_cannot_be_written
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from traitlets.config import Config

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
WIDGET = "application/vnd.jupyter.widget-view+json"
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def execute(notebook, folder, tries=3):
    """Run a notebook in a fresh kernel.

    A kernel binds ports that were free a moment before. If another program has taken one meanwhile, it dies before any
    cell was run, and another kernel is started.
    """
    client = NotebookClient(
        notebook, timeout=60, kernel_name="python3", record_timing=False, store_widget_state=False,
        resources={"metadata": {"path": str(folder)}},
        # Or each kernel warns in the terminal that it runs over TCP without encryption.
        config=Config(KernelManager={"transport_encryption": "auto"}),
    )  # fmt: skip
    try:
        client.execute()
    except RuntimeError as error:
        if tries == 1 or "before replying to kernel_info" not in str(error):
            raise
        execute(notebook, folder, tries - 1)


def run(path):
    """Run one notebook in its own folder and write it back; if a cell fails, raise and write nothing."""
    notebook = nbformat.read(path, as_version=4)
    before = {cell.id: cell.get("outputs", []) for cell in notebook.cells}
    execute(notebook, path.parent)
    rules = sanitizing_rules()
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell in cells:
        cell.outputs = joined(cell.outputs)
        for output in cell.outputs:
            output.get("data", {}).pop(WIDGET, None)
    as_before = [cell for cell in cells if are_the_same(before[cell.id], cell.outputs, rules)]
    for cell in as_before:
        if len(as_before) == len(cells) or "image/png" in str(cell.outputs):
            put_back(before[cell.id], cell)
    notebook.metadata = nbformat.from_dict(METADATA)
    nbformat.validate(notebook)
    nbformat.write(notebook, path)


def sanitizing_rules():
    """What nbval replaces before it compares, as pairs of a pattern and a replacement."""
    config = configparser.RawConfigParser()
    config.read(ROOT / "tests" / "nbval_sanitize.cfg")
    return [(re.compile(config[name]["regex"]), config[name]["replace"]) for name in config.sections()]


def joined(outputs):
    """Outputs with the pieces of a stream that follow each other in one: where it was cut is chance."""
    whole = []
    for output in outputs:
        if whole and output.output_type == whole[-1].output_type == "stream" and output.name == whole[-1].name:
            whole[-1].text += output.text
        else:
            whole.append(output)
    return whole


def are_the_same(before, after, rules):
    """Say whether two lists of outputs are the same to nbval."""

    def compared(value):
        if isinstance(value, str):
            for pattern, replacement in rules:
                value = pattern.sub(replacement, value)
            return value
        if isinstance(value, dict):
            ignored = ("execution_count", "image/png")
            return {key: compared(one) for key, one in value.items() if key not in ignored}
        return [compared(one) for one in value] if isinstance(value, list) else value

    return compared(joined(nbformat.from_dict(before))) == compared(after)


def put_back(before, cell):
    """Give a cell its outputs of before; its number stays the new one."""
    cell.outputs = before
    for output in cell.outputs:
        if "execution_count" in output:
            output.execution_count = cell.execution_count


def main(arguments):
    move_what_cannot_be_written()
    os.environ["WEBHOOK_TUTORIAL_PROGRESS"] = "off"  # `progress` is saved as whoever has passed nothing sees it
    failed = 0
    for path in map(Path, arguments or sorted(NOTEBOOKS.glob("*.ipynb"))):
        try:
            run(path.resolve())
            print(f"ran {path.name}")
        except CellExecutionError as error:
            failed = 1
            print(f"{path.name} failed and was left as it was:\n{error}", file=sys.stderr)
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
