"""A message broker behind a few lines: who publishes and who consumes do not know each other, and a URL says where.

It is kombu (https://docs.celeryq.dev/projects/kombu), which speaks AMQP to RabbitMQ and has transports that need no
broker: in memory within one process, or in an SQLite file. Those two are for learning. They take a message out of the
queue before anybody has worked on it, so a worker that is killed takes it along, in memory one that is stopped, too; on
RabbitMQ it comes back.
"""

import itertools
import os
from collections import deque
from contextlib import contextmanager, suppress
from threading import RLock
from urllib.parse import urlsplit

from amqp.exceptions import AMQPError
from kombu import Connection, Consumer, Exchange, Producer, Queue
from kombu.exceptions import KombuError
from sqlalchemy.exc import SQLAlchemyError

from ..events import encode
from .message import Message
from .transports import VARIABLE, BrokerError, end, known, spelled_out

#: How often a message is given to a worker at the most; then it is a dead letter.
TRIES = 3

_PATIENCE = 3.0  # seconds for a broker to answer
_LOOK_AGAIN = 0.01  # seconds after which an embedded transport looks again for a message
_ERRORS = OSError, KombuError, AMQPError, SQLAlchemyError
_RETRY = {"max_retries": 2, "interval_start": 0, "interval_step": 0.2}


class Broker:
    """A topic exchange and its queues. Each queue gets a copy of every message whose routing key it wishes for.

    All who use it hand in the same ``queues``, and each declares them: a message that is published before its queue was
    declared is lost without an error. So is one that no queue wishes for. The queues are durable, the messages
    persistent, and each publish waits for the broker's word that it has the message. A wish that is left out later
    stays until `clear`. It may be used from any thread.

    Args:
        queues: A dictionary from a queue's name to its wishes, a list of routing keys: ``order.placed``, or patterns in
            which ``*`` stands for one word and ``#`` for any number of them.
        url: Where the broker is; `VARIABLE` in the environment if left out.
        file: An SQLite file to use where there is neither; memory if left out, for threads of this process alone.
        name: Of the exchange; the names of the queues begin with it.

    Raises:
        BrokerError: There is none, or what is declared there is something else.
        ValueError: A name, a wish or the file's name cannot be used.
    """

    def __init__(self, queues, *, url=None, file=None, name="shop"):
        if file and set(str(file)) & set("?;#"):  # kombu reads several URLs, and a URL's query, there
            raise ValueError(f"The name of a broker's file has no '?', ';' and '#': {file}")
        embedded = f"sqla+sqlite:///{file}" if file else "memory://"
        self.url, self._closed = known(url or os.environ.get(VARIABLE) or embedded), False
        self.is_real = self.url.startswith("amqp")
        self._exchange = Exchange(name, "topic", durable=True)
        self._lock = RLock()
        self._queues = {}  # of each name as many as it has wishes: kombu declares a queue with one binding
        for short, wishes in queues.items():
            if not isinstance(short, str) or not short or f"{short}.dead" in queues:
                raise ValueError(f"A queue's name is a text, and {short!r} has the one with .dead for itself.")
            if isinstance(wishes, str) or not wishes or not all(isinstance(one, str) for one in wishes):
                raise ValueError(f"What {short} wishes for is a list of routing keys: ['order.*']")
            if max(len(one.encode()) for one in (f"{name}.{short}.dead", *wishes)) > 255:
                raise ValueError(f"Names and routing keys have 255 bytes at the most (AMQP 0-9-1): {short}")
            wishes = wishes if self.is_real else sorted({one for wish in wishes for one in spelled_out(wish)})
            options = {"exchange": self._exchange, "durable": True, "queue_arguments": self._arguments(name, short)}
            self._queues[short] = [Queue(f"{name}.{short}", routing_key=wish, **options) for wish in wishes]
        self._queues |= {f"{short}.dead": [Queue(f"{name}.{short}.dead", durable=True)] for short in queues}
        self._connection = self._connect()
        try:
            self._declare()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __repr__(self):
        return f"<Broker {self.where}: {', '.join(self._queues)}>"

    @property
    def where(self):
        """What it runs on, in words, without a password."""
        parts = urlsplit(self.url)
        if self.is_real:
            return f"RabbitMQ at {parts.hostname}:{parts.port or 5672}"
        return {"sqla+sqlite": "an SQLite file", "memory": "memory"}.get(parts.scheme, f"{parts.scheme}://")

    def publish(self, event, key=None):
        """Publish an event; when this returns, each queue that wishes for it has a copy.

        Args:
            event: A dictionary, such as `make_event` gives.
            key: The routing key; the event's type with dots if left out: ``order.placed``.

        Raises:
            ValueError: The key is no text of 1 to 255 bytes.
            BrokerError: It could not be published, or not everywhere: publish it again. Or this broker was closed.
        """
        key = event["event_type"].replace("_", ".") if key is None else key
        if not isinstance(key, str) or not 0 < len(key.encode(errors="replace")) <= 255:
            raise ValueError(f"A routing key is a text of 1 to 255 bytes (AMQP 0-9-1), not {key!r:.80}.")
        self._publish(encode(event), self._exchange, key)

    def messages(self, queue, wait=None):
        """Give each `Message` of a queue as it comes, one at a time; the next when you ask for it.

        Args:
            queue: The queue's name; ``"email.dead"`` for the dead letters of ``"email"``.
            wait: End when there was none for so many seconds; never if left out.
        """
        if self._closed:
            raise BrokerError(f"This broker, {self.where}, was closed.")
        arrived, bound = deque(), self._of(queue)
        taking = {"on_message": arrived.append, "prefetch_count": 1, "accept": ["json"]}
        with (
            self._told(),
            self._line() as connection,
            connection.channel() as channel,
            Consumer(channel, [bound(channel)], **taking),
        ):
            while True:
                try:
                    while not arrived:
                        connection.drain_events(timeout=wait)
                except TimeoutError:
                    return
                yield Message(arrived.popleft(), queue)

    def again(self, message, error=""):
        """Put a message that failed at the end of its queue, or after `TRIES` among the dead letters; then ack it.

        Raises:
            ValueError: It is a dead letter already: publish its event anew.
        """
        self.must_be_a_queue_for_work(message.queue)
        over = message.tries >= TRIES
        queue = self._of(message.queue + ".dead" if over else message.queue).name
        headers = {"tries": message.tries, "error": str(error)[:1000]}
        self._publish(message.body, Exchange(""), queue, headers=headers)
        message.ack()

    def must_be_a_queue_for_work(self, queue):
        """Raise ValueError if a queue is none, or one of dead letters."""
        self._of(queue)
        if f"{queue}.dead" not in self._queues:
            raise ValueError(f"{queue} has dead letters: look at its messages(), and publish anew what is mended.")

    def size(self, queue):
        """Return how many messages wait in a queue; those that have been given to somebody do not count."""
        with self._using() as channel:
            return self._of(queue)(channel).queue_declare(passive=True).message_count

    def clear(self):
        """Throw away the queues with all that is in them, and declare them afresh."""
        self.delete()
        self._declare()

    def delete(self):
        """Throw away the queues with all that is in them, and the exchange."""
        with self._using() as channel:
            for queue in self._queues:
                bound = self._of(queue)(channel)
                if not self.is_real:  # kombu forgets what a queue holds only if it is bound to an exchange
                    bound.purge()
                bound.delete()
            with suppress(KeyError):  # in memory, another may have done so
                self._exchange(channel).delete()

    def close(self):
        """Close the connection; the queues stay. It is fine to do so twice."""
        with self._lock:
            self._closed = True
            self._let_go()

    def _let_go(self, broken=False):
        connection, self._connection = self._connection, None
        if connection is not None:
            end(connection, self.url, broken)

    def _of(self, queue):
        if queue not in self._queues:
            raise ValueError(f"There is no queue {queue!r}; there are {', '.join(self._queues)}.")
        return self._queues[queue][0]

    def _arguments(self, name, short):
        """A quorum queue counts how often it has given a message to somebody, and puts it among the dead letters."""
        if not self.is_real:
            return None
        return {
            "x-queue-type": "quorum",
            "x-delivery-limit": TRIES - 1,
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": f"{name}.{short}.dead",
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        }

    def _publish(self, body, exchange, key, headers=None):
        with self._using() as channel:
            Producer(channel, exchange, key).publish(
                body,
                headers=headers,
                content_type="application/json",
                content_encoding="utf-8",
                delivery_mode="persistent",
                retry=self.is_real,  # an embedded transport forgets who wishes for what when it connects anew
                retry_policy=_RETRY,
            )

    def _declare(self):
        with self._using() as channel:
            self._declare_on(channel)

    def _declare_on(self, channel):
        for one in itertools.chain(*self._queues.values()):
            one(channel).declare()

    @contextmanager
    def _using(self):
        with self._lock, self._told():
            if self._closed:
                raise BrokerError(f"This broker, {self.where}, was closed.")
            if self._connection is None:  # the one before was let go
                self._connection = self._connect()
                self._declare_on(self._connection.default_channel)
            try:
                yield self._connection.default_channel
            except BaseException as error:
                # Stopped in the middle of a frame, a line is of no more use; nor is a session in the middle of a write,
                # which keeps the file locked.
                if self.url.startswith("sqla") or (self.is_real and not isinstance(error, Exception)):
                    self._let_go(broken=True)
                raise

    @contextmanager
    def _line(self):
        """A connection of its own, for as long as messages are taken."""
        connection = self._connect()
        try:
            yield connection
        finally:
            end(connection, self.url)

    def _connect(self):
        with self._told():
            options = {"confirm_publish": True} if self.is_real else {}
            connection = Connection(self.url, connect_timeout=_PATIENCE, transport_options=options)
            connection.ensure_connection(max_retries=1, interval_start=0)
            if not self.is_real:
                connection.transport.polling_interval = _LOOK_AGAIN
            return connection

    @contextmanager
    def _told(self):
        try:
            yield
        except BrokerError:
            raise
        except _ERRORS as error:
            raise self._unusable(error) from None

    def _unusable(self, error):
        return BrokerError(
            f"No message broker can be used at {self.where} ({type(error).__name__}: {error}). "
            f"Start one, as the README says, or unset {VARIABLE}."
        )
