"""What does this machine have, and can the harness run on it? Looks, and changes nothing."""

from harness.pipeline.doctor.check import Check
from harness.pipeline.doctor.examine import examine

__all__ = ["Check", "examine"]
