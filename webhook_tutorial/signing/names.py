"""What a dialect is called where one types: its name in lower case, with hyphens between words."""

import re

from . import dialects

#: Every dialect that is known, by that name.
BY_NAME = {
    re.sub("[^a-z0-9]+", "-", dialect.name.lower()).strip("-"): dialect
    for dialect in (*dialects.DIALECTS, *getattr(dialects, "MORE_DIALECTS", ()))
}


def dialect_named(name):
    """Return the dialect of this name, such as ``"standard-webhooks"``.

    Raises:
        ValueError: There is none; the message lists those that there are.
    """
    if name not in BY_NAME:
        raise ValueError(f"There is no dialect {name!r}. Known are: {', '.join(BY_NAME)}.")
    return BY_NAME[name]
