"""The metrics that don't decide: which ones a report shows by themselves, and what their names don't say."""

from harness.comparison import RETRIEVED, SHOWN, STALE_RATE, Comparison, Lookup, is_retrieval

NOTES = {
    STALE_RATE: "How often the answer is the one that was right before the corpus changed; lower is better.",
    "supported": "How often the answer's own words stand in the passages that were shown, right or wrong.",
}


def further_metrics(comparison: Comparison) -> list[str]:
    """The metrics that no part of a report but their own shows: all that aren't primary on every split with them."""
    primary = Lookup(comparison).primary
    return sorted(
        {
            cell.metric
            for cell in comparison.cells
            if primary[cell.split] != cell.metric
            and not is_retrieval(cell.metric)
            and cell.metric not in (RETRIEVED, SHOWN)
        }
    )
