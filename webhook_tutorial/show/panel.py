"""What all panels share: ipywidgets controls over one HTML view, with a plain twin for where widgets do not run."""

import threading
import time

import ipywidgets as widgets

_REPAINT_SECONDS = 0.1


class Panel:
    """Controls and a view in ``.widget``; ``str()`` tells the same story in plain text."""

    widget: widgets.Widget

    def _repr_mimebundle_(self, include=None, exclude=None):
        # The widget's own text would be its Python repr, which is no story and changes with every version.
        return self.widget._repr_mimebundle_() | {"text/plain": str(self)}

    def __repr__(self):
        return str(self)


class LivePanel(Panel):
    """A panel that is painted again while other cells run, ten times a second at the most.

    One that inherits from it has ``_draw``, which paints, and ``_stop_listening``, called once nobody can see it.
    """

    def __init__(self):
        self._painted, self._timer = 0.0, None
        self._lock = threading.RLock()  # held while painting
        self._timer_lock = threading.Lock()  # never held while painting, so no delivery waits for that

    def _something_came(self, *_, **__):
        """Repaint now, or a tenth of a second after the last time; on a thread, as a delivery must not wait for it."""
        if self.widget.comm is None:  # closed: nobody can see it any more
            self._stop_listening()
            return
        with self._timer_lock:
            if self._timer is None:
                timer = threading.Timer(max(0.0, self._painted + _REPAINT_SECONDS - time.monotonic()), self._paint)
                timer.daemon = True
                timer.start()  # it waits for this lock; one that could not be started is none
                self._timer = timer

    def _paint(self):
        with self._timer_lock:
            self._timer, self._painted = None, time.monotonic()
        with self._lock:
            self._draw()


def row_button(tooltip, chosen, **layout):
    """Return a button that looks like a line of a list; ``chosen()`` is called when it is clicked."""
    button = widgets.Button(
        tooltip=tooltip,
        style={"button_color": "transparent"},
        layout=widgets.Layout(width="auto", height="26px", flex="none", **layout),
    )
    button.style.font_family = "monospace"
    button.on_click(lambda _: chosen())
    return button


#: How text looks inside a picture that a panel draws.
SVG_TEXT = 'fill="currentColor" font-size="12" font-family="sans-serif"'


def in_words(seconds):
    """Return a duration in the unit that reads best, such as ``"1.5 min"``."""
    if seconds >= 3600 and seconds % 3600 == 0:
        return f"{seconds / 3600:g} h"
    if seconds >= 7_200:
        return f"{seconds / 3600:.1f} h"
    if seconds >= 60 and seconds % 60 == 0:
        return f"{seconds / 60:g} min"
    return f"{seconds:.0f} s" if seconds < 60 else f"{seconds / 60:.1f} min"
