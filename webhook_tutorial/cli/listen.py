"""`listen`: a receiver on this computer that shows and verifies whatever comes."""

import contextlib
import queue
import signal
import threading
import time

import click
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Request, Response

from ..answers import ok
from ..lab.archive import Archive, as_dict
from ..lab.server import serve
from ..lab.wire import HEAD
from ..look import mark_of, masked, masked_url, one_line
from ..signing import STANDARD_WEBHOOKS, SignatureError, verify
from . import options

#: The longest body that is read, in bytes; GitHub sends up to 25 MB.
LONGEST = 32 << 20

_SHOWN_AS_CURL = 4_000  # characters


_TOO_LATE = "too late"


class _Request(Request):
    max_content_length = LONGEST


def receiver(answer, dialect=None, secret=None, url="", admit=lambda: True):
    """Return a WSGI app that takes whatever comes, and writes into its error log whether it verifies.

    There the record keeps it, and the sender does not see it: who does not verify gets a bare 401.

    Args:
        answer: The status of the answer to all others.
        dialect, secret: What to verify with; nothing is verified without.
        url: Where the provider finds this computer, without a path, for one that signs the URL; as the Host header
            says if empty.
        admit: Asked once for each delivery; where it says no, the answer is 503, and the delivery is nobody's.
    """

    def app(environ, start_response):
        request = _Request(environ)
        try:
            verdict = _verdict(request, dialect, secret, url)
            status = 401 if verdict.startswith("not verified") else answer
        except RequestEntityTooLarge:
            verdict, status = f"not verified: the body is longer than {LONGEST} bytes", 413
        if not admit():
            verdict, status = _TOO_LATE, 503
        environ["wsgi.errors"].write(verdict)
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
    """Takes each exchange from the server's threads: keeps it in the file, then hands it on to be shown.

    Args:
        archive: The file, an `Archive`, or None.
        count: How many deliveries are taken; None sets no limit.

    Attributes:
        came: What is to be shown, and an error where something could not be kept, a queue.
    """

    def __init__(self, archive, count):
        self._archive, self._left, self._turn = archive, count, threading.Lock()
        self.came, self._failed = queue.SimpleQueue(), False

    def admit(self):
        """Say whether one more delivery is taken: who is told so will be kept and shown, or gets a 500."""
        with self._turn:
            if self._failed or self._left == 0:
                return False
            if self._left is not None:
                self._left -= 1
            return True

    def close(self):
        """Take no more deliveries."""
        with self._turn:
            self._left = 0

    def keep(self, exchange):
        """Keep an exchange and have it shown, for `serve`: none is answered before it is kept."""
        with self._turn:
            if exchange.log == _TOO_LATE:
                return
            if self._failed:
                raise OSError("The file cannot be written.")
            try:
                if self._archive:
                    self._archive.add(exchange)
            except (OSError, ValueError) as error:
                self._failed = True
                self.came.put(error)
                raise
            self.came.put(exchange)


@click.command(cls=options.Command, short_help="Receive, verify and show deliveries.")
@click.argument("port", type=options.Whole(1, 65535), required=False)
@options.dialect
@options.secret_env(help="The variable that holds the secret to verify with; for ed25519, the public key.")
@click.option(
    "--answer", type=options.Whole(200, 599), default=204, show_default=True, help="The status to answer with."
)
@click.option(
    "--count", type=options.Whole(1), help="End after so many deliveries, with 1 if one did not verify; more get 503."
)
@click.option("--file", type=options.File(dir_okay=False, writable=True), help="Keep each delivery in this file, too.")
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
        archive = _open(file, ending)
        desk, pressed = _Desk(archive, count), ending.enter_context(_ctrl_c())
        try:
            app = receiver(answer, dialect, secret, url, desk.admit)
            server = ending.enter_context(serve(app, "listen", port=port, keep=desk.keep))
        except OSError as error:
            raise click.ClickException(str(error).partition(" Leave the port out")[0]) from None
        if as_json:
            options.line({"url": server.url})
        else:
            checked = f"verified as {dialect.name}" if dialect else "not verified, as no --secret-env was given"
            click.echo(f"Listening on {server.url}: any path, any method, {checked}. Ctrl-C ends it.")
        shown = _Shown(archive.held if archive else 0, as_json)
        _show_all(server, desk, shown, count, pressed)
    if not as_json:
        one = "delivery" if shown.deliveries == 1 else "deliveries"
        click.echo(f"{shown.deliveries} {one}, {shown.failed} not verified.")
    raise SystemExit(1 if shown.failed and count else 0)


def _open(file, ending):
    """The archive, or None."""
    try:
        return ending.enter_context(Archive(file)) if file else None
    except (OSError, ValueError) as error:
        raise click.ClickException(f"The --file cannot be added to: {getattr(error, 'strerror', error)}") from None


class _Shown:
    """Shows what has come, and counts it.

    Attributes:
        number: Of the exchange that was shown last.
        deliveries, failed: How many deliveries were shown, and how many of them did not verify.
    """

    def __init__(self, number, as_json):
        self.number, self._print = number, _print_json if as_json else _print
        self.deliveries = self.failed = 0

    def show(self, exchange):
        if isinstance(exchange, Exception):
            raise click.ClickException(f"A delivery could not be kept, and was answered with 500: {exchange}")
        self.number += 1
        self.deliveries += bool(exchange.log)  # what is not HTTP has reached nobody, and is no delivery
        self.failed += verified(exchange) is False
        self._print(self.number, exchange)


@contextlib.contextmanager
def _ctrl_c():
    """Gives a list, empty until Ctrl-C is pressed, so that nothing is left half shown; a second one interrupts."""
    pressed = []

    def press(*_):
        if pressed:
            raise KeyboardInterrupt
        pressed.append(True)

    before = signal.getsignal(signal.SIGINT)
    if before != signal.SIG_IGN:  # which is how a script's background has it
        signal.signal(signal.SIGINT, press)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)


def _show_all(server, desk, shown, count, pressed):
    """Show what comes until there are enough or Ctrl-C is pressed; then stop the server, and show what it answered."""
    while not pressed and (count is None or shown.deliveries < count):
        with contextlib.suppress(queue.Empty):
            shown.show(desk.came.get(timeout=0.2))
        server.traffic.take()  # so that nothing is held for days
    desk.close()
    server.stop()
    with contextlib.suppress(queue.Empty):
        while True:
            shown.show(desk.came.get_nowait())


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
