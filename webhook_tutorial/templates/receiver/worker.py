"""The worker, `python worker.py`: does for each event in the inbox what handlers.py says."""

import json
import signal
import sqlite3
import sys
import time
from contextlib import closing

import settings
from handlers import HANDLERS
from inbox import Inbox
from telemetry import EVENTS, log, log_json

LOOK = 0.05  # seconds until an empty inbox is looked at again
BEAT = 10  # seconds between two heartbeats
HOUR = 3600


class Worker:
    """Works until it is told to stop.

    Args:
        config: The `settings.Settings`.
        inbox: The `Inbox`.
        handlers: What to call for each event type.
    """

    def __init__(self, config, inbox, handlers=HANDLERS):
        self.config, self.inbox, self.handlers = config, inbox, handlers
        self.stopping = False

    def run(self):
        """Do all there is, wait for more, and return once `stopping` is set and the event in hand is finished."""
        beat = tidy = time.monotonic()
        with closing(self.inbox.connect()) as kept:  # while one is open, SQLite's two other files stay where they are
            self._attempt(kept.execute, "SELECT count(*) FROM heartbeats")
            while not self.stopping:
                if time.monotonic() >= beat:
                    self._attempt(self.inbox.beat, "worker")
                    beat = time.monotonic() + BEAT
                if time.monotonic() >= tidy:
                    more = self._attempt(self.inbox.forget, time.time() - self.config.keep_days * 24 * HOUR)
                    tidy = time.monotonic() + (0 if more else HOUR)
                if not self._attempt(self.do_next):
                    time.sleep(LOOK)

    def _attempt(self, step, *arguments):
        """Return what a step returns. If it fails, the others have their turn all the same."""
        try:
            return step(*arguments)
        except sqlite3.Error:  # a full disk, a lock that is held for too long: it may pass
            log.exception("cannot work")
            time.sleep(1)

    def do_next(self):
        """Do what has waited longest; return whether there was something."""
        claim = self.inbox.claim(self.config.lease)
        if claim is None:
            return False
        if claim.tries > self.config.tries:  # whoever had it died of it, each time
            self._end("set aside", claim, self.inbox.set_aside(claim, "begun, and never finished"))
            return True
        try:
            event = json.loads(claim.body)
            handler = self.handlers.get(claim.event_type)
            ours = self.inbox.finish(claim, lambda db: handler and handler(claim.id, event, db))
            self._end("done" if handler else "unknown type", claim, ours)
        except KeyboardInterrupt:  # a second Ctrl-C: nobody has to wait until the lease is over
            self.inbox.give_back(claim, 0, "interrupted")
            raise
        except BaseException as error:  # SystemExit, too: a handler that ends the program is one that fails
            self._failed(claim, error)
        return True

    def _failed(self, claim, error):
        try:
            told = f"{type(error).__name__}: {error}"[:1000].encode(errors="backslashreplace").decode()
        except Exception:  # even what it says may fail
            told = type(error).__name__
        log.exception("handler failed", extra={"delivery": claim.id, "tries": claim.tries})
        if claim.tries >= self.config.tries:
            self._end("set aside", claim, self.inbox.set_aside(claim, told))
        else:
            wait = min(self.config.retry * 2 ** (claim.tries - 1), 6 * HOUR)
            self._end("failed", claim, self.inbox.give_back(claim, wait, told))

    def _end(self, outcome, claim, ours):
        outcome = outcome if ours else "too late"
        EVENTS.labels(outcome).inc()
        told = {"delivery": claim.id, "event_type": claim.event_type, "outcome": outcome, "tries": claim.tries}
        log.info("worked", extra=told)

    def stop(self, *_):
        """Stop after the event in hand; asked a second time, at once."""
        if self.stopping:
            raise KeyboardInterrupt
        self.stopping = True


def main():
    log_json()
    try:
        config = settings.load(with_secret=False)
        worker = Worker(config, Inbox(config.database))
    except settings.Wrong as error:
        sys.exit(str(error))
    except sqlite3.Error as error:
        sys.exit(f"DATABASE cannot be used: {error}.")
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, worker.stop)
    log.info("working")
    try:
        worker.run()
    except KeyboardInterrupt:
        sys.exit(1)
    log.info("stopped")


if __name__ == "__main__":
    main()
