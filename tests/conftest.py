"""For every test: what it starts is stopped, and nothing is left behind."""

import threading
import time

import pytest

from webhook_tutorial import running

#: How the names of our threads begin: of a server and its clients, of a proxy, of a sender's attempt, and of a
#: provider's workers.
OURS = ("serve ", "faults", "attempt", "deliver", "scorecard")


@pytest.fixture(autouse=True)
def _nothing_outlives_its_test():
    """Stop what the test has started and left up, and fail if a thread of ours outlives that by five seconds.

    What a fixture of a whole file has started before, stays. A test's own threads are its own business.
    """
    up, threads = running(), set(threading.enumerate())
    yield
    for thing in running():
        if thing not in up:
            thing.stop()
    end = time.monotonic() + 5
    for thread in threading.enumerate():
        if thread not in threads and thread.name.startswith(OURS):
            thread.join(max(0, end - time.monotonic()))
            assert not thread.is_alive(), f"the test left the thread {thread.name!r} behind"
