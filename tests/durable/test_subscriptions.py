"""The store of subscriptions: owners, secrets at rest and in rotation, and what a killed process leaves."""

import json
import os
import random
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from stores import KEY, store

from webhook_tutorial import SimulatedClock, sign, verify
from webhook_tutorial.durable.vault import Vault, new_key


@pytest.fixture
def clock():
    return SimulatedClock()


@pytest.fixture
def subscriptions(tmp_path, clock):
    database, subscriptions = store(tmp_path / "shop.db", clock)
    yield subscriptions
    database.close()


@pytest.fixture
def ada(subscriptions):
    return subscriptions.add_owner("Ada")[0]


def test_an_owner_is_found_by_the_key_and_by_no_other(subscriptions):
    id, api_key = subscriptions.add_owner("Ada")
    assert subscriptions.owner_of(api_key) == id and api_key.startswith("key_")
    assert subscriptions.owner_of(api_key + "0") is None and subscriptions.owner_of("") is None


def test_a_subscription_is_its_owners_alone(subscriptions, ada):
    bela, _ = subscriptions.add_owner("Bela")
    one, _ = subscriptions.add(ada, "https://a.example/", ["order_*"], "1")
    assert subscriptions.find(one.id) == subscriptions.find(one.id, ada) == one
    assert subscriptions.find(one.id, bela) is None
    assert (subscriptions.of(ada), subscriptions.of(bela)) == ([one], [])


def test_only_active_ones_that_want_a_type_are_found_for_it(subscriptions, ada):
    orders, _ = subscriptions.add(ada, "https://a.example/", ["order_*"], "1")
    every, _ = subscriptions.add(ada, "https://b.example/", ["*"], "1")
    assert subscriptions.wanting("order_placed") == [orders, every]
    assert subscriptions.wanting("user_signup") == [every]
    subscriptions.change(every.id, status="paused")
    assert subscriptions.wanting("user_signup") == []


def test_neither_keys_nor_secrets_can_be_read_from_the_file(tmp_path, clock):
    database, subscriptions = store(tmp_path / "shop.db", clock)
    owner, api_key = subscriptions.add_owner("Ada")
    one, secret = subscriptions.add(owner, "https://a.example/", ["*"], "1")
    secrets = [secret, subscriptions.rotate(one.id)[0]]
    assert subscriptions.secrets(one.id) == secrets[::-1]
    data = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"https://a.example/" in data
    for text in (api_key, *secrets):
        assert text.encode() not in data and text.partition("_")[2].encode() not in data
    database.close()


def test_without_the_key_no_secret_is_given(tmp_path):
    database, subscriptions = store(tmp_path / "shop.db")
    one, secret = subscriptions.add(subscriptions.add_owner("Ada")[0], "https://a.example/", ["*"], "1")
    database.close()
    database, subscriptions = store(tmp_path / "shop.db", key=new_key())
    with pytest.raises(ValueError, match="not among those"):
        subscriptions.secrets(one.id)
    database.close()
    database, subscriptions = store(tmp_path / "shop.db", key=[new_key(), KEY])
    assert subscriptions.secrets(one.id) == [secret]
    database.close()


@pytest.mark.parametrize("key", ["", "secret", "A" * 43, b"\xff" * 44])
def test_a_key_that_is_none_is_refused(key):
    with pytest.raises(ValueError, match="32 bytes"):
        Vault(key)


def test_rotated_secrets_overlap_and_then_the_old_one_is_over(subscriptions, clock, ada):
    one, old = subscriptions.add(ada, "https://a.example/", ["*"], "1")
    new, until = subscriptions.rotate(one.id)
    assert until == clock.now() + 3600
    headers = sign(b"{}", subscriptions.secrets(one.id), id="evt_1", timestamp=clock.now())
    for secret in (old, new):
        verify(b"{}", headers, secret, clock=clock)
    clock.sleep(3599)
    assert subscriptions.secrets(one.id) == [new, old]
    clock.sleep(1)
    assert subscriptions.secrets(one.id) == [new]


def test_rotating_again_and_again_leaves_each_its_time_and_has_a_limit(subscriptions, clock, ada):
    one, first = subscriptions.add(ada, "https://a.example/", ["*"], "1")
    more = [subscriptions.rotate(one.id)[0] for _ in range(3)]
    assert subscriptions.secrets(one.id) == [*more[::-1], first]
    with pytest.raises(ValueError, match="wait until"):
        subscriptions.rotate(one.id)
    assert subscriptions.secrets(one.id) == [*more[::-1], first]
    clock.sleep(3600)
    latest, _ = subscriptions.rotate(one.id)
    assert subscriptions.secrets(one.id) == [latest, more[-1]]


def test_what_is_removed_takes_its_secrets_along(subscriptions, ada):
    one, _ = subscriptions.add(ada, "https://a.example/", ["*"], "1")
    subscriptions.remove(one.id)
    assert subscriptions.find(one.id) is None and subscriptions.secrets(one.id) == []
    assert subscriptions.change(one.id, status="paused") is None


# --- Killed at random moments -------------------------------------------------------------------------------

KILLS = 50 if os.environ.get("SOAK") else 10
SEED = int(os.environ.get("KILL_SEED") or random.randrange(10**6))

# It says what it is going to do, does it, and says what it was told then: that is acknowledged.
_WORK = """
    import json, random, sys
    from stores import store
    path, seed = sys.argv[1:]
    chance = random.Random(int(seed))
    ids = lambda kind: f"{kind}_{random.randrange(10**12)}"
    database, subscriptions = store(path, ids=ids, secrets=random.randbytes)
    def say(word, id):
        one = subscriptions.find(id) if id else None
        state = one and [one.status, one.reason, one.url, subscriptions.secrets(id)]
        print(json.dumps([word, id, state]), flush=True)
    owner, _ = subscriptions.add_owner("Ada")
    mine = []
    while True:
        id = chance.choice(mine) if mine else None
        change = chance.choice(["add", "rotate", "disable", "mend", "remove"]) if mine else "add"
        print(json.dumps(["begin", None if change == "add" else id, None]), flush=True)
        if change == "add":
            id = subscriptions.add(owner, f"https://{chance.random()}.example/", ["*"], "1")[0].id
            mine.append(id)
        elif change == "rotate":
            if len(subscriptions.secrets(id)) < 4:
                subscriptions.rotate(id)
        elif change == "disable":
            subscriptions.change(id, status="disabled", reason="It has failed for days.")
        elif change == "mend":
            subscriptions.change(id, status="active", reason="")
        else:
            subscriptions.remove(id)
            mine.remove(id)
        say("done", id)
"""


def work_until_killed(path, seconds, seed):
    """Run the work in a process, kill it after so many seconds of it, and return what it has said."""
    here = str(Path(__file__).parent)
    process = subprocess.Popen(
        [sys.executable, "-c", f"import sys\nsys.path.insert(0, {here!r})\n" + textwrap.dedent(_WORK), path, str(seed)],
        stdout=subprocess.PIPE,
    )
    try:
        first = process.stdout.readline()
        time.sleep(seconds)
    finally:
        process.kill()
        rest = process.stdout.read()
        process.wait(20)
        process.stdout.close()
    said = (first + rest).split(b"\n")[:-1]  # the last line may be half a one
    return [json.loads(line) for line in said]


@pytest.mark.kill
def test_killed_at_random_moments_every_acknowledged_change_is_there_and_none_half_done(tmp_path):
    print(f"KILL_SEED={SEED}")
    chance, path = random.Random(SEED), str(tmp_path / "shop.db")
    acknowledged, changes, struck = {}, 0, 0
    for life in range(KILLS):
        said = work_until_killed(path, chance.uniform(0, 0.15), SEED + life)
        under_way = None
        for word, id, state in said:
            under_way = (id,) if word == "begin" else None
            if word == "done":
                acknowledged[id] = state
                changes += 1
        struck += under_way is not None
        database, subscriptions = store(path)
        stored = {row["id"]: subscriptions.find(row["id"]) for row in database.execute("SELECT id FROM subscriptions")}
        found = {id: [one.status, one.reason, one.url, subscriptions.secrets(id)] for id, one in stored.items()}
        counts = dict(map(tuple, database.execute("SELECT subscription, count(*) FROM secrets GROUP BY 1")))
        database.close()
        assert set(counts) == set(found) and all(secrets for *_, secrets in found.values())
        for id, state in acknowledged.items():
            if under_way != (id,):
                assert found.get(id) == state
        new = set(found) - set(acknowledged)
        assert len(new) <= (under_way == (None,))
        acknowledged = dict(found)  # what was under way is settled now: done, or not
    assert changes > KILLS and struck > KILLS // 2, "the kills did not strike while it was at work"
