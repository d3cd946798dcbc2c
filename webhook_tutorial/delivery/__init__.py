"""Deliver events although attempts fail. A product could use this: of ours it imports the ground and signing."""

from ..answers import Blocked
from .addresses import why_not_public
from .attempts import Attempt, Delivery
from .circuit import Circuit
from .egress import Adapter, make_session
from .guard import Guard, Target, guarded_session
from .policy import HOUR, MINUTE, STANDARD_WEBHOOKS_SCHEDULE, SVIX_SCHEDULE, Policy, exponential
from .sender import Sender

__all__ = [
    "HOUR", "MINUTE", "STANDARD_WEBHOOKS_SCHEDULE", "SVIX_SCHEDULE",
    "Adapter", "Attempt", "Blocked", "Circuit", "Delivery", "Guard", "Policy", "Sender", "Target", "exponential",
    "guarded_session", "make_session", "why_not_public",
]  # fmt: skip
