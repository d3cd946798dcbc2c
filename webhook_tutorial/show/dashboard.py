"""The dashboard: how the deliveries of a sender are, endpoint by endpoint, and a button for each dead letter."""

import threading
import weakref
from collections import Counter
from html import escape
from statistics import quantiles

import ipywidgets as widgets

from ..answers import ok
from ..clock import iso
from ..delivery.signals import attempt_made, delivery_over
from ..look import FAILURE, RECEIVER, WAITING, one_line
from ..operations.logs import place_of
from .panel import LivePanel, in_words, row_button

_LAST_ATTEMPTS = 1000  # of which the rate and the times are told
_LETTERS = 20


class Dashboard(LivePanel):
    """How a `Sender` is; see `dashboard`."""

    def __init__(self, sender):
        super().__init__()
        self.sender = sender
        self._selected, self._buttons, self._said = None, {}, ""
        self.view, self.letter = widgets.HTML(), widgets.HTML()
        self.letters = widgets.VBox(
            layout=widgets.Layout(max_height="200px", overflow="auto", align_items="flex-start")
        )
        self.button = widgets.Button(description="redeliver", layout=widgets.Layout(display="none"))
        self.button.on_click(lambda _: self.redeliver())
        self.widget = widgets.VBox([self.view, self.letters, widgets.HBox([self.button, self.letter])])
        # Weak, as the sender keeps its listeners: nobody would let go of a dashboard that is not shown any more.
        for signal in (attempt_made, delivery_over):
            signal.connect(self._something_came, sender)
        self._paint()

    def __str__(self):
        attempts, endpoints, dead = self._state()
        lines = [self._summary(attempts)]
        lines += [f"{row['mark']} {row['name']:24} {row['words']}" for row in endpoints]
        lines += [f"Dead letters: {len(dead) or 'none'}."] + [f"  {_label(letter)}" for letter in dead[:_LETTERS]]
        return "\n".join(lines)

    def select(self, delivery):
        """Show one dead letter, and keep it selected whatever comes."""
        with self._lock:
            self._selected, self._said = delivery, ""
        self._paint()

    def redeliver(self):
        """Have the selected dead letter delivered, once: a second click finds it waiting, or arrived."""
        with self._lock:
            delivery = self._selected
            if delivery is None or delivery.state not in ("refused", "gone", "given up"):
                return
            try:
                self.sender.redeliver(delivery)
                self.sender.run(until=self.sender.clock.now())
                self._said = f"{delivery.id}: {delivery.state}."
            except (ValueError, RuntimeError):  # somebody else was quicker; or it runs already, and takes it along
                self._said = f"{delivery.id} is in line."
        self._paint()

    def _state(self):
        deliveries = list(self.sender.deliveries)
        made = {d: [a for a in list(d.attempts) if a.error != "interrupted"] for d in deliveries}  # or under way
        latest = sorted((a for attempts in made.values() for a in attempts), key=lambda a: a.at)[-_LAST_ATTEMPTS:]
        states, failing = {}, {}
        for delivery, attempts in made.items():
            name = place_of(delivery.url)
            states.setdefault(name, Counter())[delivery.state] += 1
            if attempts and attempts[-1].at >= failing.get(name, (0,))[0]:
                last = attempts[-1]
                failing[name] = last.at, ok(last.status), last.status or last.error
        endpoints = [self._endpoint(name, states[name], failing.get(name)) for name in sorted(states)]
        return latest, endpoints, self.sender.dead[::-1]

    def _endpoint(self, name, states, last):
        dead = sum(states[state] for state in ("refused", "gone", "given up"))
        well = last is None or last[1]
        words = f"{states['delivered']} delivered, {states['waiting']} waiting, {dead} dead"
        if last and not well:
            words += f"; last answer: {last[2]}, {iso(last[0])}"
        return {"name": one_line(name, 60), "mark": "✓" if well else "✗", "well": well, "words": words}

    def _summary(self, attempts):
        if not attempts:
            return "Nothing has been sent yet."
        well = 100 * sum(ok(attempt.status) for attempt in attempts) // len(attempts)  # 100 is all of them
        took = [attempt.took for attempt in attempts if attempt.took is not None and attempt.status]
        slow = f"; 95 % answered within {quantiles(took, n=20, method='inclusive')[-1]:.2f} s" if len(took) > 1 else ""
        waits = [created for _, created, _ in self.sender.waiting()]
        oldest = f"; the oldest has waited for {in_words(self.sender.clock.now() - min(waits))}" if waits else ""
        return f"{well} % of the last {len(attempts):,} attempts succeeded{slow}{oldest}."

    def _stop_listening(self):
        """Let go of what ipywidgets would keep for ever, and with it of the sender."""
        for signal in (attempt_made, delivery_over):
            signal.disconnect(self._something_came, self.sender)
        with self._lock:
            for letter in list(self._buttons):
                _close(self._buttons.pop(letter))
            for one in (self.letter, self.button, *self.widget.children, self.widget):
                _close(one)

    def _draw(self):
        attempts, endpoints, dead = self._state()
        rows = "".join(
            f'<div style="border-left:4px solid {RECEIVER if row["well"] else FAILURE};padding:1px 8px">'
            f"{row['mark']} <b>{escape(row['name'])}</b> {escape(row['words'])}</div>"
            for row in endpoints
        )
        more = f", the newest {_LETTERS} shown" if len(dead) > _LETTERS else ""
        count = f"<div style='margin-top:6px'>Dead letters: {len(dead) or 'none'}{more}.</div>"
        self.view.value = f"<b>{escape(self._summary(attempts))}</b>{rows}{count}"
        shown = dead[:_LETTERS]
        if self._selected is not None and self._selected not in shown:
            shown = [*shown, self._selected]
        before, self._buttons = self._buttons, {letter: self._buttons.get(letter) for letter in shown}
        self._buttons = {letter: button or self._button(letter) for letter, button in self._buttons.items()}
        self.letters.children = tuple(self._buttons.values())
        for letter in before.keys() - self._buttons.keys():
            _close(before[letter])
        for letter, button in self._buttons.items():
            button.description = _label(letter)
            button.style.font_weight = "bold" if letter is self._selected else "normal"
        self.button.layout.display = "none" if self._selected is None else ""
        self.button.disabled = self._selected is None or self._selected not in dead
        self.letter.value = escape(self._said or (_label(self._selected) if self._selected else ""))

    def _button(self, letter):
        return row_button("Select it", lambda: self.select(letter), border=f"1px solid {WAITING}")


def _close(widget):
    for one in (getattr(widget, "style", None), widget.layout, widget):
        if one is not None:
            one.close()


#: Each dashboard by the id of its sender, which it keeps alive: an entry goes when its dashboard does.
_dashboards = weakref.WeakValueDictionary()
_making = threading.Lock()


def dashboard(sender):
    """Show how the deliveries of a `Sender` are, live: also while a cell is running.

    The rate of success and the times are those of the last thousand attempts. Each endpoint has a line, with its last
    answer if that was none with 2xx. Click on a dead letter to select it, and then on *redeliver*: it is delivered at
    once, by the same id, with whatever else is due. What is selected stays so, whatever comes.

    Args:
        sender: A `Sender`.
    """
    with _making:
        shown = _dashboards.get(id(sender))
        if shown is None or shown.widget.comm is None:
            shown = _dashboards[id(sender)] = Dashboard(sender)
        else:
            shown._paint()
        return shown


def _label(delivery):
    last = delivery.attempts[-1] if delivery.attempts else None
    why = delivery.error or (str(last.status or last.error) if last else "never sent")
    mark = "✓" if delivery.state == "delivered" else "✗" if delivery.state != "waiting" else "…"
    return one_line(f"{mark} {delivery.id} → {place_of(delivery.url)} {delivery.state}: {why}", 100)
