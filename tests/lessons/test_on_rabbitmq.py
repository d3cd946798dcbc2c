"""Lesson 09 shows on RabbitMQ what it shows without: each output is compared, the kill's with the recorded one."""

import os
import subprocess
import sys

import pytest
from brokers import need_rabbitmq
from cells import NOTEBOOKS


@pytest.mark.thorough
def test_lesson_09_has_the_same_outputs_on_rabbitmq():
    environment = os.environ | {"WEBHOOK_TUTORIAL_BROKER": need_rabbitmq()}
    lesson = next(NOTEBOOKS.glob("09_*.ipynb"))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--nbval", "-q", "-p", "no:cacheprovider", str(lesson)],
        cwd=NOTEBOOKS.parent, env=environment, capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
