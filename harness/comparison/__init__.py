"""Which differences are real, and at what cost? Paired statistics over score rows; knows nothing of how it is shown."""

from harness.comparison.attribution import RETRIEVED, SHOWN
from harness.comparison.bootstrap import Difference, Interval
from harness.comparison.compare import compare
from harness.comparison.files import (
    COMPARISON_FILE,
    ROWS_FILE,
    read_comparison,
    read_rows,
    write_comparison,
    write_rows,
    write_text,
)
from harness.comparison.lookup import Lookup
from harness.comparison.metrics import STALE_RATE, is_retrieval, primary_metric, primary_metrics
from harness.comparison.multiplicity import ALPHA, Judged, holm, judge
from harness.comparison.records import (
    REFERENCE_VARIANT,
    SCHEMA,
    Attribution,
    BaseReference,
    Cell,
    Comparison,
    Cost,
    Decision,
    Failure,
    Mean,
    Pair,
    PassageUse,
    Record,
    ScoreRow,
    SplitKind,
    SplitReference,
    SuiteReference,
    Trial,
    VariantReference,
)
from harness.comparison.shift import difference_of_drops, drop
from harness.comparison.table import ScoreTable, Tables, tabulate

__all__ = [
    "ALPHA",
    "COMPARISON_FILE",
    "REFERENCE_VARIANT",
    "RETRIEVED",
    "ROWS_FILE",
    "SCHEMA",
    "SHOWN",
    "STALE_RATE",
    "Attribution",
    "BaseReference",
    "Cell",
    "Comparison",
    "Cost",
    "Decision",
    "Difference",
    "Failure",
    "Interval",
    "Judged",
    "Lookup",
    "Mean",
    "Pair",
    "PassageUse",
    "Record",
    "ScoreRow",
    "ScoreTable",
    "SplitKind",
    "SplitReference",
    "SuiteReference",
    "Tables",
    "Trial",
    "VariantReference",
    "compare",
    "difference_of_drops",
    "drop",
    "holm",
    "is_retrieval",
    "judge",
    "primary_metric",
    "primary_metrics",
    "read_comparison",
    "read_rows",
    "tabulate",
    "write_comparison",
    "write_rows",
    "write_text",
]
