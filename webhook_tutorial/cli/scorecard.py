"""`scorecard`: what a receiver does right, and what it does not."""

import contextlib
import os
import sys
from pathlib import Path

import click

from ..look import visible
from ..operations.scorecard import grade
from ..operations.scorecard.findings import FAILED, HELD
from ..signing import STANDARD_WEBHOOKS
from ..signing.providers import provider_of
from . import options


class Seconds(click.FloatRange):
    """A number of seconds; another word is not repeated."""

    name = "seconds"

    def convert(self, value, param, context):
        with contextlib.suppress(click.BadParameter):
            found = super().convert(value, param, context)
            if found == found:  # which nan is not
                return found
        self.fail(f"it must be a number of seconds from {self.min:g} to {self.max:g}.", param, context)


_OUT = options.File(dir_okay=False, writable=True)


@click.command(cls=options.Command, short_help="Grade a receiver, in any language.")
@click.argument("url")
@options.provider
@options.secret_env(help="The variable that holds the secret to sign with; for ed25519, the private key.")
@click.option("--effects", default="", metavar="URL", help="Where the receiver says how often it has done its work.")
@click.option("--limit", type=options.Whole(1_000, 100_000_000), help="How many bytes a body may have at the most.")
@click.option(
    "--patience", type=Seconds(0.1, 30), default=3.0, show_default=True, help="How long an answer may take, in seconds."
)
@click.option("--pause", type=Seconds(0, 60), default=0.0, show_default=True, help="Seconds between two requests.")
@click.option(
    "--most", type=options.Whole(1, 100_000), default=400, show_default=True, help="How many requests there may be."
)
@click.option("--i-own-this-host", is_flag=True, help="Send to another computer than this one.")
@click.option("--junit", type=_OUT, help="Write the report to this file, too, as JUnit's XML.")
@click.option("--badge", type=_OUT, help="Write a badge with the grade to this file, an SVG.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object.")
def scorecard(url, provider, secret_env, effects, as_json, junit, badge, **how):
    """Send a receiver real deliveries, good ones and bad ones, and say check by check what held.

    \b
        python -m webhook_tutorial scorecard http://127.0.0.1:8000/webhook \\
            --dialect github --secret-env GITHUB_SECRET
        python -m webhook_tutorial scorecard http://127.0.0.1:8000/webhook \\
            --secret-env GITHUB_SECRET --effects http://127.0.0.1:8000/effects --limit 1000000

    It ends with 0 if nothing failed, with 1 if something did, or was not tried for lack of time, and with 2 if it was
    used wrongly, or a report could not be written. While what is worth 3 points fails, the grade is 89 at the most:
    somebody else can act as the provider then, or a delivery is lost or done twice. Without a secret
    nothing is signed. --effects is a URL of your receiver that answers with a whole number, or with
    {"effects": number}: how many orders it has booked, say. With it, what was done twice is seen, too. --limit has
    bodies sent of that size, and larger ones.
    """
    files = {"--junit": (junit, "as_junit"), "--badge": (badge, "badge")}
    for option, (file, _) in files.items():
        if file and not Path(file).absolute().parent.is_dir():
            raise click.UsageError(f"The folder of the {option} file is not there.")
    try:
        report = grade(
            url, next(iter(secret_env.values()), None), provider or provider_of(STANDARD_WEBHOOKS), effects=effects,
            tell=None if as_json else _tell, **how,
        )  # fmt: skip
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    # Files first, and each of them: whatever cannot be written, what can be is there.
    lost = [words for option, (file, make) in files.items() if (words := _write(file, option, getattr(report, make)))]
    lost += _print(report, as_json)
    if lost:
        raise _Lost(" ".join(lost))
    raise SystemExit(0 if report.ok else 1)


class _Lost(click.ClickException):
    """A report that could not be written says nothing of the receiver."""

    exit_code = 2


def _write(file, option, make):
    """Write a text to a file, if there is one; return why it could not be, or nothing."""
    if not file:
        return ""
    try:
        Path(file).write_text(make(), encoding="utf-8", newline="\n")
    except OSError as error:
        return f"The {option} file cannot be written: {error.strerror}."
    return ""


def _print(report, as_json):
    """Print the report; return why it could not be, in a list."""
    try:
        if as_json:
            options.line(report.as_dict())
        else:
            click.echo("\n" + "\n".join(map(visible, report.text(commands=True).split("\n"))))
        sys.stdout.flush()
    except BrokenPipeError:
        raise  # whoever reads has read enough, and click ends quietly
    except OSError as error:
        # What is left in the buffer would be tried once more at the exit, and end that with a code of its own.
        with contextlib.suppress(OSError, ValueError), open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        return [f"The report cannot be printed: {error.strerror}."]
    return []


def _tell(result):
    """One line a check, as it is there, for whoever waits."""
    colour = {HELD: "green", FAILED: "red"}.get(result.outcome)
    click.echo(click.style(f"{result.outcome:<14} {result.name}", fg=colour), err=True)
