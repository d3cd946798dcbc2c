"""The signature doctor: why a delivery is refused, found by undoing the mistakes that people make."""

from .diagnosis import Diagnosis, Finding
from .doctor import diagnose

__all__ = ["Diagnosis", "Finding", "diagnose"]
