"""The endpoint must prove that it wants this: without that, anybody could have us bombard a stranger.

Two ways of real providers, a value each. Neither follows a redirect: whoever is asked has to answer.
"""

import json
from dataclasses import dataclass
from urllib.parse import parse_qs

from ..answers import ok, shown_to_owner, why_no_answer
from ..delivery.egress import post_within
from ..events import encode


class ChallengeFailed(Exception):
    """The endpoint has not proved that it wants this; the message says what it did instead."""


@dataclass(frozen=True)
class Echo:
    """A POST with a challenge, which the endpoint has to give back: Slack's way.

    It answers 2xx with the challenge as its body, as the form field ``challenge``, or as ``{"challenge": …}`` and no
    more: what mirrors whatever it gets proves nothing. The request carries a ``token`` too, if the owner has handed one
    in: an endpoint that knows its own, and answers to no other, cannot be registered by a stranger.

    Attributes:
        timeout: Seconds that it may take as a whole.
        source: Where a provider says so.
    """

    timeout: float = 3.0
    source: str = "https://api.slack.com/events/url_verification"

    def prove(self, url, session, challenge, token=""):
        """Return if the endpoint proves that it wants this.

        Args:
            url: The endpoint.
            session: One of `make_session`.
            challenge: A random text that has not been used before.
            token: What the owner and the endpoint have agreed upon, or empty.

        Raises:
            ChallengeFailed: It does not.
        """
        body = encode({"type": "url_verification", "challenge": challenge, "token": token})
        answer = _ask(self.timeout, session, url, data=body, headers={"Content-Type": "application/json"})
        if challenge not in _texts(answer):
            raise ChallengeFailed("It answered 2xx, and not with the challenge.")


@dataclass(frozen=True)
class Consent:
    """An OPTIONS request that says who wants to send, and a header that allows it: the way of CloudEvents.

    Attributes:
        origin: The name of the sender, a host name such as ``"shop.example"``.
        timeout: Seconds that it may take as a whole.
        source: Where this is specified.
    """

    origin: str
    timeout: float = 3.0
    source: str = "https://github.com/cloudevents/spec/blob/main/cloudevents/http-webhook.md"

    def prove(self, url, session, challenge="", token=""):
        """Return if the endpoint allows this origin, or all with ``*``: a 2xx alone is no consent (section 4.2).

        Raises:
            ChallengeFailed: It does not.
        """
        headers = {"WebHook-Request-Origin": self.origin}
        answer = _ask(self.timeout, session, url, method="options", headers=headers)
        allowed = answer.headers.get("WebHook-Allowed-Origin", "").strip()
        if allowed.lower() not in (self.origin.lower(), "*"):
            raise ChallengeFailed("It answered 2xx, and did not allow this origin in WebHook-Allowed-Origin.")


def _ask(timeout, session, url, **options):
    try:
        answer = post_within(timeout, session, url, timeout=timeout, allow_redirects=False, **options)
    except TimeoutError:
        raise ChallengeFailed("No answer came: timed out.") from None
    except Exception as error:
        raise ChallengeFailed(f"No answer came: {shown_to_owner(why_no_answer(error))}.") from None
    if not ok(answer.status_code):
        raise ChallengeFailed(f"It answered {answer.status_code}, and not 2xx.")
    return answer


def _texts(answer):
    """The texts that an answer may be taken to give back."""
    text = answer.content.decode(errors="replace")
    yield text.strip()
    yield from parse_qs(text.strip()).get("challenge", ())
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return
    if isinstance(data, dict) and set(data) == {"challenge"}:
        yield data["challenge"]
