"""The tamper bench: a signed delivery whose every part can be changed."""

from html import escape

import ipywidgets as widgets

from ..look import FAILURE, RECEIVER, WAITING
from ..signing import CHECKS, STANDARD_WEBHOOKS, Received, SignatureError, sign
from .panel import Panel


class TamperBench(Panel):
    """A signed delivery whose every part can be changed; see `tamper_bench`."""

    def __init__(self, body, headers, secret, clock):
        self.clock = clock
        self._genuine = {
            "id": headers["webhook-id"],
            "timestamp": headers["webhook-timestamp"],
            "body": body.decode(),
            "secret": secret,
            "signature": headers["webhook-signature"],
        }
        wide = widgets.Layout(width="640px")
        self.fields = {
            name: (widgets.Textarea if name == "body" else widgets.Text)(
                value=value,
                description="sign with" if name == "secret" else name,
                layout=wide,
                continuous_update=True,
            )
            for name, value in self._genuine.items()
        }
        self.reset = widgets.Button(description="as it was sent")
        self.resign = widgets.Button(description="sign again", tooltip="Sign what stands here with this secret")
        self.view = widgets.HTML()
        self.widget = widgets.VBox([*self.fields.values(), widgets.HBox([self.reset, self.resign]), self.view])
        for field in self.fields.values():
            field.observe(lambda _: self._paint(), "value")
        self.reset.on_click(lambda _: self._fill(self._genuine))
        self.resign.on_click(lambda _: self._sign())
        self._paint()

    def __str__(self):
        return "\n".join(f"{mark} {words}" for mark, words in self._steps())

    def _fill(self, values):
        for name, value in values.items():
            self.fields[name].value = value

    def _sign(self):
        now = {name: field.value for name, field in self.fields.items()}
        try:
            if not now["timestamp"].isdecimal():
                raise ValueError("the timestamp must be a whole number of seconds.")
            if not now["id"]:
                raise ValueError("there is no id.")
            headers = sign(now["body"].encode(), now["secret"], id=now["id"], timestamp=int(now["timestamp"]))
        except ValueError as error:
            self.view.value = f"<p>This cannot be signed: {escape(str(error))}</p>"
        else:
            self._fill({"signature": headers["webhook-signature"]})

    def _steps(self):
        """The checks of `verify` in their order, up to the first that fails."""
        now = {name: field.value for name, field in self.fields.items()}
        headers = {f"webhook-{name}": now[name] for name in ("id", "timestamp", "signature")}
        received = Received(now["body"].encode(), headers, self._genuine["secret"], STANDARD_WEBHOOKS, self.clock)
        lines = []
        for check in CHECKS:
            try:
                check.run(received)
            except SignatureError as error:
                changed = [name for name in now if now[name] != self._genuine[name]]
                lines.append(("✗", str(error)))
                return [*lines, ("•", f"changed since it was sent: {', '.join(changed) or 'nothing'}")]
            lines.append(("✓", check.words(STANDARD_WEBHOOKS)))
        return [*lines, ("✓", "2xx: this delivery is believed")]

    def _paint(self):
        colours = {"✓": RECEIVER, "✗": FAILURE, "•": WAITING}
        self.view.value = "".join(
            f'<div style="border-left:4px solid {colours[mark]};padding:1px 8px">{mark} {escape(words)}</div>'
            for mark, words in self._steps()
        )


def tamper_bench(body, headers, secret, clock):
    """Show a signed delivery, and what a receiver with the right secret says of it as you change its parts.

    Args:
        body: The body that was signed, bytes.
        headers: The three headers of Standard Webhooks, as `sign` gives them.
        secret: The secret, ``whsec_...``.
        clock: The receiver's clock, something with ``now()``.
    """
    return TamperBench(body, headers, secret, clock)
