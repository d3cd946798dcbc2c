"""`listen`: a receiver on this computer that shows and verifies whatever comes."""

import contextlib
import queue
import threading
import time

import click
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Request, Response

from ..answers import ok
from ..lab.archive import Archive, as_dict, load_traffic
from ..lab.server import serve
from ..lab.wire import HEAD
from ..look import mark_of, masked, masked_url, one_line
from ..signing import STANDARD_WEBHOOKS, SignatureError, verify
from . import options

#: The longest body that is read, in bytes; GitHub sends up to 25 MB.
LONGEST = 32 << 20

_SHOWN_AS_CURL = 4_000  # characters


class _Request(Request):
    max_content_length = LONGEST


def receiver(answer, dialect=None, secret=None, url=""):
    """Return a WSGI app that takes whatever comes, and writes into its error log whether it verifies.

    There the record keeps it, and the sender does not see it: who does not verify gets a bare 401.

    Args:
        answer: The status of the answer to all others.
        dialect, secret: What to verify with; nothing is verified without.
        url: Where the provider finds this computer, without a path, for one that signs the URL; as the Host header
            says if empty.
    """

    def app(environ, start_response):
        request = _Request(environ)
        try:
            verdict = _verdict(request, dialect, secret, url)
        except RequestEntityTooLarge as error:
            environ["wsgi.errors"].write(f"not verified: the body is longer than {LONGEST} bytes")
            return error.get_response()(environ, start_response)
        environ["wsgi.errors"].write(verdict)
        status = 401 if verdict.startswith("not verified") else answer
        return Response(status=status)(environ, start_response)

    return app


def _verdict(request, dialect, secret, url):
    body = request.get_data()
    if dialect is None:
        return "not checked"
    url = (url.rstrip("/") or f"http://{request.host}") + request.environ[HEAD].path
    try:
        verify(body, request.headers, secret, dialect, **options.whole(dialect, request.method, url))
    except (SignatureError, ValueError) as error:
        return f"not verified: {error}"
    return f"verified: {dialect.name}"


def verified(exchange):
    """Whether an exchange of `receiver` was verified, or None where nothing was checked."""
    return {"v": True, "n": False}.get(exchange.log[:1]) if exchange.log != "not checked" else None


class _Desk:
    """Takes each exchange from the server's threads: keeps it in the file, then hands it on to be shown."""

    def __init__(self, traffic, archive):
        self._traffic, self._archive, self._turn = traffic, archive, threading.Lock()
        self.came = queue.SimpleQueue()
        traffic.listen(self._take)

    def _take(self):
        with self._turn:  # so that none is shown, nor answered, before it is kept
            for exchange in self._traffic.take():
                try:
                    if self._archive:
                        self._archive.add(exchange)
                    self.came.put(exchange)
                except OSError as error:
                    self.came.put(error)


@click.command(short_help="Receive, verify and show deliveries.")
@click.argument("port", type=click.IntRange(1, 65535), required=False)
@options.dialect
@options.secret_env(help="The variable that holds the secret to verify with; for ed25519, the public key.")
@click.option(
    "--answer", type=click.IntRange(200, 599), default=204, show_default=True, help="The status to answer with."
)
@click.option("--count", type=click.IntRange(1), help="End after so many deliveries; with 1 if one did not verify.")
@click.option("--file", type=click.Path(dir_okay=False, writable=True), help="Keep each delivery in this file, too.")
@click.option("--url", default="", help="https://HOST as the provider knows it; for a provider that signs the URL.")
@options.as_json
def listen(port, dialect, secret_env, answer, count, file, url, as_json):
    """Receive on 127.0.0.1 and show each delivery as it comes: any path, any method.

    PORT is a free one if left out. A delivery that does not verify is answered with a bare 401; why is shown here only.

    \b
        python -m webhook_tutorial listen 8000
        python -m webhook_tutorial listen 8000 --dialect github --secret-env GITHUB_SECRET
        python -m webhook_tutorial listen 8000 --answer 503      (a bad day)
        python -m webhook_tutorial listen 8000 --count 1 --json  (for a script)
        python -m webhook_tutorial listen 8000 --file deliveries.jsonl

    The file holds one JSON object a line, with every header as it came, secrets too, and is made for you alone. In a
    notebook, inbox("deliveries.jsonl") opens it.
    """
    if dialect and not secret_env:
        raise click.UsageError(f"To verify {dialect.name}, name the variable with the secret: --secret-env NAME.")
    name, secret = next(iter(secret_env.items()), (None, None))
    if secret and not dialect:
        dialect = STANDARD_WEBHOOKS
    if secret:
        options.check_secret(name, secret, dialect)
    with contextlib.ExitStack() as ending:
        archive, number = _open(file, ending)
        try:
            server = ending.enter_context(serve(receiver(answer, dialect, secret, url), "listen", port=port))
        except OSError as error:
            raise click.ClickException(str(error).partition(" Leave the port out")[0]) from None
        came = _Desk(server.traffic, archive).came
        if as_json:
            options.line({"url": server.url})
        else:
            checked = f"verified as {dialect.name}" if dialect else "not verified, as no --secret-env was given"
            click.echo(f"Listening on {server.url}: any path, any method, {checked}. Ctrl-C ends it.")
        failed = _show_each(came, number, count, as_json)
    raise SystemExit(1 if failed and count else 0)


def _open(file, ending):
    """The archive, or None, and how many exchanges it holds."""
    if not file:
        return None, 0
    try:
        archive = ending.enter_context(Archive(file))
        return archive, len(load_traffic(file))
    except (OSError, ValueError) as error:
        raise click.ClickException(f"{file} cannot be added to: {error}") from None


def _show_each(came, number, count, as_json):
    """Show what comes until there are enough or Ctrl-C is pressed, and return how many did not verify."""
    deliveries = failed = 0
    with contextlib.suppress(KeyboardInterrupt):
        while count is None or deliveries < count:
            try:
                exchange = came.get(timeout=0.2)  # a wait without end cannot be interrupted on Windows
            except queue.Empty:
                continue
            if isinstance(exchange, OSError):
                raise click.ClickException(f"A delivery could not be kept: {exchange}")
            number += 1
            (_print_json if as_json else _print)(number, exchange)
            deliveries += bool(exchange.log)  # what is not HTTP has reached nobody, and is no delivery
            failed += verified(exchange) is False
    if not as_json:
        click.echo(f"{deliveries} {'delivery' if deliveries == 1 else 'deliveries'}, {failed} not verified.")
    return failed


def _print(number, exchange):
    clock = time.strftime("%H:%M:%S", time.localtime(exchange.started))
    verdict = exchange.log or f"not HTTP: {exchange.error}"
    colour = {True: "green", False: "red", None: None}[verified(exchange)]
    mark = mark_of(exchange.status if verified(exchange) is None else 200 if verified(exchange) else 401)[0]
    click.echo(click.style(f"\n#{number}  {clock}  {mark} {one_line(verdict, 300)}", fg=colour, bold=True))
    click.echo(exchange.transcript())
    curl = exchange.curl()
    click.echo(
        f"\n{curl}" if len(curl) <= _SHOWN_AS_CURL else "\n(as curl: too long to show; --file keeps the delivery)"
    )


def _print_json(number, exchange):
    fields = as_dict(exchange)
    fields |= {"url": masked_url(exchange.url), "headers": [list(p) for p in masked(exchange._lines)]}
    kept = ("method", "url", "headers", "body", "body_base64", "status", "started", "error")
    options.line(
        {"number": number, "verified": verified(exchange), "why": exchange.log, "answered_2xx": ok(exchange.status)}
        | {name: fields[name] for name in kept if name in fields}
        | {"curl": exchange.curl()}
    )
