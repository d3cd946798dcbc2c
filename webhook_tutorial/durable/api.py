"""The registration API: subscriptions over HTTP, each request with an API key.

What is somebody else's is answered like what is not there, with the same 404: a 403 would tell that it exists.
"""

import json
from contextlib import contextmanager
from urllib.parse import quote

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from ..answers import shown_to_owner
from ..clock import iso
from ..events import make_event
from .fields import Refused
from .openapi import describe
from .problems import Problem, handle
from .provider import Conflict

#: The longest body that is read, in bytes.
MOST_BYTES = 65_536

#: Method, path, and the method of `Api` that answers; what is open needs no key.
ROUTES = [
    ("GET", "/openapi.json", "describe"),
    ("GET", "/event-types", "list_event_types"),
    ("GET", "/events", "list_events"),
    ("GET", "/subscriptions", "list_subscriptions"),
    ("POST", "/subscriptions", "create_subscription"),
    ("GET", "/subscriptions/<id>", "get_subscription"),
    ("PATCH", "/subscriptions/<id>", "change_subscription"),
    ("DELETE", "/subscriptions/<id>", "delete_subscription"),
    ("POST", "/subscriptions/<id>/test", "test_subscription"),
    ("POST", "/subscriptions/<id>/rotate", "rotate_secret"),
    ("POST", "/subscriptions/<id>/redeliver", "redeliver_since"),
    ("GET", "/subscriptions/<id>/deliveries", "list_deliveries"),
    ("POST", "/subscriptions/<id>/deliveries/<delivery>/redeliver", "redeliver"),
]
OPEN = {"describe"}


class Api:
    """Answers for a `Provider`; `blueprint` puts it into a Flask app."""

    def __init__(self, provider):
        self._provider = provider

    def blueprint(self):
        """Return a new blueprint. Its error handlers serve the whole app: an unknown path is a problem document too."""
        blueprint = Blueprint("subscriptions", __name__)
        for method, path, name in ROUTES:
            blueprint.add_url_rule(path, name, self._view(name), methods=[method])
        for kind in (Problem, HTTPException):
            blueprint.app_errorhandler(kind)(handle)
        return blueprint

    def _view(self, name):
        answer = getattr(self, name)

        def view(id=None, **path):
            if name in OPEN:
                return answer()
            owner = self._owner()
            if id is None:
                return answer(owner)
            subscription = self._provider.subscriptions.find(id, owner)  # before anything else is looked at
            if subscription is None:
                raise Problem(404, "There is no such subscription.")
            try:
                return answer(subscription, **path)
            except Conflict as error:
                raise Problem(409, str(error)) from None

        return view

    def _owner(self):
        scheme, _, api_key = request.headers.get("Authorization", "").partition(" ")
        owner = self._provider.subscriptions.owner_of(api_key.strip()) if scheme.lower() == "bearer" else None
        if owner is None:  # one answer, whatever is wrong (RFC 6750, section 3)
            words = "Send your API key with the request, as in 'Authorization: Bearer key_…'."
            raise Problem(401, words, headers={"WWW-Authenticate": "Bearer"})
        return owner

    # --- What there is --------------------------------------------------------------------------------------

    def describe(self):
        return jsonify(describe(self._provider))

    def list_event_types(self, owner):
        render = [*self._provider.render.values()][-1]
        examples = {
            name: render(make_event(name, data, id="evt_example", timestamp="2026-01-05T09:00:00Z"))
            for name, data in self._provider.event_types.items()
        }
        return {"event_types": [{"event_type": name, "example": example} for name, example in examples.items()]}

    def list_events(self, owner):
        """The events as the newest version has them, to all who may subscribe."""
        since, limit = _numbers(since=(0, 0, 10**15), limit=(100, 1, 1000))
        render = [*self._provider.render.values()][-1]
        found = self._provider.deliveries.events(since, limit + 1)
        events = [{"number": number, "event": render(event)} for number, event in found[:limit]]
        return {"events": events, "more": len(found) > limit}

    # --- Subscriptions --------------------------------------------------------------------------------------

    def list_subscriptions(self, owner):
        return {"subscriptions": [_subscription(one) for one in self._provider.subscriptions.of(owner)]}

    def create_subscription(self, owner):
        with _naming_fields():
            one, secret = self._provider.subscribe(owner, **_body())
        return _subscription(one) | {"secret": secret}, 201, {"Location": f"{request.root_path}{request.path}/{one.id}"}

    def get_subscription(self, subscription):
        return _subscription(subscription)

    def change_subscription(self, subscription):
        with _naming_fields():
            changed = self._provider.change(subscription, **_body())
        if changed is None:
            raise Problem(404, "There is no such subscription.")
        return _subscription(changed)

    def delete_subscription(self, subscription):
        self._provider.subscriptions.remove(subscription.id)
        return Response(status=204)

    def test_subscription(self, subscription):
        return _delivery(self._provider.test(subscription))

    def rotate_secret(self, subscription):
        try:
            rotated = self._provider.subscriptions.rotate(subscription.id)
        except ValueError as error:
            raise Problem(409, str(error)) from None
        if rotated is None:
            raise Problem(404, "There is no such subscription.")
        secret, until = rotated
        return {"secret": secret, "previous_expires": iso(until)}

    # --- Deliveries -----------------------------------------------------------------------------------------

    def list_deliveries(self, subscription):
        [limit] = _numbers(limit=(20, 1, 100))
        log = self._provider.deliveries.log(subscription.id, limit + 1)
        return {"deliveries": [_delivery(entry) for entry in log[:limit]], "more": len(log) > limit}

    def redeliver(self, subscription, delivery):
        entry = self._provider.redeliver(subscription, delivery)
        if entry is None:
            raise Problem(404, "There is no such delivery.")
        return _delivery(entry), 202

    def redeliver_since(self, subscription):
        with _naming_fields():
            body = _body()
            since = body.get("since")
            if set(body) != {"since"} or type(since) is not int or not 0 <= since <= 10**15:
                raise Refused({"since": "Give the number of an event, a whole number of 0 or more, and nothing else."})
        return {"queued": self._provider.redeliver_since(subscription, since)}, 202


def _body():
    """The body of the request, a JSON object."""
    request.max_content_length = MOST_BYTES
    if request.mimetype != "application/json":
        raise Problem(415, "Send a body of type application/json.")
    try:
        body = json.loads(request.get_data())
    except (ValueError, RecursionError):
        raise Problem(400, "The body is not JSON.") from None
    if not isinstance(body, dict):
        raise Problem(400, "The body is not a JSON object.")
    return body


@contextmanager
def _naming_fields():
    """A field that is refused is named in the answer, a 422."""
    try:
        yield
    except Refused as error:
        errors = [{"detail": sentence, "pointer": _pointer(name)} for name, sentence in error.errors.items()]
        raise Problem(422, "Some fields are wrong; errors names each.", errors) from None


def _pointer(name):
    """A JSON pointer to a field, as the fragment of a URI (RFC 6901, sections 3 and 6)."""
    return "#/" + quote(name.replace("~", "~0").replace("/", "~1"), safe="~", errors="replace")


def _numbers(**known):
    """The parameters of the query: for each its default, its least and its most.

    Others are refused: one that was mistyped would have no effect, and nobody would notice.
    """
    values, errors = {name: default for name, (default, _, _) in known.items()}, []
    for name, text in request.args.items():
        _, least, most = known.get(name, (0, 0, 0))
        if name not in known:
            errors.append({"detail": f"There is no such parameter; there are {', '.join(known)}.", "parameter": name})
        elif text.isascii() and text.isdigit() and len(text) < 17 and least <= int(text) <= most:
            values[name] = int(text)
        else:
            errors.append({"detail": f"This is a whole number from {least} to {most}.", "parameter": name})
    if errors:
        raise Problem(400, "Some parameters are wrong; errors names each.", errors)
    return values.values()


def _subscription(one):
    """How a `Subscription` is shown to its owner: without its secrets."""
    return {
        "id": one.id,
        "url": one.url,
        "events": list(one.events),
        "version": one.version,
        "status": one.status,
        "reason": one.reason,
        "created": iso(one.created),
        "failing_since": None if one.failing_since is None else iso(one.failing_since),
    }


def _delivery(entry):
    """How an entry of the log is shown: nothing of what the endpoint has answered but its status."""
    return {
        "id": entry["id"],
        "event": {"id": entry["event"], "number": entry["number"], "event_type": entry["event_type"]},
        "state": entry["state"],
        "created": iso(entry["created"]),
        "due": iso(entry["due"]) if entry["state"] == "waiting" else None,
        "error": "This is our fault, and not the endpoint's." if entry["error"] else "",
        "attempts": [one | {"at": iso(one["at"]), "error": shown_to_owner(one["error"])} for one in entry["attempts"]],
    }
