"""Open the first lesson in JupyterLab: what "make lab" does once .venv is there.

python scripts/lab.py [options for jupyter-lab, such as --no-browser]
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

from elsewhere import move_what_cannot_be_written

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"

OPTIONS = [
    f"--ServerApp.root_dir={NOTEBOOKS}",
    # So the addresses that are printed lead to the first lesson too, for whoever copies one into a browser.
    "--LabApp.default_url=/lab/tree/00_start_here.ipynb",
    # Or each kernel warns that it runs over TCP without encryption, which alarms people for nothing.
    "--KernelManager.transport_encryption=auto",
    # The lessons need no extension; looking for some asks the network, and fails in a traceback at a SOCKS proxy.
    "--LabApp.extension_manager=readonly",
    # What is left are warnings and the addresses.
    "--ServerApp.log_level=WARN",
    "--LabApp.log_level=WARN",
]


def main(options):
    if move_what_cannot_be_written():
        print("Your home folder cannot be written, so JupyterLab keeps its settings in a temporary folder.")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options = ["--allow-root", *options]  # in a container, root is the ordinary user
    print("Starting JupyterLab. Leave this window open: Ctrl-C here, twice, ends it and the lessons.", flush=True)
    lab = subprocess.Popen([sys.executable, "-m", "jupyterlab", *OPTIONS, *options])
    signal.signal(signal.SIGTERM, lambda *_: lab.terminate())
    while True:
        try:
            return lab.wait()
        except KeyboardInterrupt:
            pass  # JupyterLab got it as well, and asks whether it is meant


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
