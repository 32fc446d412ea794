"""Finds cells, pairs and costs in a comparison by name. Knows nothing of how they are shown or judged."""

from harness.comparison.metrics import primary_metrics
from harness.comparison.records.comparison import REFERENCE_VARIANT, Cell, Comparison, Pair
from harness.comparison.records.money import Cost


class Lookup:
    """A comparison with its records by name: what a table needs cell by cell."""

    def __init__(self, comparison: Comparison) -> None:
        """Index the records of `comparison`."""
        self._cells = {(cell.variant, cell.split, cell.metric): cell for cell in comparison.cells}
        self._references = {(p.a, p.split, p.metric): p for p in comparison.pairs if p.b == REFERENCE_VARIANT}
        self._costs = {cost.variant: cost for cost in comparison.costs}
        self.primary = primary_metrics(comparison.cells, comparison.splits)

    def cell(self, variant: str, split: str, metric: str | None = None) -> Cell | None:
        """The cell of `metric`, by default the split's primary metric."""
        return self._cells.get((variant, split, metric or self.primary.get(split, "")))

    def against_reference(self, variant: str, split: str, metric: str | None = None) -> Pair | None:
        """The pair of `variant` (as `a`) and `base/zero-shot` (as `b`), by default on the primary metric."""
        return self._references.get((variant, split, metric or self.primary.get(split, "")))

    def cost(self, variant: str) -> Cost | None:
        """What `variant` costs."""
        return self._costs.get(variant)

    def best(self, split: str, metric: str | None = None) -> float | None:
        """The highest mean on `split`; None where nothing is scored."""
        wanted = metric or self.primary.get(split, "")
        means = [c.mean for (_, s, m), c in self._cells.items() if s == split and m == wanted and c.mean is not None]
        return max(means, default=None)
