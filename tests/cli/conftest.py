"""For the tests of the command line."""

import pytest
from tools import Listening


@pytest.fixture
def listening(tmp_path):
    """Start `listen` with these arguments; it ends with the test."""
    started = []

    def start(*arguments, **more):
        folder = tmp_path / f"listen {len(started)}"
        folder.mkdir()
        started.append(Listening(folder, *arguments, **more))
        return started[-1]

    yield start
    for one in started:
        one.end()
