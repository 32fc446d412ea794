"""Which differences are real, and at what cost? Paired statistics over score rows; knows nothing of how it is shown."""

from harness.comparison.compare import compare
from harness.comparison.comparison_files import COMPARISON_FILE, COSTS_FILE, read_comparison, write_comparison
from harness.comparison.evidence import Evidence
from harness.comparison.files import (
    CASES_FILE,
    PASSAGES_FILE,
    PROMPTS_FOLDER,
    ROWS_FILE,
    groups_of,
    read_cases,
    read_passages,
    read_prompts,
    read_rows,
    write_cases,
    write_passages,
    write_prompts,
    write_rows,
    write_text,
)
from harness.comparison.findings.attribution import RETRIEVED, SHOWN
from harness.comparison.lookup import Lookup
from harness.comparison.metrics import STALE_RATE, is_retrieval, primary_metric, primary_metrics
from harness.comparison.records.base import Mean, Record
from harness.comparison.records.comparison import (
    REFERENCE_VARIANT,
    SCHEMA,
    Attribution,
    BaseReference,
    Cell,
    Comparison,
    Failure,
    Pair,
    PassageUse,
    SplitKind,
    SplitReference,
    SuiteReference,
    Trial,
    VariantReference,
)
from harness.comparison.records.conclusions import (
    Agreement,
    AlphaPath,
    AlphaPoint,
    Drop,
    Forgetting,
    Router,
    ShiftLine,
    Staleness,
)
from harness.comparison.records.money import BreakEven, Cost, Price, Prices
from harness.comparison.records.rows import CaseRow, PassageRow, PromptRow, ScoreRow
from harness.comparison.records.verdict import Decision, RequirementCheck, Standing
from harness.comparison.statistics.bootstrap import MARGIN, Difference, Interval
from harness.comparison.statistics.multiplicity import ALPHA, Judged, holm, judge
from harness.comparison.statistics.samples import Sample
from harness.comparison.table import ScoreTable, Tables, tabulate
from harness.comparison.verdict.constraints import Constraints, known_names, parse_requirements
from harness.comparison.verdict.decide import redecide
from harness.comparison.verdict.prices import check_trained_tokens, load_prices

__all__ = [
    "ALPHA",
    "CASES_FILE",
    "COMPARISON_FILE",
    "COSTS_FILE",
    "MARGIN",
    "PASSAGES_FILE",
    "PROMPTS_FOLDER",
    "REFERENCE_VARIANT",
    "RETRIEVED",
    "ROWS_FILE",
    "SCHEMA",
    "SHOWN",
    "STALE_RATE",
    "Agreement",
    "AlphaPath",
    "AlphaPoint",
    "Attribution",
    "BaseReference",
    "BreakEven",
    "CaseRow",
    "Cell",
    "Comparison",
    "Constraints",
    "Cost",
    "Decision",
    "Difference",
    "Drop",
    "Evidence",
    "Failure",
    "Forgetting",
    "Interval",
    "Judged",
    "Lookup",
    "Mean",
    "Pair",
    "PassageRow",
    "PassageUse",
    "Price",
    "Prices",
    "PromptRow",
    "Record",
    "RequirementCheck",
    "Router",
    "Sample",
    "ScoreRow",
    "ScoreTable",
    "ShiftLine",
    "SplitKind",
    "SplitReference",
    "Staleness",
    "Standing",
    "SuiteReference",
    "Tables",
    "Trial",
    "VariantReference",
    "check_trained_tokens",
    "compare",
    "groups_of",
    "holm",
    "is_retrieval",
    "judge",
    "known_names",
    "load_prices",
    "parse_requirements",
    "primary_metric",
    "primary_metrics",
    "read_cases",
    "read_comparison",
    "read_passages",
    "read_prompts",
    "read_rows",
    "redecide",
    "tabulate",
    "write_cases",
    "write_comparison",
    "write_passages",
    "write_prompts",
    "write_rows",
    "write_text",
]
