"""The helpers behind the lessons: both ends of a webhook in one kernel.

The names below are the whole public surface. Each is imported when it is first used, so that nobody waits for
what a lesson does not need: `diagram` loads no matplotlib, and `sign` no Flask.
"""

import importlib

#: Where each public name stands.
_HOMES = {
    "answers": ["Blocked", "retry_after", "verdict", "why_no_answer"],
    "clock": ["SimulatedClock", "SystemClock"],
    "delivery": ["Adapter", "Circuit", "Guard", "Policy", "Sender", "exponential", "guarded_session", "make_session"],
    "delivery.addresses": ["why_not_public"],
    "durable.broker": ["Broker", "BrokerError"],
    "durable.challenge": ["Consent", "Echo"],
    "durable.database": ["Database"],
    "durable.disabling": ["DisablePolicy"],
    "durable.filters": ["matches"],
    "durable.inbox": ["Inbox"],
    "durable.outbox": ["Outbox"],
    "durable.provider": ["Provider"],
    "durable.vault": ["new_key"],
    "durable.worker": ["work"],
    "environment": ["check_environment", "reach_loopback_directly"],
    "events": ["encode", "make_event"],
    "exercises": ["check", "hint", "solution"],
    "exercises.progress": ["progress"],
    "lab.archive": ["load_traffic"],
    "lab.exchange": ["Exchange"],
    "lab.faults": ["faults"],
    "lab.network": ["Network"],
    "lab.outgoing": ["watch"],
    "lab.process": ["Process"],
    "lab.program": ["Program"],
    "lab.running": ["running", "stop_all"],
    "lab.server": ["Server", "serve"],
    "lab.traffic": ["Traffic"],
    "operations.logs": ["JsonLines", "log_attempts", "log_receipts"],
    "operations.metrics": ["Metrics"],
    "operations.scorecard": ["grade"],
    "scenes.afternoon": ["Afternoon"],
    "scenes.scene": ["Scene", "Service"],
    "scenes.shop": ["Shop"],
    "scenes.stage": ["play"],
    "scenes.trials": ["trials"],
    "show.dashboard": ["dashboard"],
    "show.diagrams": ["diagram"],
    "show.fault_console": ["fault_console"],
    "show.inbox": ["inbox"],
    "show.pictures": ["axes", "picture", "timeline"],
    "show.polling_explorer": ["polling_explorer"],
    "show.retry_explorer": ["retry_explorer"],
    "show.scorecard": ["scorecard"],
    "show.tamper_bench": ["tamper_bench"],
    "signing": ["Dialect", "SignatureError", "sign", "verify"],
    "signing.doctor": ["diagnose"],
    "signing.samples": ["sample"],
    "simulation": ["polling_cost", "polling_cost_at_scale", "retry_storm"],
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)

__version__ = "0.1.0"


def __getattr__(name):
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        thing = getattr(importlib.import_module(f".{_HOME_OF[name]}", __name__), name)
    except ModuleNotFoundError as error:
        # Who has installed the tools alone has not what only the lessons need.
        raise ModuleNotFoundError(
            f"{name} needs {error.name}, which comes with the lessons: "
            'python -m pip install "webhook-tutorial[lessons]"',
            name=error.name,
        ) from error
    globals()[name] = thing  # the next time it is found without asking here
    return thing


def __dir__():
    return __all__
