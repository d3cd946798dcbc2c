"""Where the parts of a request stand, and how they become bytes that are signed.

A header is where most providers put everything; the other places are read here too.
"""

import hashlib
import json
from urllib.parse import unquote_to_bytes

#: More than a sender needs that changes its secret, and few enough to be tried quickly.
MOST_SIGNATURES = 20
#: A larger body is not read as JSON: its signature has not been checked yet, so anybody may have sent it.
MOST_JSON = 1_000_000
#: The same for a body that is read as a form, and how many fields it may have.
MOST_FORM = 1_000_000
MOST_FIELDS = 1_000
#: What stands before the path of a place in a JSON body.
JSON = "json:"


class SignatureError(Exception):
    """A delivery that does not verify.

    The message is for you and your log. A sender gets one bare 401, whatever the reason: the difference between
    reasons helps only somebody who is guessing.

    Attributes:
        reason: For programs: ``"missing"`` (a header), ``"malformed"`` (a header, or a body that must be read),
            ``"too_old"``, ``"too_new"`` or ``"no_match"``.
    """

    def __init__(self, reason, message):
        super().__init__(message)
        self.reason = reason


def told(place):
    """A place as a message names it."""
    return f"{place[len(JSON) :]} in the body" if place.startswith(JSON) else place.replace("{n}", "1")


# --- Headers ------------------------------------------------------------------------------------------------


def header(headers, name):
    """The value of a header in any case; it must be there, and be printable ASCII."""
    value = headers.get(name)
    if value is None:
        value = next((v for n, v in headers.items() if isinstance(n, str) and n.lower() == name.lower()), None)
    if not value:
        raise SignatureError("missing", f"The header {name} is missing.")
    if not isinstance(value, str) or not value.isascii() or not value.isprintable():
        raise SignatureError("malformed", f"The header {name} holds something other than printable ASCII.")
    return value


def numbered(headers, name):
    """The values of a header that is sent once for each key, counted from 1, until one is missing."""
    values = [header(headers, name.replace("{n}", "1"))]
    for n in range(2, MOST_SIGNATURES + 1):
        try:
            values.append(header(headers, name.replace("{n}", str(n))))
        except SignatureError as error:
            if error.reason == "missing":
                break
            raise
    return values


# --- A body of JSON -----------------------------------------------------------------------------------------


def document(body):
    """A JSON body as it is before anybody has vouched for it; a whole number stays the text that it was."""
    if len(body) > MOST_JSON:
        raise SignatureError("malformed", f"The body has {len(body)} bytes; at most {MOST_JSON} are read as JSON.")
    try:
        return json.loads(bytes(body).decode(), parse_int=str, parse_constant=_refuse, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise SignatureError("malformed", "The body is not JSON in UTF-8 with each name once.") from None


def _refuse(constant):
    raise ValueError(f"{constant} is not JSON")


def _once(pairs):
    # Which of two values counts differs from parser to parser: ours would verify one, and yours read the other.
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice")
    return found


def at(found, place):
    """The text or whole number at a place in a JSON body, as text."""
    for name in place[len(JSON) :].split("."):
        found = found.get(name) if isinstance(found, dict) else None
    if found is None or found == "":
        raise SignatureError("missing", f"{told(place)} is missing.")
    if not isinstance(found, str) or not found.isascii() or not found.isprintable():
        raise SignatureError("malformed", f"{told(place)} is no whole number and no text in printable ASCII.")
    return found


# --- What is signed -----------------------------------------------------------------------------------------


def check_given(dialect, method, url):
    """Check that whoever calls has handed over what the dialect signs: if not, that is no fault of the sender.

    Raises:
        ValueError: Something is missing; the message says how to hand it over.
    """
    if "method" in dialect.places and not (isinstance(method, str) and method):
        raise ValueError(f"{dialect.name} signs the method: hand over method=, the request's, such as 'POST'.")
    if "url" in dialect.places and not (isinstance(url, str) and url):
        raise ValueError(f"{dialect.name} signs the URL: hand over url=, as the provider knows it.")


def parts(dialect, body, headers, method, url, arrived=True):
    """What stands in the places of `Dialect.signed` but id, timestamp and body: a dictionary of bytes.

    Raises:
        SignatureError: A header is missing, or the body is not of the kind that the dialect signs.
    """
    try:
        found = {"method": method.encode()} if "method" in dialect.places else {}
        if "url" in dialect.places:
            found["url"] = url.encode()
    except UnicodeEncodeError:
        raise SignatureError("malformed", "The method or the URL holds half a character.") from None
    for name in dialect.signed_headers:
        found[f"header:{name}"] = header(headers, name).encode()
    if "form" in dialect.places or dialect.body_hash:
        hashed = bool(dialect.body_hash) and _is_hashed(body, url, dialect.body_hash)
        if not hashed and not ("form" in dialect.places and _is_form(body, headers, arrived)):
            raise SignatureError("malformed", _unsigned_words(dialect))
        found["form"] = b"" if hashed else form(body)
    return found


def _is_form(body, headers, arrived):
    """Whether a body is sent as a form. An empty one needs no word for it, nor does one that is not on its way yet."""
    try:
        kind = header(headers, "Content-Type")
    except SignatureError as error:
        return not body or (error.reason == "missing" and not arrived)
    return not body or kind.partition(";")[0].strip().lower() == "application/x-www-form-urlencoded"


def form(body):
    """The fields of a form sorted by name, each name followed by its value; a pair that occurs twice counts once."""
    count = body.count(b"&") + 1
    if len(body) > MOST_FORM or count > MOST_FIELDS:
        most = f"{MOST_FORM} and {MOST_FIELDS} at most are read as a form"
        raise SignatureError("malformed", f"The body has {len(body)} bytes and {count} fields; {most}.")
    pairs = set()
    for field in bytes(body).split(b"&") if body else ():
        name, equals, value = field.replace(b"+", b" ").partition(b"=")
        if not equals:
            raise SignatureError("malformed", "The body is not a form: names and values with = between them.")
        pairs.add((unquote_to_bytes(name), unquote_to_bytes(value)))
    return b"".join(name + value for name, value in sorted(pairs))


def _is_hashed(body, url, name):
    """Whether a parameter of the URL holds the body's SHA-256; one that holds another is refused."""
    fields = [field.partition("=") for field in url.partition("#")[0].partition("?")[2].split("&")]
    values = [value for field, _, value in fields if field == name]
    if len(values) > 1:
        raise SignatureError("malformed", f"The URL holds {name} {len(values)} times.")
    if values and values[0] != hashlib.sha256(body).hexdigest():
        raise SignatureError("no_match", f"{name} in the URL is not the SHA-256 of the body.")
    return bool(values)


def _unsigned_words(dialect):
    if not dialect.body_hash:
        return "The body is not a form, so nothing of it would be signed."
    kind = "is not a form, and its" if "form" in dialect.places else "is unsigned: its"
    return f"The body {kind} SHA-256 does not stand in the URL as {dialect.body_hash}."
