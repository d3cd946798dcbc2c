"""An inbox: what a receiver has promised to deal with is kept with its id, and dealt with after the answer.

It is the outbox's mirror image, and lesson 06's whole receiver. A delivery that comes again finds its id there; the
effect and the mark are one transaction, so the effect is there once.
"""

from .claims import Claims


class Inbox(Claims):
    """Deliveries that have been taken, in the table ``inbox`` of a `Database`."""

    def __init__(self, database, clock):
        super().__init__(database, clock, "inbox")

    def store(self, id, body, aggregate=""):
        """Keep a delivery; return whether it is new. When this returns, the receiver may answer 2xx.

        One whose event was set aside is new as well: somebody has sent it again on purpose, and it begins anew.

        Args:
            id: The id of the delivery, the same at each attempt: one that was verified, such as ``webhook-id``.
            body: The bytes as they came.
            aggregate: What it is about; see `Outbox.add`.
        """
        with self.database.transaction():
            return self._add(id, body, aggregate) or bool(self._begin_anew("state = 'set aside' AND id = ?", id))

    def handle(self, handle, policy, lease, **options):
        """Call ``handle(event)`` for each delivery until none waits; return how many have been dealt with.

        What it executes in this `Database` is done in one transaction with the mark, and so it is there once, whoever
        dies on the way. What it does elsewhere may happen twice: give it the event's id.

        Args:
            handle: Does the work. If it raises, what it has executed is undone.
            policy, lease, **options: As for `Claims.work`.
        """

        def one(claim):
            with self.database.transaction():
                ours = self.done(claim)  # first, so that who is too late does nothing
                if ours:
                    handle(claim.event)
                return ours

        return self.work(one, policy, lease, **options)
