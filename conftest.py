"""For every test and notebook, whatever the machine's settings.

The tests' own requests to this computer never go to a proxy (that the lessons need no such help is tested in
tests/lessons/test_notebooks.py), and a home folder that cannot be written stops no kernel. What the tests
and the kernels that they start pass of the exercises is not kept as somebody's progress.
"""

import os

from elsewhere import move_what_cannot_be_written

for _name in ("NO_PROXY", "no_proxy"):
    os.environ[_name] = ",".join(filter(None, [os.environ.get(_name), "127.0.0.1", "localhost"]))
os.environ["WEBHOOK_TUTORIAL_PROGRESS"] = "off"
move_what_cannot_be_written()


def pytest_xdist_auto_num_workers(config):
    """All that there is runs in two processes side by side, and what was asked for by name in this one."""
    return 2 if config.args_source is config.ArgsSource.TESTPATHS else 0
