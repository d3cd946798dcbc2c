"""What a sender announces while it delivers. Whoever listens can neither disturb it nor stop it.

>>> attempt_made.connect(note, sender)      # note(sender, delivery=…, attempt=…)
"""

import logging

from blinker import Namespace

_signals = Namespace()

#: An attempt was made: ``delivery`` (a `Delivery`, as it is now) and ``attempt`` (an `Attempt`).
attempt_made = _signals.signal("attempt-made")

#: A delivery is over: ``delivery``, whose state is none but ``"waiting"``.
delivery_over = _signals.signal("delivery-over")


def announce(signal, source, **what):
    """Tell all who listen to a signal of this source. One that raises an Exception stops nobody, and is logged."""
    for listener in list(signal.receivers_for(source)):
        try:
            listener(source, **what)
        except Exception as error:  # its text may hold anything
            logging.getLogger(__name__).error("A listener of %s raised %s.", signal.name, type(error).__name__)
