"""What the fields of a subscription may be: a function for each, which says in a sentence what is wrong."""

from urllib.parse import urlsplit

from .filters import unknown

LONGEST_URL, LONGEST_TOKEN, MOST_FILTERS = 2000, 200, 50


class Refused(ValueError):
    """A subscription cannot be made or changed like that.

    Attributes:
        errors: What is wrong, a dictionary from a field's name to a sentence.
    """

    def __init__(self, errors):
        super().__init__(" ".join(f"{name}: {sentence}" for name, sentence in errors.items()))
        self.errors = errors


def check(given, allowed, required, event_types, versions):
    """Check the fields that were given for a subscription, a dictionary.

    Args:
        given: The fields as they came.
        allowed, required: The names that may, and those that must be there.
        event_types, versions: What the provider knows.

    Raises:
        Refused: Something is wrong; all of it is told at once.
    """
    errors = {name: f"There is no such field; there are {', '.join(allowed)}." for name in given if name not in allowed}
    errors |= {name: "This field is needed." for name in required if name not in given}
    known = {"events": [*event_types], "version": [*versions]}
    for name in given:
        if name in allowed and (sentence := _CHECKS[name](given[name], known.get(name, ()))):
            errors[name] = sentence
    if errors:
        raise Refused(errors)


def _url(value, _):
    if not _is_printable(value, LONGEST_URL) or "\\" in value:
        return f"A URL is a text in ASCII without spaces and backslashes, of at most {LONGEST_URL} characters."
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        return "This is no URL."
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        return "A URL begins with http:// or https:// and the name of a host, as in https://example.com/webhook."
    return "A URL for webhooks has no user and no password." if "@" in parts.netloc else ""


def _events(value, event_types):
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        return "This is a list of texts."
    if not 1 <= len(value) <= MOST_FILTERS:
        return f"This is a list of 1 to {MOST_FILTERS} event types."
    if strange := unknown(value, event_types):
        known = ", ".join(event_types)
        return f"No event is of a type like {strange[0]!a:.100}. There are {known}, and patterns such as 'order_*'."
    return ""


def _version(value, versions):
    return "" if value in versions else f"There is no such version; there are {', '.join(versions)}."


def _status(value, _):
    return "" if value in ("active", "paused") else "This is 'active' or 'paused'."


def _token(value, _):
    if value == "" or _is_printable(value, LONGEST_TOKEN):
        return ""
    return f"This is a text in ASCII without spaces, of at most {LONGEST_TOKEN} characters."


def _is_printable(value, longest):
    return isinstance(value, str) and 0 < len(value) <= longest and all("!" <= one <= "~" for one in value)


_CHECKS = {"url": _url, "events": _events, "version": _version, "status": _status, "verify_token": _token}
