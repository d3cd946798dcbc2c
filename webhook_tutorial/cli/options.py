"""What several commands take: a dialect, secrets out of the environment, --json.

A word that was typed in a wrong place may be a secret, and an error is read by others, in a log for one. So no error
repeats one: it says where it stands.
"""

import json
import os
import re

import click

from ..signing.methods import FITS
from ..signing.names import BY_NAME
from ..signing.providers import provider_of, read_provider

_WHY_NOT = (
    "A secret is not taken from the command line: there your shell writes it into its history, and everybody on this "
    "computer sees it in the list of processes. Put it into a variable of the environment and give its name: "
    "--secret-env NAME."
)
_NAME = re.compile("[A-Za-z_][A-Za-z0-9_]{0,63}")


class Discreet:
    """What a command and the group of them have in common: their errors repeat no word that was typed."""

    def parse_args(self, context, args):
        typed, context.allow_extra_args = list(args), True
        try:
            rest = super().parse_args(context, args)
        except click.NoSuchOption as error:
            like = f" Did you mean {' or '.join(error.possibilities)}?" if error.possibilities else ""
            known = ", ".join(
                name
                for one in self.get_params(context)
                if not getattr(one, "hidden", False)
                for name in one.opts
                if name[0] == "-"
            )
            raise click.UsageError(f"One of the options is unknown.{like or ' Known are: ' + known}", context) from None
        if rest and not isinstance(self, click.Group):
            at = _nth(len(typed) - typed[::-1].index(rest[-1]))
            raise click.UsageError(f"The {at} word after {context.info_name} is one too many.", context)
        return rest


class Command(Discreet, click.Command):
    """A command whose errors repeat no word that was typed."""


class Commands(Discreet, click.Group):
    """Commands whose errors repeat no word that was typed."""

    def resolve_command(self, context, args):
        if self.get_command(context, args[0]) is None:
            raise click.UsageError(f"There is no such command. Known are: {', '.join(self.commands)}.", context)
        return super().resolve_command(context, args)


class Whole(click.IntRange):
    """A whole number; another word is not repeated."""

    def convert(self, value, param, context):
        try:
            return super().convert(value, param, context)
        except click.BadParameter:
            most = f" to {self.max}" if self.max is not None else " on"
            self.fail(f"it must be a whole number from {self.min}{most}.", param, context)


class File(click.Path):
    """A path; one that is none is not repeated."""

    def convert(self, value, param, context):
        try:
            return super().convert(value, param, context)
        except click.BadParameter as error:
            self.fail(error.message.replace(f" {click.format_filename(value)!r}", ""), param, context)


def _nth(number):
    last = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th") if number % 100 not in (11, 12, 13) else "th"
    return f"{number}{last}"


class ProviderName(click.ParamType):
    """The name of a dialect, or a file that describes one; it becomes a `Provider`."""

    name = "name|file"

    def convert(self, value, param, context):
        if value.lower() in BY_NAME:
            return provider_of(BY_NAME[value.lower()])
        if not os.path.isfile(value):
            self.fail(f"there is no such dialect. Known are: {', '.join(BY_NAME)}; or name a file.", param, context)
        try:
            return read_provider(value)
        except OSError as error:
            self.fail(f"the file cannot be read: {error.strerror}.", param, context)
        except ValueError as error:
            self.fail(f"the file describes no dialect. {error}", param, context)


_HOW = f"How it is signed: {', '.join(BY_NAME)}; or a JSON file with a dialect of your own."
#: The option --dialect, as a `Provider` or as its `Dialect`; None if it was left out.
provider = click.option("--dialect", "provider", type=ProviderName(), help=_HOW)
dialect = click.option(
    "--dialect", type=ProviderName(), help=_HOW, callback=lambda context, param, found: found and found.dialect
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
    which = "" if len(names) < 2 else "{} "
    return {name: _read_one(name, which.format(_nth(number))) for number, name in enumerate(names, 1)}


def _read_one(name, which):
    if not _NAME.fullmatch(name) or _may_be_secret(name):
        # It is not repeated, neither on the screen nor in a log.
        raise click.BadParameter(
            f"what was {which}given is no name of a variable. It may be the secret itself: "
            + _WHY_NOT[0].lower()
            + _WHY_NOT[1:],
            param_hint="--secret-env",
        )
    if name not in os.environ:
        raise click.BadParameter(
            f"the {which}variable is not set. Its name is not repeated: it may be the secret itself.",
            param_hint="--secret-env",
        )
    if not os.environ[name]:
        raise click.BadParameter(f"the variable {name} is empty.", param_hint="--secret-env")
    return os.environ[name]


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
