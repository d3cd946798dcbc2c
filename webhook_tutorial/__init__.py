"""The helpers behind the lessons: both ends of a webhook in one kernel.

The names below are the whole public surface. Pictures and panels load matplotlib and ipywidgets, so they are
imported when first used.
"""

from .answers import retry_after, verdict, why_no_answer
from .clock import SimulatedClock, SystemClock
from .delivery import Circuit, Policy, Sender, exponential
from .environment import check_environment, reach_loopback_directly
from .events import encode, make_event
from .exercises import check, hint, solution
from .lab.faults import faults
from .lab.outgoing import watch
from .lab.process import Process
from .lab.running import running, stop_all
from .lab.server import Server, serve
from .lab.traffic import Exchange, Traffic
from .scenes.shop import Shop
from .show.diagrams import diagram
from .signing import Dialect, SignatureError, sign, verify

_LAZY = {
    "fault_console": "show.fault_console",
    "inbox": "show.inbox",
    "retry_explorer": "show.retry_explorer",
    "polling_explorer": "show.polling_explorer",
    "tamper_bench": "show.tamper_bench",
    "axes": "show.pictures",
    "picture": "show.pictures",
    "timeline": "show.pictures",
    "polling_cost": "simulation",
    "polling_cost_at_scale": "simulation",
    "retry_storm": "simulation",
}

__all__ = [
    "Circuit", "Dialect", "Exchange", "Policy", "Process", "Sender", "Server", "Shop", "SignatureError",
    "SimulatedClock", "SystemClock", "Traffic", "check", "check_environment", "diagram", "encode", "exponential",
    "faults", "hint", "make_event", "reach_loopback_directly", "retry_after", "running", "serve", "sign", "solution",
    "stop_all", "verdict", "verify", "watch", "why_no_answer", *_LAZY,
]  # fmt: skip

__version__ = "0.1.0"


def __getattr__(name):
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f".{_LAZY[name]}", __name__), name)


def __dir__():
    return sorted(__all__)
