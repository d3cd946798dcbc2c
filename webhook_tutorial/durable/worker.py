"""A worker: it takes one message after the other, does the work, and only then lets the broker forget it."""

from .broker import TRIES
from .claims import plain


def work(broker, queue, handle, wait=None):
    """Call ``handle(event)`` for each message of a queue.

    If it raises an Exception, the message goes to the end of the queue, and after three tries among the dead letters,
    whether they ended in an exception or with a worker's death.
    If the worker dies, a real broker gives the message to another, so ``handle`` may meet an event twice, and none is
    passed over.

    Args:
        broker: A `Broker`. Other workers may take from the same queue, each with a `Broker` of its own.
        queue: The queue's name. What is among the dead letters is published anew rather than worked on.
        handle: Does the work.
        wait: End when there was no message for so many seconds; never if left out.

    Returns:
        How many have been done.

    Raises:
        ValueError: That is a queue of dead letters, or none at all.
        TypeError: ``handle`` is a coroutine or a generator.
    """
    handle, done = plain(handle), 0
    broker.must_be_a_queue_for_work(queue)
    for message in broker.messages(queue, wait):
        if message.tries > TRIES:  # the broker's count and ours have come together
            broker.again(message, message.error or "Its workers died.")
            continue
        try:
            handle(message.event)
        except Exception as error:
            broker.again(message, f"{type(error).__name__}: {error}")
        else:
            message.ack()
            done += 1
    return done
