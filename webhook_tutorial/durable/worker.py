"""A worker: it takes one message after the other, does the work, and only then lets the broker forget it."""


def work(broker, queue, handle, wait=None):
    """Call ``handle(event)`` for each message of a queue.

    If it raises an Exception, the message goes to the end of the queue, and after three tries among the dead letters.
    If the worker dies, a real broker gives the message to another, so ``handle`` may meet an event twice, and none is
    passed over.

    Args:
        broker: A `Broker`. Other workers may take from the same queue, each with a `Broker` of its own.
        queue: The queue's name.
        handle: Does the work.
        wait: End when there was no message for so many seconds; never if left out.

    Returns:
        How many have been done.
    """
    done = 0
    for message in broker.messages(queue, wait):
        try:
            handle(message.event)
        except Exception as error:
            broker.again(message, f"{type(error).__name__}: {error}")
        else:
            message.ack()
            done += 1
    return done
