"""`send`: signed sample events to a receiver of yours."""

import time
from pathlib import Path
from urllib.parse import urlsplit

import click
from requests import Request, RequestException

from ..answers import Blocked, ok, reason, why_no_answer
from ..delivery.egress import make_session, post_within
from ..delivery.guard import guarded_session
from ..delivery.this_computer import ThisComputer
from ..environment import reach_loopback_directly
from ..look import mark_of, masked_url, preview
from ..operations.scorecard.deliveries import Maker
from ..operations.scorecard.events import NotApplicable
from ..signing import STANDARD_WEBHOOKS
from ..signing.names import BY_NAME
from ..signing.providers import provider_of
from ..signing.samples import events_of, signature, unsigned
from . import options

#: How long an answer may take, in seconds.
PATIENCE = 30


@click.command(cls=options.Command, short_help="Send signed sample events.")
@click.argument("url")
@click.option(
    "--event",
    help="Which sample to send; an unknown one lists all.  [default: order_placed, or the sample of --dialect FILE]",
)
@options.provider
@options.secret_env(help="The variable that holds the secret to sign with; for ed25519, the private key.")
@click.option("--times", type=options.Whole(1, 1000), default=1, show_default=True, help="How often to send the same.")
@click.option("--data", type=options.File(exists=True, dir_okay=False), help="Send the bytes of this file instead.")
@click.option("--i-own-this-host", is_flag=True, help="Send to another computer than this one.")
@options.as_json
def send(url, event, provider, secret_env, times, data, i_own_this_host, as_json):
    """Send a signed sample event to a receiver of yours, and print its answer.

    \b
        python -m webhook_tutorial send http://127.0.0.1:8000/webhook
        python -m webhook_tutorial send http://127.0.0.1:8000/webhook \\
            --dialect github --event push --secret-env GITHUB_SECRET
        python -m webhook_tutorial send http://127.0.0.1:8000/webhook --times 3
        python -m webhook_tutorial send http://127.0.0.1:8000/webhook --data body.json

    With --times the same delivery is sent again, with the same id and body: a receiver that is ready for duplicates
    handles it once. Without a secret it is not signed. No redirect is followed. A host that is not this computer is
    refused unless you say that it is yours.
    """
    provider = provider or provider_of(STANDARD_WEBHOOKS)
    name = next((name for name, known in BY_NAME.items() if known is provider.dialect), None)
    event = event or ("order_placed" if name else None)
    known = events_of(name or "")
    if event is not None and event not in known:
        if not name:
            raise click.UsageError("A dialect from a file has one sample: leave --event out.")
        raise click.UsageError(f"There is no such --event for {name}. Known are: {', '.join(known)}.")
    session = _session(url, i_own_this_host)
    sent_to = _as_it_is_sent(session, url)
    body, headers = _delivery(provider, name, event, list(secret_env.values()), data, sent_to)
    if not secret_env and not as_json:
        click.echo("Not signed: --secret-env NAME names the variable that holds the secret.")
    arrived = 0
    for number in range(1, times + 1):
        started, answer, why = time.perf_counter(), None, ""
        try:
            answer = post_within(PATIENCE, session, url, data=body, headers=headers, allow_redirects=False)
        except Exception as error:
            why = str(error) if isinstance(error, TimeoutError) and str(error) else why_no_answer(error)
        seconds, status = time.perf_counter() - started, answer.status_code if answer is not None else None
        arrived += ok(status)
        content = answer.content if answer is not None else b""
        fields = {"attempt": number, "url": masked_url(url), "signed": bool(secret_env), "status": status, "why": why}
        if as_json:
            options.line(fields | {"answer": content.decode("utf-8", "replace"), "seconds": round(seconds, 3)})
        else:
            _print(number, times, status, why, content, seconds)
    raise SystemExit(0 if arrived == times else 1)


def _delivery(provider, name, event, secrets, data, url):
    """The body and the headers to send; without an event, the sample that the provider brings."""
    now, dialect = time.time(), provider.dialect
    try:
        if event is None:
            written = Path(data).read_bytes() if data else None
            maker = Maker(provider, secrets[0] if secrets else None, url)
            sent = maker.delivery(write=lambda event: event.encode() if written is None else written)
            return sent.body, sent.headers
        body, headers, id = unsigned(name or "standard-webhooks", event, now)
        if data:
            body = Path(data).read_bytes()
        if secrets:
            headers |= signature(body, secrets, dialect, id=id, now=now, url=url, headers=headers)
        elif dialect.id and ":" not in dialect.id:  # the id that stands in the body of some is no header
            headers[dialect.id] = id
    except (ValueError, OSError, NotApplicable) as error:
        raise click.UsageError(str(error)) from None
    return body, headers


def _session(url, any_host):
    """A session that goes to this computer only, or to any host. No error repeats the URL: it may hold a password."""
    if not url.lower().startswith(("http://", "https://")):
        raise click.UsageError("A URL begins with http:// or https://, and the first word, URL, does not.")
    reach_loopback_directly()
    if any_host:
        session = make_session()
        session.auth = lambda request: request  # or requests would add what ~/.netrc has for that host
        return session
    guard = ThisComputer()
    try:
        guard.check(url)
    except Blocked as blocked:
        if blocked.reason != "not loopback":
            raise click.UsageError(f"The URL cannot be used: {blocked}") from None
        raise click.UsageError(
            f"{blocked}: samples are sent to 127.0.0.1 and localhost. If that host is yours, add --i-own-this-host."
        ) from None
    except OSError:
        raise click.UsageError("The host of the URL has no address.") from None
    return guarded_session(guard)


def _as_it_is_sent(session, url):
    """The URL that a receiver sees, which is not always the one that was typed: requests writes it anew."""
    try:
        request = session.prepare_request(Request("POST", url))
        parts = urlsplit(request.url)
        port = parts.port
    except (RequestException, ValueError) as error:
        raise click.UsageError(f"The URL cannot be used: {why_no_answer(error)}.") from None
    host = parts.netloc.rpartition("@")[2]
    if port == {"http": 80, "https": 443}[parts.scheme]:
        host = host.removesuffix(f":{port}")  # the Host header leaves it out
    return f"{parts.scheme}://{host}{request.path_url}"


def _print(number, times, status, why, content, seconds):
    which = f"{number}/{times}  " if times > 1 else ""
    words = f"{status} {reason(status)}".strip() if status is not None else f"no answer: {why}"
    text = f"{which}{mark_of(status)[0]} {words}  in {seconds * 1000:.0f} ms"
    click.echo(click.style(text, fg="green" if ok(status) else "red"))
    if content:
        click.echo(f"  {preview(content, 500)}")
