"""The registration API, described: OpenAPI 3.1 as data (https://spec.openapis.org/oas/v3.1.1)."""

from .fields import LONGEST_TOKEN, LONGEST_URL, MOST_FILTERS

STATUSES = ["active", "paused", "disabled"]
STATES = ["waiting", "delivered", "refused", "gone", "given up"]


def describe(provider):
    """Return the description of a `Provider`'s API, a dictionary that JSON can hold."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "Subscriptions", "version": "1"},
        "security": [{"key": []}],
        "paths": _PATHS,
        "webhooks": {name: _webhook(name, data) for name, data in provider.event_types.items()},
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "schemas": _SCHEMAS | _fields(provider),
            "responses": {
                str(status): {
                    "description": words,
                    "content": {"application/problem+json": {"schema": _ref("Problem")}},
                }
                for status, words in _PROBLEMS.items()
            },
        },
    }


# --- Small words --------------------------------------------------------------------------------------------


def _ref(name, kind="schemas"):
    return {"$ref": f"#/components/{kind}/{name}"}


def _object(**properties):
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _list(items):
    return {"type": "array", "items": items}


def _or_null(schema):
    return {"anyOf": [schema, {"type": "null"}]}


_TEXT, _BOOLEAN = {"type": "string"}, {"type": "boolean"}
_TIME = {"type": "string", "format": "date-time"}


def _number(least, most):
    return {"type": "integer", "minimum": least, "maximum": most}


def _query(name, schema):
    return {"name": name, "in": "query", "schema": schema}


def _path(name):
    return {"name": name, "in": "path", "required": True, "schema": _TEXT}


def _operation(id, words, answer, *problems, body=None, parameters=(), status=200, **more):
    """An operation: its answer is a schema, or None for an empty one; each problem is a status code."""
    content = {"content": {"application/json": {"schema": answer}}} if answer else {}
    responses = {str(status): {"description": "Done.", **content, **more}}
    responses |= {str(problem): _ref(str(problem), "responses") for problem in problems}
    operation = {"operationId": id, "summary": words, "responses": responses, "parameters": list(parameters)}
    if body:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return operation


_PROBLEM = {"content": {"application/problem+json": {"schema": _ref("Problem")}}}


# --- What is sent and answered ------------------------------------------------------------------------------

_PROBLEMS = {
    400: "The request cannot be read.",
    401: "The API key is missing, or is none.",
    404: "There is no such thing, or it is somebody else's.",
    409: "It does not go with the state that things are in.",
    413: "The body is too large.",
    415: "The body is of another type.",
    422: "A field is wrong, or the endpoint has not proved that it wants this.",
}

_SUBSCRIPTION = {
    "id": _TEXT,
    "url": _TEXT,
    "events": _list(_TEXT),
    "version": _TEXT,
    "status": {"enum": STATUSES},
    "reason": _TEXT,
    "created": _TIME,
    "failing_since": _or_null(_TIME),
}

_SCHEMAS = {
    "Subscription": _object(**_SUBSCRIPTION),
    "NewSubscription": _object(**_SUBSCRIPTION, secret=_TEXT),
    "Subscriptions": _object(subscriptions=_list(_ref("Subscription"))),
    "Secret": _object(secret=_TEXT, previous_expires=_TIME),
    "EventTypes": _object(event_types=_list(_object(event_type=_TEXT, example={"type": "object"}))),
    "Events": _object(events=_list(_object(number=_number(1, 10**15), event={"type": "object"})), more=_BOOLEAN),
    "Attempt": _object(at=_TIME, status=_or_null(_number(100, 999)), error=_TEXT),
    "Delivery": _object(
        id=_TEXT,
        event=_object(id=_TEXT, number=_or_null(_number(1, 10**15)), event_type=_TEXT),
        state={"enum": STATES},
        created=_TIME,
        due=_or_null(_TIME),
        error=_TEXT,
        attempts=_list(_ref("Attempt")),
    ),
    "Deliveries": _object(deliveries=_list(_ref("Delivery")), more=_BOOLEAN),
    "Since": _object(since=_number(0, 10**15)),
    "Queued": _object(queued=_number(0, 10**15)),
    "Problem": {
        **_object(type=_TEXT, title=_TEXT, status=_number(400, 599), detail=_TEXT),
        "properties": {
            "type": _TEXT,
            "title": _TEXT,
            "status": _number(400, 599),
            "detail": _TEXT,
            "errors": _list({"type": "object", "required": ["detail"]}),
        },
    },
}


def _fields(provider):
    """What a subscription is made and changed with; the types and versions are this provider's."""
    types = {"anyOf": [{"enum": list(provider.event_types)}, {"type": "string", "pattern": "^[a-z_]*[*]$"}]}
    fields = {
        "url": {"type": "string", "format": "uri", "pattern": "^https?://", "maxLength": LONGEST_URL},
        "events": {**_list(types), "minItems": 1, "maxItems": MOST_FILTERS},
        "version": {"enum": list(provider.render)},
        "verify_token": {"type": "string", "pattern": "^[!-~]*$", "maxLength": LONGEST_TOKEN},
    }
    changes = {**fields, "status": {"enum": ["active", "paused"]}}
    return {
        "ToCreate": {**_object(**fields), "required": ["url", "events"]},
        "ToChange": {**_object(**changes), "required": []},
    }


def _webhook(event_type, data):
    """What an endpoint is sent, and what it answers."""
    data = {"type": "object", "examples": [data]}  # some fields may be added, so nothing says that there are no others
    fields = {"id": _TEXT, "event_type": {"const": event_type}, "timestamp": _TIME, "data": data}
    schema = {"type": "object", "properties": fields, "required": list(fields)}
    content = {"application/json": {"schema": schema}}
    answers = {"2XX": {"description": "It has arrived."}, "410": {"description": "Send nothing more."}}
    return {"post": {"requestBody": {"required": True, "content": content}, "responses": answers}}


# --- The operations -----------------------------------------------------------------------------------------

_LOCATION = {"Location": {"schema": _TEXT, "description": "The path of the subscription."}}
_ONE, _WITH_BODY = (401, 404), (400, 413, 415, 422)

_PATHS = {
    "/openapi.json": {"get": {**_operation("describe", "This description.", {"type": "object"}), "security": []}},
    "/event-types": {
        "get": _operation("list_event_types", "The catalogue, with an example of each.", _ref("EventTypes"), 401)
    },
    "/events": {
        "get": _operation(
            "list_events",
            "The events after a number, the oldest first.",
            _ref("Events"),
            *(400, 401),
            parameters=[_query("since", _number(0, 10**15)), _query("limit", _number(1, 1000))],
        )
    },
    "/subscriptions": {
        "get": _operation("list_subscriptions", "All of mine.", _ref("Subscriptions"), 401),
        "post": _operation(
            "create_subscription",
            "Subscribe, once the endpoint has answered a challenge. The secret is shown this once.",
            _ref("NewSubscription"),
            *(401, *_WITH_BODY),
            body=_ref("ToCreate"),
            status=201,
            headers=_LOCATION,
        ),
    },
    "/subscriptions/{id}": {
        "parameters": [_path("id")],
        "get": _operation("get_subscription", "One of mine.", _ref("Subscription"), *_ONE),
        "patch": _operation(
            "change_subscription",
            "Change it: a new url is challenged first.",
            _ref("Subscription"),
            *(*_ONE, *_WITH_BODY),
            body=_ref("ToChange"),
        ),
        "delete": _operation("delete_subscription", "Unsubscribe.", None, *_ONE, status=204),
    },
    "/subscriptions/{id}/test": {
        "parameters": [_path("id")],
        "post": _operation("test_subscription", "Send a test event, once and now.", _ref("Delivery"), *_ONE, 409),
    },
    "/subscriptions/{id}/rotate": {
        "parameters": [_path("id")],
        "post": _operation(
            "rotate_secret",
            "A new secret, shown this once; the one before it signs on for a time.",
            _ref("Secret"),
            *(*_ONE, 409),
        ),
    },
    "/subscriptions/{id}/redeliver": {
        "parameters": [_path("id")],
        "post": _operation(
            "redeliver_since",
            "Put in line what has happened after a number and has not arrived.",
            _ref("Queued"),
            *(*_ONE, 409, *_WITH_BODY),
            body=_ref("Since"),
            status=202,
        ),
    },
    "/subscriptions/{id}/deliveries": {
        "parameters": [_path("id")],
        "get": _operation(
            "list_deliveries",
            "The latest deliveries, the newest first.",
            _ref("Deliveries"),
            *(*_ONE, 400),
            parameters=[_query("limit", _number(1, 100))],
        ),
    },
    "/subscriptions/{id}/deliveries/{delivery}/redeliver": {
        "parameters": [_path("id"), _path("delivery")],
        "post": _operation("redeliver", "Put one in line once more.", _ref("Delivery"), *_ONE, 409, status=202),
    },
}
