"""All charts of a comparison, in the order in which a report shows them."""

from harness.comparison import Comparison
from harness.reporting.charts.alpha import alpha_path
from harness.reporting.charts.break_even import break_even
from harness.reporting.charts.cost import cost
from harness.reporting.charts.errors import errors
from harness.reporting.charts.figure import Figure
from harness.reporting.charts.forgetting import forgetting
from harness.reporting.charts.retrieval import retrieval
from harness.reporting.charts.scores import scores
from harness.reporting.charts.tuning import tuning

_CHARTS = (scores, alpha_path, forgetting, tuning, cost, break_even, errors, retrieval)


def figures(comparison: Comparison) -> list[Figure]:
    """The charts that `comparison` has data for; the same comparison gives the same charts."""
    return [figure for chart in _CHARTS if (figure := chart(comparison))]
