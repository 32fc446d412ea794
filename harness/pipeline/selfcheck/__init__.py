"""Does the harness find what the field has found? Runs comparisons of which the outcome is known from elsewhere."""

from harness.pipeline.selfcheck.check import SELFCHECK_FILE, run_selfcheck

__all__ = ["SELFCHECK_FILE", "run_selfcheck"]
