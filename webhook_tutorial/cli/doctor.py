"""`doctor`: why a delivery does not verify."""

import json
import re
import textwrap
from pathlib import Path

import click
from requests.structures import CaseInsensitiveDict

from ..clock import SimulatedClock
from ..lab.archive import load_traffic
from . import options

_FILE = options.File(exists=True, dir_okay=False)


@click.command(cls=options.Command, short_help="Find out why a delivery does not verify.")
@click.option("--body", type=_FILE, help="The body, byte for byte as it arrived.")
@click.option("--headers", type=_FILE, help="The headers: lines such as 'Name: value', or a JSON object.")
@click.option("--delivery", type=_FILE, help="Instead of both: a file that listen --file has kept.")
@click.option(
    "--number", type=options.Whole(1), help="Which delivery of it, as listen counts them; the last if left out."
)
@options.dialect
@options.secret_env(
    multiple=True,
    help="The variable that holds the secret. Given again, it names others of yours to try: the old one, the test one.",
)
@click.option("--url", default="", help="Where it was sent, as the provider knows it; for a provider that signs that.")
@options.as_json
def doctor(body, headers, delivery, number, dialect, secret_env, url, as_json):
    """Find out why a delivery does not verify, by trying the mistakes that are often made.

    \b
        python -m webhook_tutorial doctor --body body.bin --headers headers.txt \\
            --dialect github --secret-env GITHUB_SECRET
        python -m webhook_tutorial doctor --delivery deliveries.jsonl --number 3 \\
            --dialect stripe --secret-env STRIPE_SECRET --secret-env STRIPE_OLD_SECRET

    It ends with 0 if the delivery verifies, and with 1 if it does not, whether a cause was found or not. It says what
    went wrong, and verifies nothing in your place: answer 401 until it is mended.
    """
    if not dialect or not secret_env:
        raise click.UsageError("Name the dialect and the variable with the secret: --dialect github --secret-env NAME.")
    method, clock = "POST", None
    if delivery and not (body or headers):
        found = _kept(delivery, number)
        data, given, method, url = found.body, found.headers, found.method, url or found.url
        clock = SimulatedClock(found.started)  # its age is that of the moment in which it came
    elif body and headers and not delivery and number is None:
        data, given = Path(body).read_bytes(), read_headers(Path(headers).read_bytes())
    else:
        raise click.UsageError("Give --body FILE and --headers FILE, or --delivery FILE and perhaps --number N.")
    (_, secret), *others = secret_env.items()
    from ..signing.doctor import diagnose

    try:
        diagnosis = diagnose(data, given, secret, dialect, secrets=dict(others), method=method, url=url, clock=clock)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if as_json:
        options.line(diagnosis.as_dict())
    else:
        click.echo(str(diagnosis))
    raise SystemExit(0 if diagnosis.ok else 1)


def _kept(file, number):
    try:
        traffic = load_traffic(file)
    except (OSError, ValueError) as error:
        raise click.UsageError(str(error)) from None
    if not 1 <= (number or len(traffic)) <= len(traffic):
        raise click.UsageError(f"{file} holds {len(traffic)} deliveries; there is no number {number or 1}.")
    return traffic[(number or len(traffic)) - 1]


def read_headers(data):
    """Return headers from lines such as ``Name: value`` or from a JSON object; one that stands twice is joined.

    A value over several lines, folded, keeps its line ends.

    Raises:
        click.UsageError: A line is no header.
    """
    text = data.decode("utf-8-sig", "replace")
    headers = CaseInsensitiveDict()
    for number, (name, value) in enumerate(_pairs(text), 1):
        if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
            raise click.UsageError(f"Header {number} has no name: give lines such as 'Name: value', or a JSON object.")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _pairs(text):
    if text.lstrip().startswith("{"):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            raise click.UsageError("The file with the headers begins like a JSON object, and is none.") from None
        for name, value in found.items():
            for one in value if isinstance(value, list) else [value]:
                yield name, str(one)
        return
    lines = [line for line in re.split("\r\n|[\r\n]", text) if line.strip()]
    if lines and re.fullmatch(r"[A-Z]+ \S+ HTTP/[0-9.]+\s*", lines[0]):
        del lines[0]  # the request line, which stands above the headers where they were copied whole
    # A line that begins with a space goes on with the header above it (RFC 9112, section 5.2), unless all of them do.
    # It is handed on as it was folded: that is what the doctor looks for.
    folded = re.split(r"\n(?![ \t])", textwrap.dedent("\n".join(lines))) if lines else []
    for line in folded:
        name, colon, value = line.partition(":")
        yield name.strip() if colon else "", value.strip()
