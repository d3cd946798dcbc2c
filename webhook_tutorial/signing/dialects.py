"""The dialects of providers: data, each with its source."""

from dataclasses import replace

from .dialect import Dialect

STANDARD_WEBHOOKS = Dialect(
    name="Standard Webhooks",
    signature="webhook-signature",
    prefix="v1,",
    separator=" ",
    id="webhook-id",
    timestamp="webhook-timestamp",
    signed="{id}.{timestamp}.{body}",
    encoding="base64",
    key="base64",
    key_prefix="whsec_",
    max_age=300,
    max_ahead=300,
    unsigned=("every other header",),
    source="https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md",
)

STANDARD_WEBHOOKS_ED25519 = replace(
    STANDARD_WEBHOOKS,
    name="Standard Webhooks, ed25519",
    prefix="v1a,",
    method="ed25519",
    key_prefix="whpk_",
    private_prefix="whsk_",
)

# Svix delivers for many providers. Some of its customers have the names changed to webhook-id, webhook-timestamp
# and webhook-signature: those deliveries are Standard Webhooks.
SVIX = replace(
    STANDARD_WEBHOOKS,
    name="Svix",
    signature="svix-signature",
    id="svix-id",
    timestamp="svix-timestamp",
    source="https://docs.svix.com/receiving/verifying-payloads/how-manual",
)

GITHUB = Dialect(
    name="GitHub",
    signature="X-Hub-Signature-256",
    prefix="sha256=",
    signed="{body}",
    encoding="hex",
    unsigned=("X-GitHub-Delivery", "X-GitHub-Event", "every other header"),
    source="https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries",
)

STRIPE = Dialect(
    name="Stripe",
    signature="Stripe-Signature",
    prefix="v1=",
    separator=",",
    timestamp="t=",
    signed="{timestamp}.{body}",
    encoding="hex",
    max_age=300,
    unsigned=("every other header",),
    source="https://docs.stripe.com/webhooks#verify-manually",
)

SLACK = Dialect(
    name="Slack",
    signature="X-Slack-Signature",
    prefix="v0=",
    timestamp="X-Slack-Request-Timestamp",
    signed="v0:{timestamp}:{body}",
    encoding="hex",
    max_age=300,
    max_ahead=300,
    unsigned=("X-Slack-Retry-Num", "every other header"),
    source="https://docs.slack.dev/authentication/verifying-requests-from-slack",
)

SHOPIFY = Dialect(
    name="Shopify",
    signature="X-Shopify-Hmac-Sha256",
    signed="{body}",
    encoding="base64",
    unsigned=("X-Shopify-Topic", "X-Shopify-Webhook-Id", "X-Shopify-Triggered-At", "every other header"),
    source="https://shopify.dev/docs/apps/build/webhooks/verify-deliveries",
)

DISCORD = Dialect(
    name="Discord",
    signature="X-Signature-Ed25519",
    timestamp="X-Signature-Timestamp",
    signed="{timestamp}{body}",
    method="ed25519",
    encoding="hex",
    key="hex",
    unsigned=("every other header",),
    source="https://docs.discord.com/developers/interactions/overview",
)

DIALECTS = (STANDARD_WEBHOOKS, STANDARD_WEBHOOKS_ED25519, SVIX, GITHUB, STRIPE, SLACK, SHOPIFY, DISCORD)
