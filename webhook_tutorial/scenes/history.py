"""Event logging: what users did is appended, and a question is asked. Who they are has no place in it."""

import hashlib
import re
from base64 import b64encode

from .scene import Scene

_PEOPLE = {
    "Ada": ("ada@example.com", "198.51.100.7"),
    "Bela": ("bela@example.com", "198.51.100.8"),
    "Chidi": ("chidi@example.com", "198.51.100.9"),
}


def _seen(user, page):
    email, ip = _PEOPLE[user]
    return "page_viewed", {"user": user, "email": email, "ip": ip, "page": page}


def _signed_up(user):
    email, ip = _PEOPLE[user]
    return "user_signup", {"user": user, "email": email, "ip": ip}


_ACTIONS = (
    (0, *_seen("Ada", "/")),
    (1, *_seen("Ada", "/prices")),
    (3, *_signed_up("Ada")),
    (5, *_seen("Bela", "/prices")),
    (8, *_seen("Chidi", "/")),
    (9, *_signed_up("Chidi")),
    (12, *_seen("Chidi", "/prices")),
    (14, *_signed_up("Bela")),
)


def saw_prices_first(rows):
    """Return how many people saw the prices before they signed up, by rows of ``actions``."""
    signed = {row["person"]: row["minute"] for row in rows if row["action"] == "user_signup"}
    seen = [row for row in rows if row["action"] == "page_viewed" and "/prices" in row["details"]]
    return len({row["person"] for row in seen if row["minute"] < signed.get(row["person"], -1)})


def _stands(word, rows):
    """Whether a log has a word, not as a part of another one: hexadecimal digits may spell a name."""
    return re.search(rf"(?<![\w.]){re.escape(word)}(?!\w)", str(rows), re.IGNORECASE)


def _without_a_key():
    """Pseudonyms that are none: common hashes of an address without a key, from 8 digits on, and mere spellings."""
    texts = [email.encode() for email, _ in _PEOPLE.values()]
    spelled = [hashlib.new(name, text).hexdigest() for name in ("md5", "sha1", "sha256", "sha512") for text in texts]
    spelled += [text.hex() for text in texts] + [b64encode(text).decode() for text in texts]
    return {one[:length] for one in spelled for length in range(8, len(one) + 1)}


def _broken(play):
    rows = play.tables["actions"]
    personal = [word for user, (email, ip) in _PEOPLE.items() for word in (user, email, ip) if _stands(word, rows)]
    if personal:
        return f"The log has {', '.join(personal)}."
    if guessed := sorted({str(row["person"]) for row in rows} & _without_a_key()):
        return f"The log has {guessed[0]}, which anybody gets who hashes the address: use a key."
    if len(rows) != len(_ACTIONS):
        return f"The log has {len(rows)} actions, and {len(_ACTIONS)} happened."
    if (found := saw_prices_first(rows)) != 2:
        return f"By the log {found} saw the prices before they signed up, and it was 2."
    return ""


SCENE = Scene(
    sender="website",
    receiver="analytics",
    events=_ACTIONS,
    late=(2,),
    twice=(4,),
    tables=("CREATE TABLE actions (person TEXT, action TEXT, details TEXT, minute REAL)",),
    promise="The log can say how many saw the prices before they signed up, and does not say who.",
    broken=_broken,
)
