"""Deliver events although attempts fail. A product could use this: of ours it imports the ground and signing."""

from .circuit import Circuit
from .policy import HOUR, MINUTE, STANDARD_WEBHOOKS_SCHEDULE, SVIX_SCHEDULE, Policy, exponential
from .sender import FINAL, GONE, LONGEST_RETRY_AFTER, Attempt, Delivery, Sender, retry_after, verdict

__all__ = [
    "FINAL", "GONE", "HOUR", "LONGEST_RETRY_AFTER", "MINUTE", "STANDARD_WEBHOOKS_SCHEDULE", "SVIX_SCHEDULE",
    "Attempt", "Circuit", "Delivery", "Policy", "Sender", "exponential", "retry_after", "verdict",
]  # fmt: skip
