"""Sign and verify deliveries. A product could use this: it imports the ground and nothing else of ours."""

from .checks import CHECKS, Check, Received
from .dialect import Dialect
from .dialects import (
    DIALECTS,
    DISCORD,
    DOCUSIGN,
    GITHUB,
    HUBSPOT,
    HUBSPOT_V2,
    LINEAR,
    MAILGUN,
    MORE_DIALECTS,
    SHOPIFY,
    SLACK,
    SQUARE,
    STANDARD_WEBHOOKS,
    STANDARD_WEBHOOKS_ED25519,
    STRIPE,
    SVIX,
    TWILIO,
    TWITCH,
    TYPEFORM,
    ZENDESK,
    ZOOM,
)
from .places import SignatureError
from .signature import check_id, sign, verify

__all__ = [
    "CHECKS", "DIALECTS", "DISCORD", "DOCUSIGN", "GITHUB", "HUBSPOT", "HUBSPOT_V2", "LINEAR", "MAILGUN",
    "MORE_DIALECTS", "SHOPIFY", "SLACK", "SQUARE", "STANDARD_WEBHOOKS", "STANDARD_WEBHOOKS_ED25519", "STRIPE", "SVIX",
    "TWILIO", "TWITCH", "TYPEFORM", "ZENDESK", "ZOOM", "Check", "Dialect", "Received", "SignatureError", "check_id",
    "sign", "verify",
]  # fmt: skip
