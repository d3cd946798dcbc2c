"""What is up: whatever has a name, says whether it is `running`, and has a `stop()` that may be called twice.

Servers, proxies and processes enter here when they start, so that one list shows them and one call stops them.
"""

import atexit
import contextvars
import os

#: Who is sending in this thread or task: a server's name while one of its handlers runs.
sending_as = contextvars.ContextVar("sending_as", default="")

#: Which server the connection of an attempt has led to, where its URL does not say so: a `Network` sets it.
reached = contextvars.ContextVar("reached", default="")

_up = {}
_names = {}


def running():
    """Return what is up, a list in the order of its start: servers, the proxies of `faults`, and processes."""
    return [thing for thing, _ in list(_up.values()) if thing.running]


def stop_all():
    """Stop everything that is up: servers, proxies and processes, the last one first. It is fine if there is none.

    Raises:
        ExceptionGroup: Some could not be stopped; everything else has been. It holds the error of each.
    """
    errors, named = [], []
    for thing, _ in list(_up.values())[::-1]:  # what stands before a server started after it
        try:
            thing.stop()
        except Exception as error:
            errors.append(error)
            named.append(thing.name)
    if errors:
        raise ExceptionGroup(f"Not stopped: {', '.join(named)}; everything else is. Each error follows.", errors)


def started(thing, let_go):
    """Enter a thing that is up, for `running` and `stop_all`, until `stopped` is called for it.

    Args:
        thing: It has ``name``, ``running`` and ``stop()``.
        let_go: What a child made by ``os.fork`` does with its copy: close it, and leave the thing to its parent.
    """
    _up[id(thing)] = thing, let_go


def stopped(thing):
    """Say that a thing has stopped. It is fine to say so twice."""
    _up.pop(id(thing), None)


def reserve_name(port, name):
    """Say that a port leads to a server of this name, for pictures: a proxy's port leads to what is behind it."""
    _names[port] = name


def name_at(host, port):
    """Return the name of the server that is, or was last, at this address; else ``host:port``."""
    return _names.get(port, f"{host}:{port}") if host in ("127.0.0.1", "localhost") else f"{host}:{port}"


def close_copies(sockets):
    """Close a forked child's copies of sockets, which are still in use in its parent; files made of them go too."""
    for each in sockets:
        copy = each.detach()
        if copy >= 0:
            os.close(copy)


def _let_go_of_all():
    # A fork copies the lists and the sockets but not the threads behind them: a child that waited for those would
    # wait for ever, and a copy of a socket that it kept would hold the port long after its parent had stopped.
    while _up:
        _, (_, let_go) = _up.popitem()
        let_go()


atexit.register(stop_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go_of_all)
