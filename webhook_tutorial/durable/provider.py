"""A provider of webhooks: who has subscribed, what is published, and that it is delivered although we die."""

import functools
import os
import random
from secrets import token_hex

from ..answers import Blocked
from ..clock import SimulatedClock
from ..delivery import STANDARD_WEBHOOKS_SCHEDULE, Delivery, Policy, make_session
from ..events import encode, make_event
from ..signing import check_id
from .challenge import ChallengeFailed, Echo
from .database import Database
from .deliveries import Deliveries
from .disabling import DAY, DisablePolicy, Health
from .dispatcher import Dispatcher
from .fields import Refused, check
from .subscriptions import Subscriptions
from .vault import Vault

#: The event that tests an endpoint. It is not in the catalogue, and nobody has to subscribe to it.
TEST_EVENT = "test"

_ONCE = Policy(())
_AT_A_TIME = 1000  # events that are put in line in one transaction


class Conflict(Exception):
    """What was asked for does not go with the state that things are in; the message says why."""


class Provider:
    """Publishes events to those who have subscribed to them; all that it knows is in one file.

    A new provider on the same file goes on with what waits. An attempt is written down when it is over: one that we
    die in is made once more, so an endpoint may hear of an event twice, always by the same id. One provider at a time
    runs on a file; others may publish to it and serve its API.

    Args:
        path: The file, made if it is not there.
        key: Encrypts the secrets in it: of `new_key`, from the environment. A list changes it: once a provider was
            opened with it, all is sealed with its first key, and the others may go.
        event_types: The catalogue, a dictionary from an event type to an example of its data.
        clock: Where the time comes from and what is slept on; a new `SimulatedClock` if left out.
        policy: The `Policy` of each delivery; the schedule of Standard Webhooks if left out.
        challenge: How an endpoint proves that it wants this: an `Echo` or a `Consent`; None asks for no proof.
        session: Makes a session for an attempt, to be closed after it; `make_session` if left out. A guard goes here,
            as `guarded_session`: a URL that it would never call is not registered either.
        disable: The `DisablePolicy` for endpoints that fail.
        tell: Called with each `Notice` to an owner, in the thread of `run`: sends a mail, say. If it raises, the run
            stops, and the next one tells it again.
        ids: Gives a new id for a kind of thing (``ids("sub")``); random ones if left out.
        secrets: Gives so many random bytes (``secrets(24)``); the system's if left out.
        render: How an event looks in each version, a dictionary from the version's name to a function of the event as
            it was published. The last one is what new subscriptions get. One version, without a change, if left out.
        workers: How many endpoints are served at the same time.
        overlap: For how many seconds a secret signs on after it was rotated out.
        chance: Gives a number from 0 to 1 for the jitter.

    Raises:
        ValueError: The key is none, or is not the one of this file; or the overlap is no time.

    Attributes:
        database, subscriptions, deliveries: The file and the two stores in it.
        blueprint: The registration API, to register with a Flask app.
        render: The dictionary that was handed in. One that is assigned holds from the next attempt on.
    """

    def __init__(
        self,
        path,
        *,
        key,
        event_types,
        clock=None,
        policy=STANDARD_WEBHOOKS_SCHEDULE,
        challenge=Echo(),  # noqa: B008 - a value
        session=make_session,
        disable=DisablePolicy(),  # noqa: B008 - a value
        tell=None,
        ids=None,
        secrets=os.urandom,
        render=None,
        workers=1,
        overlap=DAY,
        chance=random.random,
    ):
        self.clock, self.event_types = clock or SimulatedClock(), dict(event_types)
        self.render = dict(render or {"1": lambda event: event})
        self._challenge, self._session, self._random, self._ids = challenge, session, secrets, ids or _random_id
        if not 0 <= overlap <= 3650 * DAY:
            raise ValueError(
                f"A secret signs on for 0 seconds or more, and ten years at the most, not for {overlap!r}."
            )
        vault = Vault(key)
        self.database = Database(path)
        self.subscriptions = Subscriptions(self.database, vault, self.clock, self._ids, secrets, overlap)
        self.deliveries = Deliveries(self.database, self.clock, self._ids)
        health = Health(disable, self.subscriptions, self.deliveries)
        self._dispatcher = Dispatcher(self, policy, health, session, tell, workers, chance)
        try:
            self.subscriptions.check_key()
        except ValueError:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Close the file. It is fine to do so twice."""
        self.database.close()

    @functools.cached_property
    def blueprint(self):
        from .api import Api  # it loads Flask, which delivering does without

        return Api(self).blueprint()

    # --- Subscriptions --------------------------------------------------------------------------------------

    def add_owner(self, name):
        """Add somebody who may subscribe; return the id and the API key, which can be had this once only."""
        return self.subscriptions.add_owner(name)

    def subscribe(self, owner, /, **fields):
        """Make a subscription once its endpoint has proved that it wants it; return it and its secret.

        Args:
            owner: An id of `add_owner`.
            **fields: ``url`` and ``events``, and if need be ``version`` and ``verify_token``, which goes to the
                endpoint with the challenge.

        Raises:
            Refused: A field is wrong, or the endpoint has not proved it.
        """
        self._check(fields, ("url", "events", "version", "verify_token"), ("url", "events"))
        self._prove(fields["url"], fields.get("verify_token", ""))
        version = fields.get("version", [*self.render][-1])
        return self.subscriptions.add(owner, fields["url"], fields["events"], version)

    def change(self, subscription, /, **fields):
        """Change a `Subscription`; return it as it is then, or None if it was removed meanwhile.

        Args:
            subscription: As it is now.
            **fields: ``url`` (once the new endpoint has proved that it wants this), ``events``, ``version``,
                ``status`` (``"paused"`` or ``"active"``, which enables a disabled one as well), ``verify_token``.

        Raises:
            Refused: A field is wrong, or the endpoint has not proved it.
        """
        self._check(fields, ("url", "events", "version", "status", "verify_token"), ())
        token = fields.pop("verify_token", "")
        moves = fields.get("url", subscription.url) != subscription.url
        if moves:
            self._prove(fields["url"], token)
        if "status" in fields:
            fields["reason"] = ""
        if moves or "status" in fields:  # what the old endpoint did is not the new one's fault
            fields |= {"failing_since": None, "failures": 0, "warned": False}
        return self.subscriptions.change(subscription.id, **fields) if fields else subscription

    def _check(self, fields, allowed, required):
        check(fields, allowed, required, self.event_types, self.render)

    def _prove(self, url, token):
        """Have the endpoint prove that it wants this, unless a guard says of the URL itself that it is never called."""
        try:
            with self._session() as session:
                if guard := getattr(session, "guard", None):
                    guard.parse(url)
                if self._challenge is not None:
                    self._challenge.prove(url, session, self._random(16).hex(), token)
        except Blocked as error:
            raise Refused({"url": str(error)}) from None
        except ChallengeFailed as error:
            raise Refused({"url": f"The endpoint has not proved that it wants this. {error}"}) from None

    # --- Events and deliveries ------------------------------------------------------------------------------

    def publish(self, event):
        """Store an event and a delivery for each subscription that wants it, all of it or nothing; return its number.

        `run` delivers. Publishing the same id once more changes nothing.

        Raises:
            ValueError: Its type is not in the catalogue, its id cannot be signed, or it is nested too deep to be read.
            TypeError: JSON cannot hold it.
        """
        if event["event_type"] not in self.event_types:
            raise ValueError(f"{event['event_type']!r} is not in the catalogue: {', '.join(self.event_types)}.")
        check_id(event["id"])
        with self.database.transaction():
            number = self.deliveries.number_of(event["id"])
            if number is None:
                number = self.deliveries.add_event(event)
                for one in self.subscriptions.wanting(event["event_type"]):
                    self.deliveries.add(event["id"], one.id)
        return number

    def run(self, until=None):
        """Make the attempts that are due, sleeping on the clock in between, and tell the owners what they must know.

        With one worker they are made one after the other, in order of their time. With more, several endpoints are
        served at the same time, and none by two workers: so a slow one holds up one worker, and nobody behind it.

        Args:
            until: Stop at this time, in seconds since the epoch; run until nothing waits if left out.

        Raises:
            RuntimeError: It is running already.
        """
        self._dispatcher.run(until)

    def waiting(self):
        """Return what waits, a list of triples: the URL, when the delivery was created, and when it is due."""
        return self.deliveries.waiting()

    def test(self, subscription):
        """Send a test event to a `Subscription`, once and now, whatever its status; return its entry in the log.

        Raises:
            Conflict: It was removed meanwhile.
        """
        now = self.clock.now()
        data = {"message": "This is a test of your endpoint."}
        event = make_event(TEST_EVENT, data, id=self._ids("evt"), timestamp=now)
        delivery = Delivery(event["id"], subscription.url, encode(event), now, now)
        try:
            self._dispatcher.send(delivery, subscription, _ONCE)
        except LookupError as error:
            raise Conflict(str(error)) from None
        with self.database.transaction():
            if not self.subscriptions.find(subscription.id):
                raise Conflict("The subscription was removed meanwhile.")
            self.deliveries.add_event(event, test=True)
            id = self.deliveries.add(event["id"], subscription.id, delivery.state)
            self.deliveries.record(id, delivery)
            return self.deliveries.log(subscription.id, id=id)[0]

    def redeliver(self, subscription, id):
        """Put a delivery of a `Subscription` in line once more, one that has arrived as well.

        Returns:
            Its entry in the log, or None if the subscription has no such delivery.

        Raises:
            Conflict: It is waiting already, or was a test, or the subscription is not active.
        """
        with self.database.transaction():
            log = self.deliveries.log(subscription.id, id=id)
            if not log:
                return None
            self._must_be_active(subscription.id)
            if log[0]["state"] == "waiting":
                raise Conflict("This delivery is waiting already, and is tried by itself.")
            if log[0]["number"] is None:
                raise Conflict("This was a test: make another one instead.")
            self.deliveries.put_back(id)
            return self.deliveries.log(subscription.id, id=id)[0]

    def redeliver_since(self, subscription, since):
        """Put in line whatever a `Subscription` wants, has happened after number ``since``, and has not arrived there.

        Returns:
            How many deliveries were put in line; those that were waiting already are not among them.

        Raises:
            Conflict: The subscription is not active.
        """
        last, queued = self.deliveries.last_number(), 0
        while True:
            with self.database.transaction():
                subscription = self._must_be_active(subscription.id)
                missed = self.deliveries.missed(subscription.id, since, last, _AT_A_TIME)
                for row in missed:
                    since = row["number"]
                    if subscription.wants(row["event_type"]):
                        queued += 1
                        if row["delivery"]:
                            self.deliveries.put_back(row["delivery"])
                        else:  # it was not active when that happened
                            self.deliveries.add(row["event"], subscription.id)
            if len(missed) < _AT_A_TIME:
                return queued

    def _must_be_active(self, id):
        subscription = self.subscriptions.find(id)
        if not subscription or subscription.status != "active":
            raise Conflict("The subscription is not active: nothing is sent to it. Set its status to 'active' first.")
        return subscription


def _random_id(kind):
    return f"{kind}_{token_hex(16)}"
