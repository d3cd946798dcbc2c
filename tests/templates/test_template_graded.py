"""The template before the scorecard, with its worker in a process of its own, which does the work after the answer."""

import pytest
from installed import SECRET, Installed

from webhook_tutorial.operations.scorecard import grade


def test_the_scorecard_gives_the_template_full_marks(tmp_path):
    with Installed(tmp_path / "receiver") as installed:
        installed.start("receiver.py")
        installed.start("worker.py")
        url = f"{installed.url}/webhook"
        report = grade(url, SECRET, effects=f"{installed.url}/effects", limit=1_048_576)
        assert report.grade == 100, report
        assert {result.outcome for result in report.results} == {"held"}, report


@pytest.mark.thorough
def test_without_its_worker_it_is_told_that_nothing_is_done(tmp_path):
    with Installed(tmp_path / "receiver") as installed:
        installed.start("receiver.py")
        report = grade(f"{installed.url}/webhook", SECRET, effects=f"{installed.url}/effects")
        assert [result.check.name for result in report.failed] == ["valid"], report
        assert report.grade == 0
