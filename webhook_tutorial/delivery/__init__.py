"""Deliver events although attempts fail. A product could use this: of ours it imports the ground and signing."""

from .circuit import Circuit
from .egress import Adapter, make_session
from .policy import HOUR, MINUTE, STANDARD_WEBHOOKS_SCHEDULE, SVIX_SCHEDULE, Policy, exponential
from .sender import Attempt, Delivery, Sender

__all__ = [
    "HOUR", "MINUTE", "STANDARD_WEBHOOKS_SCHEDULE", "SVIX_SCHEDULE",
    "Adapter", "Attempt", "Circuit", "Delivery", "Policy", "Sender", "exponential", "make_session",
]  # fmt: skip
