"""Which events a subscription is for: exact types, or the beginning of some and a star."""


def matches(filters, event_type):
    """Say whether an event of this type is wanted.

    Args:
        filters: A list of event types; one that ends in ``*`` stands for all that begin like it: ``"order_*"``, and
            ``"*"`` for every type.
        event_type: Such as ``"order_placed"``.

    Raises:
        TypeError: ``filters`` is one text instead of a list of them.
    """
    if isinstance(filters, str):
        raise TypeError(f"filters is a list of event types: [{filters!r}]")
    return any(_matches(one, event_type) for one in filters)


def _matches(one, event_type):
    return event_type.startswith(one[:-1]) if one.endswith("*") else event_type == one


def unknown(filters, event_types):
    """Return those of the filters that match none of the known types: most likely somebody has mistyped.

    A subscription to a type that does not exist would be accepted, and silent for ever.
    """
    return [one for one in filters if not any(_matches(one, known) for known in event_types)]
