"""A scorecard for receivers: it sends real deliveries, good ones and bad ones, and says what held and what did not."""

from .report import Report
from .run import Grading, grade

__all__ = ["Grading", "Report", "grade"]
