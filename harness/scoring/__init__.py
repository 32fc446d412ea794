"""How good is one output? The project's own `evaluate` metrics; knows nothing of other variants."""

from harness.scoring.names import parse_metrics
from harness.scoring.outputs import Output, Score
from harness.scoring.quality import Given, QualityMetric
from harness.scoring.score import score
from harness.scoring.trec import qrels_lines, run_lines

__all__ = ["Given", "Output", "QualityMetric", "Score", "parse_metrics", "qrels_lines", "run_lines", "score"]
