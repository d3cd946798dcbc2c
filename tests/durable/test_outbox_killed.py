"""Who saves, who relays and who works is killed again and again: at least once on the way, exactly once in effect."""

import os
import random
import subprocess
import sys
import textwrap
import time
from collections import Counter

import pytest

from webhook_tutorial import Database, Inbox, Outbox, SystemClock

KILLS = 200 if os.environ.get("SOAK") else 20
SEED = int(os.environ.get("KILL_SEED") or random.randrange(10**6))

# Each role is a process. The receiver of what is relayed is a second file, which stands for the other end of the wire.
_ROLES = {
    "save": """
        for number in itertools.count():
            id = f"evt_{life}_{number}"
            with shop.transaction():
                shop.execute("INSERT INTO orders VALUES (?)", id)
                outbox.add(make_event("order_placed", {"id": id}, id=id), aggregate=f"order {number % 7}")
            print(id, flush=True)
            time.sleep(0.002)
    """,
    "relay": """
        def deliver(event):
            inbox.store(event["id"], encode(event), event["data"]["id"][-1])
        outbox.relay(deliver, again, lease=0.3, until=end)
    """,
    "work": """
        def charge(event):
            billing.execute("INSERT INTO charges VALUES (?)", event["data"]["id"])
        inbox.handle(charge, again, lease=0.3, until=end)
    """,
}
_BEGIN = """
    import itertools, sys, time
    from webhook_tutorial import Database, Inbox, Outbox, Policy, SystemClock, encode, make_event
    folder, life, end = sys.argv[1], sys.argv[2], float(sys.argv[3]) or None
    shop, billing = Database(folder + "/shop.db"), Database(folder + "/billing.db")
    clock, again = SystemClock(), Policy((0.01,) * 1000)
    outbox, inbox = Outbox(shop, clock), Inbox(billing, clock)
    print("ready", flush=True)
"""


def start(role, folder, life, end):
    code = textwrap.dedent(_BEGIN) + textwrap.dedent(_ROLES[role])
    command = [sys.executable, "-c", code, str(folder), str(life), str(end)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def end(process):
    """Kill it; return what it had printed whole."""
    process.kill()
    printed = [line.strip() for line in process.stdout if line.endswith("\n")]
    process.wait(20)
    process.stdout.close()
    return printed


@pytest.mark.kill
def test_killed_anywhere_no_event_is_without_its_order_and_each_effect_is_there_once(tmp_path):
    print(f"KILL_SEED={SEED}")
    chance, promised = random.Random(SEED), set()
    for name, table in (("shop", "orders"), ("billing", "charges")):
        database = Database(tmp_path / f"{name}.db")
        database.execute(f"CREATE TABLE {table} (id TEXT)")
        database.close()
    far = time.time() + 3600
    running = {role: start(role, tmp_path, 0, far) for role in _ROLES}
    try:
        for life in range(1, KILLS + 1):
            role = chance.choice([*_ROLES])
            time.sleep(chance.uniform(0, 0.2))
            promised.update(end(running[role]))
            running[role] = start(role, tmp_path, life, far)
            assert running[role].stdout.readline() == "ready\n"
    finally:
        for process in running.values():
            promised.update(end(process))
    for role in ("relay", "work"):  # a last one of each, until nothing waits
        process = start(role, tmp_path, "last", 0)
        process.communicate(timeout=120)
        assert process.returncode == 0
    shop, billing = Database(tmp_path / "shop.db"), Database(tmp_path / "billing.db")
    orders, charges = (
        Counter(row["id"] for row in database.execute(f"SELECT id FROM {table}"))
        for database, table in ((shop, "orders"), (billing, "charges"))
    )
    events = [row["id"] for row in shop.execute("SELECT id FROM outbox")]
    assert Outbox(shop, SystemClock()).count() == {"waiting": 0, "done": len(events), "set aside": 0}
    assert Inbox(billing, SystemClock()).count() == {"waiting": 0, "done": len(events), "set aside": 0}
    shop.close()
    billing.close()
    assert len(orders) > KILLS and promised - {"ready"} <= set(orders), "an order that was acknowledged is lost"
    assert sorted(events) == sorted(orders.elements()), "an event without its order, or an order without its event"
    assert charges == orders and set(orders.values()) == {1}
