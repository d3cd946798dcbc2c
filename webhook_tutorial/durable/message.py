"""A message of a broker."""

import json


class Message:
    """A message that has been given to us, and is ours until we say what became of it.

    Attributes:
        body: Its bytes.
        queue: The queue that it came from, by its short name.
        tries: How often it has been given to a worker, this time included.
        error: Of a dead letter, what went wrong the last time; else empty.
    """

    def __init__(self, raw, queue):
        headers = raw.headers or {}
        body = raw.body
        self.body = body.encode() if isinstance(body, str) else bytes(body)
        self._raw, self.queue, self.error = raw, queue, str(headers.get("error", ""))
        self.tries = 1 + sum(_count(headers.get(name)) for name in ("tries", "x-delivery-count"))

    @property
    def event(self):
        """The event.

        Raises:
            ValueError: The body is no JSON.
        """
        return json.loads(self.body)

    def ack(self):
        """Say that the work is done: the broker may forget it."""
        self._raw.ack()


def _count(value):
    """What a header counts; whoever else publishes may write anything there."""
    return value if isinstance(value, int) and value > 0 else 0
