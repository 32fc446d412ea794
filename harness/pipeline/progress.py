"""How the pipeline tells what it does, as all work does."""

from harness.runs.progress import Advance, Progress, Silent

__all__ = ["Advance", "Progress", "Silent"]
