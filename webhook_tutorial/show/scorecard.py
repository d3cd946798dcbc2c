"""The scorecard as a panel: what a receiver does right and what it does not, check by check."""

import threading
from html import escape

import ipywidgets as widgets

from ..lab.exchange import Exchange
from ..look import FAILURE, RECEIVER, WAITING, masked_url, visible
from ..operations.scorecard import Grading
from ..operations.scorecard.again import again_in_words, command
from ..operations.scorecard.findings import FAILED, HELD
from ..operations.scorecard.run import CHECKS
from ..signing import STANDARD_WEBHOOKS
from .panel import LivePanel, row_button

_MARKS = {HELD: ("✓", RECEIVER), FAILED: ("✗", FAILURE)}


#: JupyterLab's colour of links, in light and in dark; elsewhere one that can be read on both.
_LINK = "color:var(--jp-content-link-color,#1f7fd4);text-decoration:underline"


class _Closed(Exception):
    """Nobody can see the panel any more."""


class Scorecard(LivePanel):
    """What a receiver does right and what it does not; see `scorecard`."""

    def __init__(self, url, secret, provider, how):
        super().__init__()
        self._arguments = (url, secret, provider), how
        self._results, self._rows, self._selected = {}, {}, None
        self._report, self._error, self._thread = None, None, None
        self.summary, self.view = widgets.HTML(), widgets.HTML()
        self.list = widgets.VBox(
            layout=widgets.Layout(
                max_height="260px", overflow="auto", align_items="flex-start", border=f"1px solid {WAITING}"
            )
        )
        self.button = widgets.Button(description="run again", tooltip="Send everything once more")
        self.button.on_click(lambda _: self.run_again())
        self.widget = widgets.VBox([widgets.HBox([self.summary, self.button]), self.list, self.view])
        self._begin(Grading(*self._arguments[0], **self._arguments[1]))

    @property
    def report(self):
        """The `Report`, once the run is over: whoever asks sooner waits for it."""
        while self._thread.is_alive():
            self._thread.join(0.1)  # so that the kernel can be interrupted, on Windows too
        if self._error:
            raise self._error
        return self._report

    def run_again(self):
        """Send everything once more; while a run is going on it goes on."""
        if self._thread.is_alive():
            return
        try:
            self._begin(Grading(*self._arguments[0], **self._arguments[1]))
        except ValueError as error:
            self.summary.value = f"<b>{escape(str(error))}</b>"

    def select(self, name):
        """Show what a check has seen, and keep it selected whatever comes."""
        with self._lock:
            self._selected = name
            self._show()

    def __str__(self):
        return str(self.report)

    def _begin(self, grading):
        with self._lock:
            self._results, self._report, self._error, self._selected = {}, None, None, None
        self._thread = threading.Thread(target=self._run, args=(grading,), name="scorecard panel", daemon=True)
        self._thread.start()
        self._paint()

    def _run(self, grading):
        try:
            report = grading.run(self._tell)
        except BaseException as error:
            self._error = error
        else:
            with self._lock:
                self._report = report
        self._something_came()

    def _tell(self, result):
        if self.widget.comm is None:
            raise _Closed("The panel was closed.")
        with self._lock:
            self._results[result.name] = result
        self._something_came()

    def _stop_listening(self):
        """Nothing listens: the run ends by itself at its next result."""

    # --- Painting -------------------------------------------------------------------------------------------

    def _draw(self):
        self.summary.value = f"<b>{escape(visible(self._summary()))}</b>"
        results = sorted(self._results.values(), key=lambda result: result.outcome != FAILED)  # failures first
        self._rows = {result.name: self._rows.get(result.name) or self._row(result.name) for result in results}
        for result in results:
            button = self._rows[result.name]
            button.description = f"{_MARKS.get(result.outcome, ('·', WAITING))[0]} {result.name}: {_words(result)}"
        self.list.children = tuple(self._rows.values())
        self._show()

    def _summary(self):
        if self._error:
            return f"The run has ended: {self._error or type(self._error).__name__}"
        if self._report:
            return self._report.headline
        return f"{len(self._results)} of {len(CHECKS)} checks"

    def _row(self, name):
        tooltip = "Show what was sent, what was answered, and where the cure is taught"
        return row_button(tooltip, lambda: self.select(name))

    def _show(self):
        first = next(iter(self._rows), None)
        chosen = self._results.get(self._selected or first)
        for name, button in self._rows.items():
            button.style.font_weight = "bold" if chosen and name == chosen.name else "normal"
        self.view.value = _details(chosen) if chosen else "<p>The first deliveries are on their way.</p>"


def _words(result):
    return visible(result.words if result.outcome in (HELD, FAILED) else f"{result.outcome}: {result.words}")


def _details(result):
    colour = _MARKS.get(result.outcome, ("", WAITING))[1]
    sentences = [result.title, f"{result.outcome}: {result.words}", *result.notes]
    parts = [f"<p style='border-left:4px solid {colour};padding-left:8px'>{'<br>'.join(map(_safe, sentences))}</p>"]
    if result.exchange:
        parts.append(_recorded(result.exchange)._repr_html_())
        parts.append(f"<p>{_safe(again_in_words(result.exchange))}</p>")
        curl = _safe(command(result.exchange))
        parts.append(f"<pre style='white-space:pre-wrap;overflow-wrap:anywhere'>{curl}</pre>")
    lesson = escape(result.lesson, quote=True)
    words = "The cure" if result.outcome == FAILED else "Taught in"
    parts.append(f"<p>{words}: <a href='{lesson}' target='_blank' style='{_LINK}'>{lesson}</a></p>")
    return "".join(parts)


def _safe(text):
    return escape(visible(text), quote=True)


def _recorded(exchange):
    """An exchange of the scorecard as the lab has them, which knows how to show itself."""
    return Exchange(
        method=exchange.request.method,
        url=masked_url(exchange.target.url),
        headers=exchange.request.headers,
        raw_headers=tuple(exchange.request.headers.items()),
        body=exchange.request.body[:4096],
        status=exchange.status,
        response_headers=exchange.answer_headers,
        response_body=exchange.answer,
        error=exchange.why,
        recorded_by="sender",
    )


def scorecard(
    url, secret=None, provider=STANDARD_WEBHOOKS, *, effects="", limit=None, patience=3.0, pause=0.0, most=400,
    i_own_this_host=False,
):  # fmt: skip
    """Send a receiver real deliveries, good ones and bad ones, and show check by check what held: failures first.

    A click on a check shows what was sent and answered, as a command for a terminal too, and where its cure is taught.
    ``.report`` is the `Report`: its grade, what failed, all of it as text, JSON, JUnit or a badge. The run goes on
    while other cells run; whoever asks for the report, or shows the panel, waits for its end.

    Args and errors: those of `grade`, which does the same without a panel.
    """
    how = {"effects": effects, "limit": limit, "patience": patience, "pause": pause, "most": most}
    return Scorecard(url, secret, provider, how | {"i_own_this_host": i_own_this_host})
