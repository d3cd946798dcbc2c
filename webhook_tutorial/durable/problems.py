"""Errors of an API as problem documents (RFC 9457), which name the field that is wrong."""

import json

from flask import Response
from werkzeug.exceptions import HTTPException

from ..answers import reason

#: Their media type.
PROBLEM_JSON = "application/problem+json"


class Problem(Exception):
    """Ends a request with a problem document.

    Args:
        status: The status code, 400 or more.
        detail: What is wrong with this request, a sentence or two for the developer who made it.
        errors: A list of dictionaries, each with ``detail`` and with where it is: ``pointer``, a JSON pointer into
            the body (``#/url``, RFC 6901), or ``parameter``, the name of one in the query.
        headers: Further headers of the answer.
    """

    def __init__(self, status, detail, errors=(), headers=()):
        super().__init__(detail)
        self.status, self.detail, self.errors, self.headers = status, detail, list(errors), dict(headers)

    def response(self):
        """The answer of Flask that says so."""
        document = {"type": "about:blank", "title": reason(self.status), "status": self.status, "detail": self.detail}
        if self.errors:
            document["errors"] = self.errors
        headers = {name: value for name, value in self.headers.items() if name.lower() != "content-type"}
        return Response(json.dumps(document), self.status, headers, content_type=PROBLEM_JSON)


def handle(error):
    """The answer to an exception, for Flask's error handlers: one of ours, or one of Werkzeug's (404, 405, 413 …)."""
    if isinstance(error, HTTPException):
        if error.code is None or error.code < 400:
            return error  # a redirect is none
        headers = error.get_headers()
        # What Werkzeug says of an error may quote the request; that of a 500 is for our log and for nobody else.
        error = Problem(error.code, _WORDS.get(error.code, ""), headers=headers)
    return error.response()


_WORDS = {
    404: "There is no such thing here.",
    405: "There is such a path, and not for this method; Allow says for which.",
    413: "The body is too large.",
    500: "This is our fault. It has been written down, and the same request may succeed later.",
}
