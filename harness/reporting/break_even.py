"""When fine-tuning is cheaper than retrieval, in words. Knows nothing of where they stand."""

from harness.comparison import BreakEven
from harness.comparison.phrases import points_interval, printable
from harness.comparison.statistics.bootstrap import Interval


def when(found: BreakEven) -> str:
    """How many queries a month make the fine-tuned variant the cheaper one, at one knowledge update a month."""
    if found.queries_from is None:
        return "never cheaper"
    end = "" if found.queries_to is None else f" up to {found.queries_to:,.0f}"
    if not found.queries_from and not end:
        return "always cheaper"
    start = f" from {found.queries_from:,.0f}" if found.queries_from else ""
    return f"cheaper{start}{end} queries for every knowledge update"


def quality(found: BreakEven) -> str:
    """What is known of the quality of the two: only where it is equal does cost decide between them."""
    if found.equal_quality:
        verdict = "equal within the margin"
    else:
        verdict = f"{printable(found.better)} is better" if found.better else "can't be told apart"
    if found.difference is None:
        return verdict
    gap = found.difference
    return f"{verdict}, fine-tuned minus retrieving {points_interval(Interval(gap.value, gap.low, gap.high))}"
