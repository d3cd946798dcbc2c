"""Automated workflow: a subscriber of the newsletter goes into a CRM, and gets a mail. The mail service is down."""

from collections import Counter

from .scene import Scene, Service

_PEOPLE = {"Ada": "ada@example.com", "Bela": "bela@example.com"}


def _broken(play):
    wrong = []
    for service in ("crm", "mail"):
        held = Counter(email for email in _PEOPLE.values() for entry in play.services[service] if email in str(entry))
        wrong += [f"{service} has {email} {held[email]} times" for email in _PEOPLE.values() if held[email] != 1]
    return f"{'; '.join(wrong)}." if wrong else ""


SCENE = Scene(
    sender="newsletter",
    receiver="office",
    events=tuple(
        (5 * n, "newsletter_subscribed", {"name": name, "email": email})
        for n, (name, email) in enumerate(_PEOPLE.items())
    ),
    services={"crm": Service(knows_keys=False), "mail": Service(down=((0, 12),))},
    promise="Each subscriber is in the CRM once, and gets one mail.",
    broken=_broken,
)
