"""What the process of a `Process` runs: an app or a ``main`` from a file; it says on its standard output how that went.

It is started as a file, with that file and a port (0 for a free one), and imports no more than it needs, so
that it is up soon. It ends when the pipe to its parent does, even while the app's file is still being imported, so
that none is left behind.
"""

import os
import runpy
import signal
import sys
import threading
import traceback


def main(path, port):
    # Whoever interrupts a kernel interrupts all that it started, and means the cell.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What the app prints goes to a file that nobody reads: a pipe would be full one day, and a print would wait for
    # ever. The pipe carries our two messages alone, so that no print of the app's can stand in their way.
    report = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="backslashreplace")
    os.dup2(2, 1)
    threading.Thread(target=lambda: (os.read(0, 1), os._exit(0)), daemon=True).start()
    if not sys.flags.safe_path:
        sys.path[0] = ""  # as for a cell, what lies beside the notebook can be imported; this folder cannot
    from werkzeug.serving import make_server  # takes a while, so what is above comes first

    handler = _handler()
    try:
        found = runpy.run_path(path)
        if "app" not in found and not callable(found.get("main")):
            sys.exit("the file defines no app, and no main")
    except BaseException as error:
        why = traceback.format_exception_only(error)[-1].strip()
        if isinstance(error, SystemExit):
            why = error.code if isinstance(error.code, str) else f"it ended with {error.code or 0}"
        print("died", why, file=report, flush=True)
        os._exit(1)
    if "app" not in found:
        print("port", 0, file=report, flush=True)
        found["main"]()
        return
    server = make_server("127.0.0.1", port, found["app"], threaded=True, request_handler=handler)
    print("port", server.port, file=report, flush=True)
    server.serve_forever()


def _handler():
    """Load our reading of HTTP without the rest of the package, and leave no trace for the app's file to find."""
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    from lab.wire import Handler

    del sys.path[0]
    for name in [name for name in sys.modules if name.partition(".")[0] == "lab"]:
        del sys.modules[name]
    return Handler


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
