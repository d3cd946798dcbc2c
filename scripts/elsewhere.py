"""Give Jupyter, IPython and matplotlib other folders where their own cannot be written.

Each keeps files under the home folder and ends in a traceback, or warns inside the lessons' outputs, when that is
read-only: on a locked-down classroom machine, in a container, or under another user's account.
"""

import atexit
import os
import tempfile
from pathlib import Path

from jupyter_core import paths

#: Environment variable that moves a folder, and a function that says where it is now.
FOLDERS = {
    "JUPYTER_CONFIG_DIR": paths.jupyter_config_dir,
    "JUPYTER_DATA_DIR": paths.jupyter_data_dir,
    "JUPYTER_RUNTIME_DIR": paths.jupyter_runtime_dir,
    "IPYTHONDIR": lambda: os.environ.get("IPYTHONDIR") or "~/.ipython",
    "MPLCONFIGDIR": lambda: os.environ.get("MPLCONFIGDIR") or "~/.config/matplotlib",
}


def can_be_written(folder):
    """Whether files can be made in a folder, or, where it does not exist yet, whether it can be made."""
    folder = Path(folder).expanduser()
    try:
        while not folder.exists():
            folder = folder.parent
        if not folder.is_dir():
            return False
        # Tried, because a file system that is mounted read-only shows in no permission bit.
        with tempfile.TemporaryFile(dir=folder):
            return True
    except (OSError, RuntimeError):
        return False


def move_what_cannot_be_written():
    """Point each such folder to a temporary one, removed at exit, for this process and those it starts.

    Returns:
        The names of the environment variables that were set.
    """
    moved = [name for name, where in FOLDERS.items() if not can_be_written(where())]
    if moved:
        folder = tempfile.TemporaryDirectory(prefix="webhook-tutorial-", ignore_cleanup_errors=True)
        atexit.register(folder.cleanup)
        os.environ |= {name: os.path.join(folder.name, name.lower()) for name in moved}
    return moved
