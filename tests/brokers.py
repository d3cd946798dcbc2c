"""Brokers for the tests: each transport, and RabbitMQ where one answers."""

import os
from secrets import token_hex

import pytest

from webhook_tutorial import Broker, BrokerError

#: Where the tests look for RabbitMQ, or "none". In CI they fail if it is not there; elsewhere they are skipped.
RABBITMQ = os.environ.get("WEBHOOK_TUTORIAL_TEST_BROKER") or "amqp://guest:guest@127.0.0.1:5672//"


def need_rabbitmq():
    """The URL of RabbitMQ; without one, the test fails in CI and is skipped elsewhere."""
    if RABBITMQ == "none":
        pytest.skip("told to do without RabbitMQ")
    try:
        Broker({}, url=RABBITMQ).close()
    except BrokerError as error:
        reason = f"no RabbitMQ to test with: {error}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return RABBITMQ


def where(transport, folder):
    """What a `Broker` on a transport is made with, apart from its queues: a name that nobody else has, and a place."""
    name = f"test-{token_hex(6)}"
    if transport == "rabbitmq":
        return {"name": name, "url": need_rabbitmq()}
    return {"name": name, "url": f"sqla+sqlite:///{folder / 'queues.db'}" if transport == "file" else "memory://"}
