"""Measure what verifying a delivery costs, beside the bare HMAC and beside the libraries that many use.

    python benchmarks/signing.py

A function in BENCHMARKS yields rows as in run.py: what was measured, the figure, and what to hold it against.
In every round each contestant has its turn, in an order that changes, so that what else the machine does hits
all alike. A ratio is the median of the rounds' own ratios.
"""

import base64
import hmac
import random
import sys
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from webhook_tutorial import sign, verify  # noqa: E402
from webhook_tutorial.signing import STANDARD_WEBHOOKS_ED25519  # noqa: E402

ROUNDS = 200
CALLS = {"ed25519": 5}  # in one turn, where a call is slow
MANY = 100


def verifying():
    """verify() of a body of 1 kB against bare hmac.digest, standardwebhooks, svix, and ed25519."""
    # They are needed by the tests and by this only.
    import standardwebhooks
    import svix.webhooks
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key, seed, body = bytes(range(32)), bytes(range(32)), b'{"text":"' + b"x" * 1013 + b'"}'
    secret = "whsec_" + base64.b64encode(key).decode()
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    headers = sign(body, secret, id="msg_1")
    id, stamp, signature = headers["webhook-id"], headers["webhook-timestamp"], headers["webhook-signature"]
    message = f"{id}.{stamp}.".encode() + body
    private_text = "whsk_" + base64.b64encode(seed).decode()
    public_text = "whpk_" + base64.b64encode(public).decode()
    by_ed25519 = sign(body, private_text, STANDARD_WEBHOOKS_ED25519, id="msg_1")
    theirs, svixs = standardwebhooks.Webhook(secret), svix.webhooks.Webhook(secret)

    def by_hand():
        signed = f"{id}.{stamp}.".encode() + body
        expected = "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
        assert hmac.compare_digest(expected, signature)

    contestants = {
        "bare": lambda: hmac.digest(key, message, "sha256"),
        "by hand": by_hand,
        "ours": lambda: verify(body, headers, secret),
        "standardwebhooks": lambda: theirs.verify(body, headers, json_parse=False),
        "svix": lambda: svixs.verify(body, headers),
        "ed25519": lambda: verify(body, by_ed25519, public_text, STANDARD_WEBHOOKS_ED25519),
    }
    rounds = in_turns(contestants)

    def figure(name):
        return f"{median(r[name] for r in rounds) * 1e6:.1f} us"

    def ratio(name, other):
        return median(r[name] / r[other] for r in rounds)

    def of_bare(name):
        return f"{ratio(name, 'bare'):.2f} x bare"

    yield "hmac.digest of 1 kB, bare", figure("bare"), ""
    yield "the same, put together and compared", figure("by hand"), of_bare("by hand")
    yield "verify()", figure("ours"), f"{of_bare('ours')}, {against(ratio('ours', 'bare'), 3)}"
    yield "standardwebhooks, no JSON parsing", figure("standardwebhooks"), of_bare("standardwebhooks")
    part = ratio("ours", "standardwebhooks")
    yield "verify() against it", "", f"{part:.2f} x standardwebhooks, {against(part, 0.8)}"
    yield "svix", figure("svix"), f"{of_bare('svix')}; verify() {ratio('ours', 'svix'):.2f} x svix"
    yield "verify(), ed25519", figure("ed25519"), of_bare("ed25519")


BENCHMARKS = (verifying,)


# --- Helpers ------------------------------------------------------------------------------------------------


def in_turns(contestants):
    """Seconds per call of each contestant, for every round: a list of dictionaries."""
    order, rounds, chance = list(contestants), [], random.Random(0)
    for n in range(ROUNDS + 5):
        chance.shuffle(order)
        seconds = {name: per_call(contestants[name], CALLS.get(name, MANY)) for name in order}
        if n >= 5:  # the first few warm up
            rounds.append(seconds)
    return rounds


def per_call(function, calls):
    begun = time.perf_counter()
    for _ in range(calls):
        function()
    return (time.perf_counter() - begun) / calls


def against(ratio, target):
    return f"target <= {target}: {'met' if ratio <= target else 'MISSED'}"


if __name__ == "__main__":
    for benchmark in BENCHMARKS:
        for what, figure, compared in benchmark():
            print(f"  {what:<38} {figure:>10}   {compared}".rstrip(), flush=True)
