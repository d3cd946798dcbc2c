"""`listen` and `send` with another language's libraries at the other end: what Node signs verifies, and the reverse.

Node and npm are needed, and once the npm registry. Without them the tests fail in CI and are skipped elsewhere.
"""

import json
import subprocess

import pytest
from npm import install
from support import until
from tools import SECRETS, WHSEC, run

#: Exact versions, so that these tests change only when this line does: the newest that run in Node 18.
PACKAGES = "svix@1.99.1 stripe@18.5.0 @octokit/webhooks-methods@5.1.1"

pytestmark = pytest.mark.node

#: Signs a body and sends it: node send.mjs KIND URL SECRET
SEND = """
const [kind, url, secret, body] = process.argv.slice(2);
const headers = {"Content-Type": "application/json"};
if (kind === "svix") {
  const { Webhook } = await import("svix");
  const now = new Date();
  headers["svix-id"] = "msg_1";
  headers["svix-timestamp"] = String(Math.floor(now.getTime() / 1000));
  headers["svix-signature"] = new Webhook(secret).sign("msg_1", now, body);
} else if (kind === "stripe") {
  const { default: Stripe } = await import("stripe");
  headers["Stripe-Signature"] = Stripe.webhooks.generateTestHeaderString({ payload: body, secret });
} else {
  const { sign } = await import("@octokit/webhooks-methods");
  headers["X-Hub-Signature-256"] = await sign(secret, body);
}
const answer = await fetch(url, { method: "POST", headers, body });
console.log(answer.status);
"""

#: Receives and verifies: node receive.mjs KIND SECRET. It answers 204, or 401 where the library refuses.
RECEIVE = """
import { createServer } from "node:http";
const [kind, secret] = process.argv.slice(2);
async function verify(body, headers) {
  if (kind === "svix" || kind === "standard-webhooks") {
    const { Webhook } = await import("svix");
    new Webhook(secret).verify(body, headers);
  } else if (kind === "stripe") {
    const { default: Stripe } = await import("stripe");
    Stripe.webhooks.constructEvent(body, headers["stripe-signature"], secret);
  } else {
    const { verify } = await import("@octokit/webhooks-methods");
    if (!await verify(secret, body.toString(), headers["x-hub-signature-256"])) throw new Error("no match");
  }
}
const server = createServer((request, response) => {
  const pieces = [];
  request.on("data", (piece) => pieces.push(piece));
  request.on("end", () => verify(Buffer.concat(pieces), request.headers)
    .then(() => response.writeHead(204).end(), () => response.writeHead(401).end()));
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
"""

KINDS = {
    "svix": ("STRIPE_SECRET", WHSEC),
    "stripe": ("STRIPE_SECRET", WHSEC),
    "github": ("GITHUB_SECRET", SECRETS["GITHUB_SECRET"]),
}


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    """The path of node and a folder in which it finds the packages and the two programs."""
    program, folder = install(tmp_path_factory.mktemp("node"), PACKAGES)
    (folder / "send.mjs").write_text(SEND, encoding="utf-8")
    (folder / "receive.mjs").write_text(RECEIVE, encoding="utf-8")
    return program, folder


@pytest.fixture
def receiver(node):
    """Start Node's receiver, and return its URL; it ends with the test."""
    started = []

    def start(kind, secret):
        program, folder = node
        with open(folder / "out", "wb") as out:
            process = subprocess.Popen([program, folder / "receive.mjs", kind, secret], stdout=out)
        started.append(process)
        until(lambda: b"\n" in (folder / "out").read_bytes() or process.poll() is not None, seconds=30)
        return f"http://127.0.0.1:{int((folder / 'out').read_bytes())}/hook"

    yield start
    for process in started:
        process.kill()
        process.wait()


def send_from(node, kind, url, secret, body='{"type": "order.placed", "name": "Zoë & <Ada>"}'):
    program, folder = node
    done = subprocess.run(
        [program, folder / "send.mjs", kind, url, secret, body], capture_output=True, text=True, encoding="utf-8",
        timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return int(done.stdout)


@pytest.mark.parametrize("kind", KINDS)
def test_what_node_signs_verifies_in_listen(node, listening, kind):
    variable, secret = KINDS[kind]
    other = WHSEC[:-4] + "AAAA" if kind == "svix" else "another"
    listen = listening("--dialect", kind, "--secret-env", variable, "--count", "2", "--json")
    assert send_from(node, kind, listen.url, secret) == 204
    assert send_from(node, kind, listen.url, other) == 401
    assert listen.process.wait(60) == 1
    first, second = listen.objects()[1:]
    assert (first["verified"], second["verified"]) == (True, False)
    assert json.loads(first["body"])["name"] == "Zoë & <Ada>"


@pytest.mark.parametrize(
    ("kind", "event"),
    [
        ("svix", "order_placed"),
        ("standard-webhooks", "order_placed"),
        ("stripe", "payment_intent.succeeded"),
        ("stripe", "checkout.session.completed"),
        ("github", "push"),
        ("github", "ping"),
    ],
)
def test_what_send_signs_verifies_in_node(receiver, kind, event):
    variable, secret = KINDS.get(kind, KINDS["svix"])
    url = receiver(kind, secret)
    arguments = ["send", url, "--dialect", kind, "--event", event, "--times", 2]
    sent = run(*arguments, "--secret-env", variable)
    assert sent.exit_code == 0 and sent.output.count("✓ 204") == 2
    other = "OTHER_SECRET" if kind == "github" else "OTHER_WHSEC"
    refused = run(*arguments, "--secret-env", other)
    assert refused.exit_code == 1 and refused.output.count("✗ 401") == 2
