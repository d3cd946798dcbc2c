"""The bodies of the samples, as data: a few fields of what each provider documents, and the headers that it sends.

In a text, ``{now}`` stands for the time in twelve digits, which makes an id new in every second, and ``{iso}`` for the
time in RFC 3339; ``{seconds}`` is the time in seconds since the epoch, and a number where it is all of a value. A text
that is all ``{number}`` is the last nine of those digits, as a number.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Sample:
    """An event as a provider sends it.

    Attributes:
        body: What becomes JSON.
        headers: What it sends besides the signature and the Content-Type.
        source: Where the provider describes both.
        indent: How far its JSON is indented; None for one line.
    """

    body: dict
    headers: dict = field(default_factory=dict)
    source: str
    indent: int | None = None

    @property
    def separators(self):
        """What stands between the parts of its JSON, as `json.dumps` takes it."""
        return (",", ":") if self.indent is None else (",", ": ")


#: The three events of the lessons with what they are about: for every dialect, and all that some have.
OURS = {
    "user_signup": {"user": "Ada"},
    "order_placed": {"number": 7, "amount": 4990},
    "payment_received": {"number": 7, "amount": 4990},
}

_REPOSITORY = {
    "id": 1296269,
    "name": "Hello-World",
    "full_name": "octocat/Hello-World",
    "private": False,
    "owner": {"login": "octocat", "id": 1, "type": "User"},
    "html_url": "https://github.com/octocat/Hello-World",
    "default_branch": "main",
}
_SENDER = {"login": "octocat", "id": 1, "type": "User"}


def _github(event, body):
    return Sample(
        body=body,
        headers={
            "User-Agent": "GitHub-Hookshot/044aadd",
            "X-GitHub-Hook-ID": "292430182",
            "X-GitHub-Event": event,
            "X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-{now}",
            "X-GitHub-Hook-Installation-Target-Type": "repository",
            "X-GitHub-Hook-Installation-Target-ID": "1296269",
        },
        source=f"https://docs.github.com/en/webhooks/webhook-events-and-payloads#{event}",
    )


GITHUB = {
    "ping": _github(
        "ping",
        {
            "zen": "Keep it logically awesome.",
            "hook_id": 292430182,
            "hook": {
                "type": "Repository",
                "id": 292430182,
                "name": "web",
                "active": True,
                "events": ["push"],
                "config": {"content_type": "json", "insecure_ssl": "0", "url": "https://example.com/webhook"},
                "created_at": "{iso}",
                "updated_at": "{iso}",
            },
            "repository": _REPOSITORY,
            "sender": _SENDER,
        },
    ),
    "push": _github(
        "push",
        {
            "ref": "refs/heads/main",
            "before": "6113728f27ae82c7b1a177c8d03f9e96e0adf246",
            "after": "0d1a26e67d8f5eaf1f6ba5c57fc3c7d91ac0fd1c",
            "created": False,
            "deleted": False,
            "forced": False,
            "base_ref": None,
            "compare": "https://github.com/octocat/Hello-World/compare/6113728f27ae...0d1a26e67d8f",
            "commits": [
                {
                    "id": "0d1a26e67d8f5eaf1f6ba5c57fc3c7d91ac0fd1c",
                    "message": "Say hello to Zoë & <everyone>",
                    "timestamp": "{iso}",
                    "author": {"name": "Octocat", "email": "octocat@example.com", "username": "octocat"},
                    "added": [],
                    "removed": [],
                    "modified": ["README.md"],
                }
            ],
            "repository": _REPOSITORY,
            "pusher": {"name": "octocat", "email": "octocat@example.com"},
            "sender": _SENDER,
        },
    ),
}


def _stripe(type, object):
    # Its JSON is indented. Whoever parses it and writes it again in one line has lost what was signed.
    return Sample(
        body={
            "id": "evt_sample{now}",
            "object": "event",
            "api_version": "2025-03-31.basil",
            "created": "{seconds}",
            "data": {"object": object},
            "livemode": False,
            "pending_webhooks": 1,
            "request": {"id": None, "idempotency_key": None},
            "type": type,
        },
        source="https://docs.stripe.com/api/events/object",
        indent=2,
    )


STRIPE = {
    "payment_intent.succeeded": _stripe(
        "payment_intent.succeeded",
        {
            "id": "pi_sample{now}",
            "object": "payment_intent",
            "amount": 4990,
            "amount_received": 4990,
            "created": "{seconds}",
            "currency": "eur",
            "customer": None,
            "livemode": False,
            "metadata": {"order": "7"},
            "payment_method_types": ["card"],
            "status": "succeeded",
        },
    ),
    "checkout.session.completed": _stripe(
        "checkout.session.completed",
        {
            "id": "cs_test_sample{now}",
            "object": "checkout.session",
            "amount_total": 4990,
            "client_reference_id": "7",
            "created": "{seconds}",
            "currency": "eur",
            "customer_details": {"email": "ada@example.com", "name": "Ada"},
            "livemode": False,
            "metadata": {"order": "7"},
            "mode": "payment",
            "payment_intent": "pi_sample{now}",
            "payment_status": "paid",
            "status": "complete",
        },
    ),
}

SLACK = {
    "url_verification": Sample(
        body={"token": "a-deprecated-token", "challenge": "challenge-{now}", "type": "url_verification"},
        source="https://docs.slack.dev/reference/events/url_verification",
    ),
    "event_callback": Sample(
        body={
            "token": "a-deprecated-token",
            "team_id": "T123ABC456",
            "api_app_id": "A123ABC456",
            "event": {
                "type": "app_mention",
                "user": "U123ABC456",
                "text": "Is order 7 on its way, <@U0LAN0Z89>?",
                "ts": "{seconds}.000016",
                "channel": "C123ABC456",
                "event_ts": "{seconds}.000016",
            },
            "type": "event_callback",
            "event_id": "Ev{now}",
            "event_time": "{seconds}",
            "authorizations": [
                {"enterprise_id": None, "team_id": "T123ABC456", "user_id": "U0LAN0Z89", "is_bot": True}
            ],
            "is_ext_shared_channel": False,
        },
        source="https://docs.slack.dev/apis/events-api",
    ),
}

SHOPIFY = {
    "orders/create": Sample(
        body={
            "id": 820982911946154508,
            "admin_graphql_api_id": "gid://shopify/Order/820982911946154508",
            "created_at": "{iso}",
            "currency": "EUR",
            "customer": {"id": 115310627314723954, "first_name": "Ada", "email": "ada@example.com"},
            "email": "ada@example.com",
            "financial_status": "paid",
            "line_items": [{"id": 866550311766439020, "title": "A mug", "quantity": 1, "price": "49.90"}],
            "name": "#1007",
            "order_number": 1007,
            "test": True,
            "total_price": "49.90",
            "updated_at": "{iso}",
        },
        headers={
            "X-Shopify-Topic": "orders/create",
            "X-Shopify-Shop-Domain": "example.myshopify.com",
            "X-Shopify-API-Version": "2026-01",
            "X-Shopify-Webhook-Id": "b54557e4-bdd9-4b37-8a5f-{now}",
            "X-Shopify-Event-Id": "98880550-7158-44d4-b7cd-{now}",
            "X-Shopify-Triggered-At": "{iso}",
        },
        source="https://shopify.dev/docs/apps/build/webhooks#headers",
    ),
}

DISCORD = {
    "ping": Sample(
        body={"version": 1, "application_id": "1234560123453231555", "type": 0},
        source="https://docs.discord.com/developers/events/webhook-events#webhook-types",
    ),
}

#: The providers' own events, by the name of the provider and then of the event.
BY_PROVIDER = {"github": GITHUB, "stripe": STRIPE, "slack": SLACK, "shopify": SHOPIFY, "discord": DISCORD}
