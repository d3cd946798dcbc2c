"""Sign and verify deliveries. A product could use this: it imports the ground and nothing else of ours."""

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
from .signature import SignatureError, sign, verify

__all__ = [
    "DIALECTS", "DISCORD", "GITHUB", "SHOPIFY", "SLACK", "STANDARD_WEBHOOKS", "STANDARD_WEBHOOKS_ED25519", "STRIPE",
    "SVIX", "Dialect", "SignatureError", "sign", "verify",
]  # fmt: skip
