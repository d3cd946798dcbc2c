"""A store for the tests of `durable`: small, and the same each time."""

import itertools
from random import Random

from webhook_tutorial import SimulatedClock
from webhook_tutorial.durable.database import Database
from webhook_tutorial.durable.subscriptions import Subscriptions
from webhook_tutorial.durable.vault import Vault

KEY = "HBUX7fQvhHL3vd7fY2k9sYSSKXvM1y9sEHkCmWAeQbE="


def counting():
    """Ids that can be read: sub_1, sub_2, dlv_3."""
    numbers = itertools.count(1)
    return lambda kind: f"{kind}_{next(numbers)}"


def store(path, clock=None, ids=None, secrets=None, key=KEY, overlap=3600):
    database = Database(path)
    secrets = secrets or Random(1).randbytes
    return database, Subscriptions(database, Vault(key), clock or SimulatedClock(), ids or counting(), secrets, overlap)
