"""Run notebooks whole, each from a fresh kernel, and save their outputs: what "make notebooks" does.

    python scripts/run_notebooks.py                    all of them
    python scripts/run_notebooks.py notebooks/02*      some

What differs from machine to machine, and is no output, is not saved: when a cell ran, which Python ran it, and
the ids of widgets, which mean nothing without their kernel (a panel's plain twin is kept).
"""

import os
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
WIDGET = "application/vnd.jupyter.widget-view+json"
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def run(path):
    """Run one notebook in its own folder and write it back; if a cell fails, raise and write nothing."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook, timeout=60, kernel_name="python3", record_timing=False, store_widget_state=False,
        resources={"metadata": {"path": str(path.parent)}},
    ).execute()  # fmt: skip
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(WIDGET, None)
    notebook.metadata = nbformat.from_dict(METADATA)
    nbformat.validate(notebook)
    nbformat.write(notebook, path)


def main(arguments):
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"  # as conftest.py does for the checks
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
