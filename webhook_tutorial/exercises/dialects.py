"""What the exercises share in which a learner writes a provider's scheme down as a `Dialect`."""

from ..signing import Dialect
from .engine import Wrong


def dialect_of(make, name):
    """Call the learner's function, which is called ``name``, and return the `Dialect` that it makes.

    Raises:
        Wrong: It makes none; the message says what to look at.
    """
    try:
        made = make()
    except ValueError as error:
        raise Wrong(f"Dialect finds a contradiction: {error}") from None
    except TypeError as error:
        raise Wrong(f"The Dialect could not be made: {error}. Dialect? in a new cell explains the fields.") from None
    if not isinstance(made, Dialect):
        raise Wrong(f"{name}() must return a Dialect: return Dialect(name=..., signature=..., ...).")
    return made
