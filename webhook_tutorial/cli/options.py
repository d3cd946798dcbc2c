"""What several commands take: a dialect, secrets out of the environment, --json."""

import json
import os
import re

import click

from ..signing.methods import FITS
from ..signing.names import BY_NAME, dialect_named

_WHY_NOT = (
    "A secret is not taken from the command line: there your shell writes it into its history, and everybody on this "
    "computer sees it in the list of processes. Put it into a variable of the environment and give its name: "
    "--secret-env NAME."
)
_NAME = re.compile("[A-Za-z_][A-Za-z0-9_]{0,63}")


class DialectName(click.ParamType):
    """The name of a dialect, which becomes the dialect."""

    name = "name"

    def convert(self, value, param, context):
        try:
            return dialect_named(value.lower())
        except ValueError as error:
            self.fail(str(error), param, context)


dialect = click.option(
    "--dialect",
    type=DialectName(),
    help=f"How it is signed: {', '.join(BY_NAME)}.",
)

as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")


def _refuse(context, param, value):
    if value is not None:
        raise click.UsageError(_WHY_NOT, context)


def secret_env(*, multiple=False, help):
    """Return the option --secret-env, and with it --secret, which is known only in order to be refused."""

    def add(command):
        command = click.option("--secret-env", metavar="NAME", multiple=multiple, callback=_read, help=help)(command)
        return click.option(
            "--secret", is_flag=False, flag_value="", hidden=True, expose_value=False, is_eager=True, callback=_refuse
        )(command)

    return add


def _read(context, param, names):
    """The secrets by the names of their variables, in the order in which they were given."""
    names = names if isinstance(names, tuple) else () if names is None else (names,)
    return {name: _read_one(name) for name in names}


def _read_one(name):
    if not _NAME.fullmatch(name) or _may_be_secret(name):
        # It is not repeated, neither on the screen nor in a log.
        raise click.BadParameter(
            "what was given is no name of a variable. It may be the secret itself: "
            + _WHY_NOT[0].lower()
            + _WHY_NOT[1:],
            param_hint="--secret-env",
        )
    secret = os.environ.get(name, "")
    if not secret:
        state = "is empty" if name in os.environ else "is not set"
        raise click.BadParameter(f"the variable {name} {state}.", param_hint="--secret-env")
    return secret


def _may_be_secret(name):
    """Whether a name that could be a variable's has a secret's prefix, or is as long and mixed as a secret."""
    prefixes = {d.key_prefix for d in BY_NAME.values()} | {d.private_prefix for d in BY_NAME.values()} | {"sk_", "pk_"}
    mixed = len(name) >= 20 and re.search("[0-9]", name) and re.search("[a-z]", name)
    return name not in os.environ and (name.startswith(tuple(prefixes - {""})) or bool(mixed))


def check_secret(name, secret, dialect):
    """Check that a secret can be read to verify in a dialect.

    Raises:
        click.UsageError: It cannot; the message names the variable.
    """
    try:
        FITS[dialect.method](dialect, secret, b"", [])
    except ValueError as error:
        raise click.UsageError(f"What is in {name} is no secret of {dialect.name}: {error}") from None


def whole(dialect, method, url):
    """The parts of a request that a dialect signs besides headers and body, as `verify` takes them."""
    parts = {"method": method, "url": url}
    return {place: parts[place] for place in dialect.places if place in parts}


def line(fields):
    """Print an object as one line of JSON, in ASCII, so that it can be read anywhere."""
    click.echo(json.dumps(fields))
