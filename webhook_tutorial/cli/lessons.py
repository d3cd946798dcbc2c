"""`lessons`: the notebooks, copied to a folder of yours."""

import contextlib
import importlib.util
from pathlib import Path

import click

from . import options
from .copying import write_whole

_PACKAGE = Path(__file__).resolve().parents[1]


def notebooks():
    """Return the folder of the notebooks: in the package that was installed, beside it in a clone."""
    return next(path for path in (_PACKAGE / "notebooks", _PACKAGE.parent / "notebooks") if path.is_dir())


def copy_lessons(folder):
    """Copy the notebooks and what they show to a folder, and yield the path of each with what became of it.

    That is ``"copied"``, ``"there"`` for a file that is the same already, or ``"left"`` for one that differs: nothing
    is ever overwritten.

    Raises:
        OSError: The folder or a file cannot be written.
    """
    source, folder = notebooks(), Path(folder)
    for path in sorted([*source.glob("*.ipynb"), *source.glob("*.md"), *source.glob("recorded/*.txt")]):
        name, data = path.relative_to(source), path.read_bytes()
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            write_whole(target, data)
            yield target, "copied"
        except FileExistsError:
            same = False
            with contextlib.suppress(OSError):  # a folder of that name, say
                same = target.read_bytes() == data
            yield target, "there" if same else "left"


@click.command(cls=options.Command, short_help="Copy the lessons to a folder.")
@click.argument("folder", default="webhooks", type=options.File(file_okay=False))
@options.secret_env(help="Not needed here: no lesson asks for a secret.")
@options.as_json
def lessons(folder, secret_env, as_json):
    """Copy the lessons to a folder of yours, and say how to open them.

    FOLDER is "webhooks" if left out. What is there and differs, you have changed: it is left as it is.

    \b
        python -m webhook_tutorial lessons
        jupyter lab webhooks/00_start_here.ipynb
    """
    try:
        done = list(copy_lessons(folder))  # all of them, before anything is printed: who reads that may leave early
    except OSError as error:
        raise click.ClickException(f"FOLDER cannot be written: {error.strerror}.") from None
    if as_json:
        for path, what in done:
            options.line({"file": str(path), "what": what})
        return
    became = {kind: [path for path, what in done if what == kind] for kind in ("copied", "there", "left")}
    click.echo(f"{folder}: {len(became['copied'])} files copied, {len(became['there'])} were there already.")
    for path in became["left"]:
        click.echo(f"Left as it is, because it differs: {path}")
    if importlib.util.find_spec("jupyterlab") is None:
        click.echo('JupyterLab is not installed: python -m pip install "webhook-tutorial[lessons]"')
    click.echo(f'Open them with: jupyter lab "{Path(folder) / "00_start_here.ipynb"}"')
