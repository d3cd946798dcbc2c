"""What stands between a `Program` and its command: it starts the command, and ends it and all its children.

It is started as a file with the command, and says on its standard output the command's process id, and at last
its exit code. What it reads are orders of one byte: ``t`` to ask the command to end, ``k`` to end all. When there is
nothing more to read, whoever has started it is gone, however that came about, and so it ends everything.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading

POSIX = os.name == "posix"


def main(command):
    # Whoever interrupts a kernel interrupts all that it started, and means the cell.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        # A session of its own, so that one signal reaches its children, those whose parent has died among them.
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, start_new_session=POSIX)
    except OSError as error:
        print("died", error.strerror, flush=True)
        return
    print("pid", process.pid, flush=True)
    threading.Thread(target=obey, args=(process,), daemon=True).start()
    code = process.wait()
    end_all(process)
    print("ended", code, flush=True)


def obey(process):
    while order := os.read(0, 1):
        if order == b"t" and POSIX:
            process.terminate()
        else:
            end_all(process)
    end_all(process)


def end_all(process):
    """End the command, and what it has started."""
    if POSIX:
        # Nobody may be left; of those that are dead and not waited for, macOS says that it is not permitted.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    elif process.poll() is None:
        subprocess.run(["taskkill", "/T", "/F", "/PID", str(process.pid)], capture_output=True)


if __name__ == "__main__":
    main(sys.argv[1:])
