"""What a sender announces while it delivers. It knows of nobody who listens, and an Exception of theirs stops nothing.

>>> attempt_made.connect(note, sender)      # note(sender, delivery=…, attempt=…)
"""

import logging

from blinker import Namespace

_signals = Namespace()

#: An attempt was made: ``delivery`` (a `Delivery`, as it is now) and ``attempt`` (an `Attempt`).
attempt_made = _signals.signal("attempt-made")

#: A delivery is over: ``delivery``, and ``state``, which another listener may have changed by having it redelivered.
delivery_over = _signals.signal("delivery-over")


def announce(signal, source, **what):
    """Tell all who listen to a signal of this source. One that raises an Exception stops nobody, and is logged."""
    for listener in _listeners(signal, source):
        try:
            listener(source, **what)
        except Exception as error:  # its text may hold anything
            logging.getLogger(__name__).error("A listener of %s raised %s.", signal.name, type(error).__name__)


def _listeners(signal, source):
    while True:
        try:
            return list(signal.receivers_for(source))
        except RuntimeError:  # another thread has begun to listen, or ceased to, at this moment
            continue
