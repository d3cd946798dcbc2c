"""An inbox: what a receiver has promised to deal with is kept with its id, and dealt with after the answer.

It is the outbox's mirror image, and lesson 06's whole receiver. A delivery that comes again finds its id there; the
effect and the mark are one transaction, so the effect is there once.
"""

from .claims import Claims, plain


class Inbox(Claims):
    """Deliveries that have been taken, in the table ``inbox`` of a `Database`."""

    def __init__(self, database, clock):
        super().__init__(database, clock, "inbox")

    def store(self, id, body, aggregate=""):
        """Keep a delivery; return whether it is new. When this returns, the receiver may answer 2xx.

        One whose event was set aside is new as well: its sender has come again, perhaps with a body that is mended, and
        it begins anew with that.

        Args:
            id: The id of the delivery, the same at each attempt: one that was verified, such as ``webhook-id``.
            body: The bytes as they came.
            aggregate: What it is about; see `Outbox.add`.

        Raises:
            TypeError: The body is no bytes.
        """
        if not isinstance(body, (bytes, bytearray, memoryview)):
            raise TypeError(
                f"A body is bytes as they came, such as request.get_data() gives, not {type(body).__name__}."
            )
        body = bytes(body)
        with self.database.transaction():
            if self._add(id, body, aggregate):
                return True
            again = "UPDATE inbox SET body = ?, aggregate = ? WHERE id = ? AND state = 'set aside' RETURNING turn"
            if not self.database.execute(again, body, aggregate, id):
                return False
            return bool(self._begin_anew("state = 'set aside' AND id = ?", id))

    def handle(self, handle, policy, lease, **options):
        """Call ``handle(event)`` for each delivery until none waits; return how many have been dealt with.

        What it executes in this `Database` is done in one transaction with the mark, and so it is there once, whoever
        dies on the way. What it does elsewhere may happen twice: give it the event's id. As long as it works, nobody
        else writes in the file, and whoever shares this `Database` waits: a receiver has one of its own, and what takes
        long is done by somebody else.

        Args:
            handle: Does the work, and leaves the transaction open. If it raises, what it has executed is undone.
            policy, lease, **options: As for `Claims.work`.
        """

        handle = plain(handle)

        def one(claim):
            with self.database.transaction():
                ours = self.done(claim)  # first, so that who is too late does nothing
                if ours:
                    handle(claim.event)
                    if not self.database.in_transaction:
                        raise RuntimeError(
                            "The handler has ended the transaction: effect and mark are not one any more."
                        )
                return ours

        return self.work(one, policy, lease, **options)
