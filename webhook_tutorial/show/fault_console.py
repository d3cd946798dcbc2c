"""The fault console: what a receiver does, and what a sender makes of it."""

from html import escape

import ipywidgets as widgets

from ..events import make_event
from ..lab.faults import faults
from ..look import mark_of
from .panel import Panel

#: The proxies of consoles by the server's name: showing a console again replaces the proxy that it had.
_console_proxies = {}


class FaultConsole(Panel):
    """Buttons for what the receiver does, and the attempts of the last delivery; see `fault_console`."""

    def __init__(self, server, sender, path):
        if server.name in _console_proxies:
            _console_proxies[server.name].stop()
        proxy = _console_proxies[server.name] = faults(server, delay=0.5, pause=0.005)
        self.server, self.proxy, self.sender, self._url = server, proxy, sender, proxy.url + path
        self.modes = widgets.ToggleButtons(
            options=[(str(mode), mode) for mode in FAULT_MODES],
            value=proxy.mode,
            description="receiver",
            style={"button_width": "80px"},
        )
        self.button = widgets.Button(description="send an event", button_style="")
        self.view = widgets.HTML()
        self.widget = widgets.VBox([self.modes, self.button, self.view])
        self.modes.observe(lambda change: self._set(change["new"]), "value")
        self.button.on_click(lambda _: self.send())
        self.delivery, self._processed = None, 0
        self._paint()

    def send(self):
        """Send an event and make its attempts, on the sender's clock."""
        number = len(self.sender.deliveries) + 1
        event = make_event("order_placed", {"number": number}, id=f"evt_{number:04}", timestamp=self.sender.clock.now())
        before = len(self.server.traffic)
        self.delivery = self.sender.send(self._url, event)
        self.sender.run()
        self._processed = len(self.server.traffic) - before
        self._paint()

    def _set(self, mode):
        self.proxy.mode = mode
        self.proxy.headers = {"Retry-After": "90"} if mode == 429 else {}
        self.sender.gone.discard(self._url)  # its owner has enabled it again
        self._paint()

    def __str__(self):
        lines = [f"The receiver is set to: {self.proxy.mode}."]
        if self.delivery is None:
            return "\n".join([*lines, "Nothing sent yet."])
        lines += [f"{mark_of(a.status)[0]} {a}" for a in self.delivery.attempts]
        tried = len(self.delivery.attempts)
        lines.append(f"{self.delivery.id}: {self.delivery.state} after {tried} attempt{'' if tried == 1 else 's'}.")
        lines.append(f"The receiver has {_done(self._processed)}.")
        if self.delivery.state == "gone":
            lines.append("The endpoint is disabled: nothing more is sent to it until you choose another mode.")
        return "\n".join(lines)

    def _paint(self):
        self.view.value = f'<pre style="margin:4px 0">{escape(str(self))}</pre>'


def _done(times):
    if times == 0:
        return "not processed it"
    return "processed it " + {1: "once", 2: "twice"}.get(times, f"{times} times")


#: What the console offers, in the words of `faults`.
FAULT_MODES = ("healthy", 500, "slow", "refuse", "drop", 429, 410, 302, "drip")


def fault_console(server, sender, path="/webhook"):
    """Show buttons that make a receiver fail, and what a sender makes of it.

    Args:
        server: The receiver, a `Server`; a proxy of `faults` is put before it, until `stop_all`.
        sender: A `Sender`; on a simulated clock its waits take no time.
        path: The path that events are sent to.
    """
    return FaultConsole(server, sender, path)
