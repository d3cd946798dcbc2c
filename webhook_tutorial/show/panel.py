"""What all panels share: ipywidgets controls over one HTML view, with a plain twin for where widgets do not run."""

import ipywidgets as widgets


class Panel:
    """Controls and a view in ``.widget``; ``str()`` tells the same story in plain text."""

    widget: widgets.Widget

    def _repr_mimebundle_(self, include=None, exclude=None):
        # The widget's own text would be its Python repr, which is no story and changes with every version.
        return self.widget._repr_mimebundle_() | {"text/plain": str(self)}

    def __repr__(self):
        return str(self)


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
