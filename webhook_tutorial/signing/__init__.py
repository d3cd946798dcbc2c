"""Sign and verify deliveries. A product could use this: it imports the ground and nothing else of ours."""

from .checks import CHECKS, Check, Received, SignatureError
from .dialect import Dialect
from .dialects import (
    DIALECTS,
    DISCORD,
    GITHUB,
    SHOPIFY,
    SLACK,
    STANDARD_WEBHOOKS,
    STANDARD_WEBHOOKS_ED25519,
    STRIPE,
    SVIX,
)
from .signature import check_id, sign, verify

__all__ = [
    "CHECKS", "DIALECTS", "DISCORD", "GITHUB", "SHOPIFY", "SLACK", "STANDARD_WEBHOOKS", "STANDARD_WEBHOOKS_ED25519",
    "STRIPE", "SVIX", "Check", "Dialect", "Received", "SignatureError", "check_id", "sign", "verify",
]  # fmt: skip
