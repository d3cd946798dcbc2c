"""Programs that tests need and that are not on every machine."""

import os
import shutil

import pytest


def missing(reason):
    """Skip the test, or in CI have it fail: a program or package that it needs is not here."""
    (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


def found(name, *, needed=True):
    """Return the path of a program; without it the test is skipped, or fails in CI if it is needed there."""
    path = shutil.which(name)
    if not path:
        (missing if needed else pytest.skip)(f"{name} is not installed")
    return path
