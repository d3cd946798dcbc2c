"""A store for the tests of `durable`: small, and the same each time."""

import itertools
import json
import shutil
import threading
from random import Random

import requests
from requests.adapters import BaseAdapter

from webhook_tutorial import SimulatedClock, make_event
from webhook_tutorial.delivery import make_session
from webhook_tutorial.durable.database import Database
from webhook_tutorial.durable.provider import Provider
from webhook_tutorial.durable.subscriptions import Subscriptions
from webhook_tutorial.durable.vault import Vault

KEY = "HBUX7fQvhHL3vd7fY2k9sYSSKXvM1y9sEHkCmWAeQbE="


def counting(start=1):
    """Ids that can be read: sub_1, sub_2, dlv_3."""
    numbers = itertools.count(start)
    return lambda kind: f"{kind}_{next(numbers)}"


def store(path, clock=None, ids=None, secrets=None, key=KEY, overlap=3600):
    database = Database(path)
    secrets = secrets or Random(1).randbytes
    return database, Subscriptions(database, Vault(key), clock or SimulatedClock(), ids or counting(), secrets, overlap)


def images(database, path, change):
    """Call ``change()``; return a copy of the file for each of its statements, as it was before that statement.

    A copy of the files while a statement is about to run is what SIGKILL would leave behind: nothing of SQLite's is
    written when it closes that was not written before.
    """
    found, real = [], database._db

    class Copying:
        def execute(self, *arguments):
            target = path.with_name(f"image {len(found)}.db")
            for end in ("", "-wal"):
                shutil.copy(f"{path}{end}", f"{target}{end}")
            found.append(target)
            return real.execute(*arguments)

        def __getattr__(self, name):
            return getattr(real, name)

    database._db = Copying()
    try:
        change()
    finally:
        database._db = real
    return found


#: What the tests' provider has to offer.
EVENT_TYPES = {
    "user_signup": {"user": "Ada"},
    "order_placed": {"number": 1, "item": "tea"},
    "order_shipped": {"number": 1},
}


class Network:
    """Endpoints without a network, to hand in as ``session=``: what is asked of them, and a script of answers.

    It gives back a challenge, and answers everything else with `status` of the URL: 204 unless told, a number, a
    function that gives it, a list of which each is used once, or an exception to raise.
    """

    def __init__(self):
        self.requests, self.status, self.lock = [], {}, threading.Lock()

    def session(self):
        session = make_session()
        for scheme in ("http://", "https://"):
            session.mount(scheme, _Adapter(self))
        return session

    def to(self, url):
        """What was delivered to a URL: the bodies of its requests, challenges left out."""
        bodies = [json.loads(request.body) for request in self.requests if request.url == url and request.body]
        return [body for body in bodies if "challenge" not in body]

    def ids(self, url):
        return [body["id"] for body in self.to(url)]


class _Adapter(BaseAdapter):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def send(self, request, **_):
        network = self.network
        with network.lock:
            network.requests.append(request)
            status = network.status.get(request.url, 204)
            if isinstance(status, list):
                status = status.pop(0) if status else 204
        if callable(status):
            status = status()
        if isinstance(status, BaseException):
            raise status
        response = requests.Response()
        response.request, response.url, response.status_code, response._content = request, request.url, status, b""
        body = json.loads(request.body) if request.body else {}
        if "challenge" in body and status == 204:
            response.status_code, response._content = 200, body["challenge"].encode()
        return response

    def close(self):
        pass


def provider(path, network=None, **options):
    options = {"ids": counting(), "secrets": Random(1).randbytes, "key": KEY, "event_types": EVENT_TYPES} | options
    return Provider(path, session=(network or Network()).session, **options)


def order(number, provider=None):
    """The event of an order, with ids that can be read."""
    now = provider.clock.now() if provider else 0
    return make_event("order_placed", {"number": number, "item": "tea"}, id=f"evt_{number}", timestamp=now)
