"""An outbox: what has been decided and what is told of it are saved in one transaction, and told afterwards.

The pattern is Chris Richardson's "transactional outbox" (https://microservices.io/patterns/data/transactional-outbox.html),
with a polling publisher. Each event is told at least once, and by the same id: whoever is told has to know it again.
"""

from ..events import encode
from .claims import Claims, plain


class Outbox(Claims):
    """Events that wait to be told, in the table ``outbox`` of a `Database`.

    >>> with database.transaction():
    ...     database.execute("INSERT INTO orders …")
    ...     outbox.add(event, aggregate="order 7")
    """

    def __init__(self, database, clock):
        super().__init__(database, clock, "outbox")

    def add(self, event, aggregate=""):
        """Add an event, within the transaction that saves what it is about; return whether its id is new.

        Args:
            event: A dictionary with an ``id``, such as `make_event` gives.
            aggregate: What it is about. Events of one aggregate are told one after the other, in their order; others
                do not wait for each other. Empty if the order is all the same.

        Raises:
            RuntimeError: There is no transaction: alone, the event could be told of something that is never saved.
            TypeError: JSON cannot hold it.
        """
        if not self.database.in_transaction:
            raise RuntimeError("Add an event within the transaction that saves what it is about.")
        return self._add(event["id"], encode(event), aggregate)

    def relay(self, deliver, policy, lease, **options):
        """Hand each event to ``deliver(event)`` until none waits; return how many have been delivered.

        Nothing is locked while ``deliver`` is at work: it takes as long as a receiver takes to answer.

        Args:
            deliver: Posts the event, or gives it to a broker, and raises if that fails. It may be called for the same
                event twice.
            policy, lease, **options: As for `Claims.work`.
        """

        deliver = plain(deliver)

        def one(claim):
            deliver(claim.event)
            return self.done(claim)

        return self.work(one, policy, lease, **options)
