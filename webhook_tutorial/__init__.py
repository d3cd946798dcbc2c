"""The helpers behind the lessons: both ends of a webhook in one kernel.

The names below are the whole public surface. Pictures and panels load matplotlib and ipywidgets, so they are
imported when first used.
"""

from .clock import SimulatedClock, SystemClock
from .delivery import Circuit, Policy, Sender, exponential, verdict
from .diagrams import diagram
from .environment import check_environment, reach_loopback_directly
from .events import encode, make_event
from .exercises import check, hint, solution
from .faults import faults
from .outgoing import watch, why_no_answer
from .process import Process
from .registry import running, stop_all
from .server import Server, serve
from .shop import Shop
from .signing import Dialect, SignatureError, sign, verify
from .traffic import Exchange, Traffic

_LAZY = {
    "fault_console": "panels",
    "inbox": "panels",
    "retry_explorer": "panels",
    "polling_explorer": "panels",
    "tamper_bench": "panels",
    "picture": "pictures",
    "timeline": "pictures",
    "polling_cost": "simulation",
    "polling_cost_at_scale": "simulation",
    "retry_storm": "simulation",
}

__all__ = [
    "Circuit", "Dialect", "Exchange", "Policy", "Process", "Sender", "Server", "Shop", "SignatureError",
    "SimulatedClock", "SystemClock", "Traffic", "check", "check_environment", "diagram", "encode", "exponential",
    "faults", "hint", "make_event", "reach_loopback_directly", "running", "serve", "sign", "solution", "stop_all",
    "verdict", "verify", "watch", "why_no_answer", *_LAZY,
]  # fmt: skip

__version__ = "0.1.0"


def __getattr__(name):
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f".{_LAZY[name]}", __name__), name)


def __dir__():
    return sorted(__all__)
