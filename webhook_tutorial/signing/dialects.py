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

# The others sign more, or less, or in another place. What each of them leaves open is said beside it.

# For a URL that a Webhooks Rule matches Twilio signs by HMAC-SHA256 with another secret:
# replace(TWILIO, method="hmac-sha256").
# Nothing stands between the URL and the fields, nor between a name and its value. Whoever has seen a delivery can move
# those borders (a=1&b=2 and a1b=2 are signed alike), move the form into the URL, and change the order of fields with
# one name, or how often a field stands there. Where a stranger wrote a field (the text of an SMS), a piece of it can so
# become bodySHA256 in the URL, and then vouches for any body. So take the URL from your settings, never from the
# request, and refuse a field that you do not know or that stands twice.
TWILIO = Dialect(
    name="Twilio",
    signature="X-Twilio-Signature",
    signed="{url}{form}",
    body_hash="bodySHA256",
    method="hmac-sha1",
    encoding="base64",
    unsigned=("I-Twilio-Idempotency-Token", "every other header", "where a field, or its name, ends"),
    source="https://www.twilio.com/docs/usage/webhooks/webhooks-security",
)

# Nothing stands between the URL and the body: the end of the URL can be moved into the body, or the other way round,
# unless you take the URL from your settings. No time is signed: remember the event's id.
SQUARE = Dialect(
    name="Square",
    signature="x-square-hmacsha256-signature",
    signed="{url}{body}",
    encoding="base64",
    unsigned=("every other header", "where the URL ends and the body begins"),
    source="https://developer.squareup.com/docs/webhooks/step3validate",
)

# HubSpot decodes some of what is percent-encoded in the URL before it signs (its page lists %3A, %2F and others):
# hand over the URL decoded so. It names a limit to one side only. Nothing stands between the body, or the URL where
# there is no body, and the time: digits at its end could be moved into the time, which would then lie ahead.
HUBSPOT = Dialect(
    name="HubSpot",
    signature="X-HubSpot-Signature-v3",
    timestamp="X-HubSpot-Request-Timestamp",
    time_format="milliseconds",
    signed="{method}{url}{body}{timestamp}",
    encoding="base64",
    max_age=300,
    max_ahead=300,
    unsigned=("every other header",),
    source="https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation",
)

# A plain hash: whoever has seen one can add to the end of the body (Dialect.method). Take HUBSPOT where you can.
HUBSPOT_V2 = Dialect(
    name="HubSpot, v2",
    signature="X-HubSpot-Signature",
    signed="{secret}{method}{url}{body}",
    method="sha256",
    encoding="hex",
    unsigned=("X-HubSpot-Signature-Version", "every other header"),
    source="https://developers.hubspot.com/docs/faq/v2-request-validation",
)

# The id is Mailgun's token: remember it for as long as the time is young enough. Mailgun says that the time must be
# near, and not how near. It tries again for eight hours; a day is long enough for that, and short enough to notice
# when digits are moved from the token into the time, or back, since nothing stands between them.
MAILGUN = Dialect(
    name="Mailgun",
    signature="json:signature.signature",
    id="json:signature.token",
    timestamp="json:signature.timestamp",
    signed="{timestamp}{id}",
    body_unsigned=True,
    encoding="hex",
    max_age=86_400,
    max_ahead=300,
    unsigned=("the rest of the body", "every header"),
    source="https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks",
)

DOCUSIGN = Dialect(
    name="DocuSign",
    signature="X-DocuSign-Signature-{n}",
    signed="{body}",
    encoding="base64",
    unsigned=("every other header",),
    source="https://developers.docusign.com/platform/webhooks/connect/validate",
)

TWITCH = Dialect(
    name="Twitch",
    signature="Twitch-Eventsub-Message-Signature",
    prefix="sha256=",
    id="Twitch-Eventsub-Message-Id",
    timestamp="Twitch-Eventsub-Message-Timestamp",
    time_format="rfc3339",
    signed="{id}{timestamp}{body}",
    encoding="hex",
    max_age=600,
    unsigned=("Twitch-Eventsub-Message-Type", "Twitch-Eventsub-Subscription-Type", "every other header"),
    source="https://dev.twitch.tv/docs/eventsub/handling-webhook-events",
)

ZOOM = Dialect(
    name="Zoom",
    signature="x-zm-signature",
    prefix="v0=",
    timestamp="x-zm-request-timestamp",
    signed="v0:{timestamp}:{body}",
    encoding="hex",
    unsigned=("every other header",),
    source="https://developers.zoom.us/docs/api/webhooks",
)

# The time in the header Linear-Timestamp is not signed; the one in the body is, with the body.
LINEAR = Dialect(
    name="Linear",
    signature="Linear-Signature",
    timestamp="json:webhookTimestamp",
    time_format="milliseconds",
    signed="{body}",
    encoding="hex",
    max_age=60,
    max_ahead=60,
    unsigned=("Linear-Delivery", "Linear-Event", "Linear-Timestamp", "every other header"),
    source="https://linear.app/developers/webhooks",
)

ZENDESK = Dialect(
    name="Zendesk",
    signature="X-Zendesk-Webhook-Signature",
    timestamp="X-Zendesk-Webhook-Signature-Timestamp",
    time_format="rfc3339",
    signed="{timestamp}{body}",
    encoding="base64",
    unsigned=("every other header",),
    source="https://developer.zendesk.com/documentation/webhooks/verifying/",
)

TYPEFORM = Dialect(
    name="Typeform",
    signature="Typeform-Signature",
    prefix="sha256=",
    signed="{body}",
    encoding="base64",
    unsigned=("every other header",),
    source="https://www.typeform.com/developers/webhooks/secure-your-webhooks/",
)

MORE_DIALECTS = (
    TWILIO, SQUARE, HUBSPOT, HUBSPOT_V2, MAILGUN, DOCUSIGN, TWITCH, ZOOM, LINEAR, ZENDESK, TYPEFORM,
)  # fmt: skip
