"""`new`: a receiver as files of your own, to start from."""

import contextlib
from fnmatch import fnmatch
from pathlib import Path

import click

from . import options
from .copying import write_whole

TEMPLATE = Path(__file__).resolve().parents[1] / "templates" / "receiver"


class Occupied(Exception):
    """The folder holds something already."""


def copy_template(folder):
    """Copy the template to a folder that is not there yet, or is empty; return the paths of its files, a list.

    It is copied whole or not at all: where a file cannot be written, those before it are removed again. What its own
    .gitignore leaves out is left: a secret, or an inbox, of somebody who has started it in its place.

    Raises:
        Occupied: There is something in the folder. Nothing was changed.
        OSError: The folder or a file cannot be written.
    """
    folder, written = Path(folder), []
    ignored = (TEMPLATE / ".gitignore").read_text(encoding="utf-8").split()
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise Occupied
        for path in sorted(TEMPLATE.iterdir()):
            if path.is_file() and not any(fnmatch(path.name, pattern) for pattern in ignored):
                write_whole(folder / path.name, path.read_bytes())
                written.append(folder / path.name)
    except BaseException:
        with contextlib.suppress(OSError):
            for path in written:
                path.unlink()
            for path in made:
                path.rmdir()
        raise
    return written


@click.command(cls=options.Command, short_help="Begin a receiver of your own in a folder.")
@click.argument("folder", default="receiver", type=options.File(file_okay=False))
@options.secret_env(help="Not needed here: the receiver takes its secret from its environment when it starts.")
@options.as_json
def new(folder, secret_env, as_json):
    """Begin a receiver of your own: a few files to read, change and keep, with their tests.

    FOLDER is "receiver" if left out. It is made, or it is empty: nothing of yours is overwritten. The files need Flask,
    waitress and prometheus_client, and nothing of these lessons.

    \b
        python -m webhook_tutorial new
    """
    try:
        written = copy_template(folder)
    except Occupied:
        raise click.ClickException("FOLDER is not empty, and nothing is overwritten: name another.") from None
    except OSError as error:
        raise click.ClickException(
            f"FOLDER cannot be written: {error.strerror or 'something is in its place'}."
        ) from None
    if as_json:
        for path in written:
            options.line({"file": str(path), "what": "copied"})
        return
    click.echo(f"{folder}: {len(written)} files. README.md says what each is for, handlers.py is the one to edit.")
    click.echo("Go on there. Its own tests first, which need no network:")
    click.echo(f'    cd "{folder}"')
    click.echo("    python -m pip install -r requirements.txt pytest")
    click.echo("    python -m pytest")
