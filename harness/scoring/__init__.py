"""How good is one output? The project's own `evaluate` metrics; knows nothing of other variants."""

from harness.scoring.score import QUALITY_METRICS, Output, Score, score

__all__ = ["QUALITY_METRICS", "Output", "Score", "score"]
