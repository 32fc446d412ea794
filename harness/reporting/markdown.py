"""A comparison as a Markdown report: the verdict first, then the evidence for it.

It shows what `comparison.json` says and computes nothing of its own.
"""

from collections.abc import Mapping
from pathlib import Path

from harness.comparison import Comparison, read_comparison, write_text
from harness.comparison.phrases import metric_label
from harness.reporting import passages, sections, tuning
from harness.reporting.escape import code, prose

REPORT_FILE = "report.md"


def report(comparison: Comparison) -> str:
    """The comparison as Markdown, ending in a line break; the same comparison gives the same text."""
    parts = {
        "Failed": sections.failures(comparison),
        "Scores": sections.scores(comparison),
        "Differences": sections.differences(comparison),
        "Costs": sections.costs(comparison),
        "Chosen by validation": tuning.chosen(comparison),
        "Learning against forgetting": tuning.tuning(comparison),
        "Retrieval": passages.retrieval(comparison),
        "Room for passages": passages.room(comparison),
        "Where errors come from": passages.errors(comparison),
        **{_heading(metric): sections.metric(comparison, metric) for metric in sections.further(comparison)},
        "Data": sections.data(comparison),
        "What these figures do not say": sections.limits(comparison),
    }
    return "\n\n".join([_opening(comparison), *_headed(parts)]) + "\n"


def _headed(parts: Mapping[str, str]) -> list[str]:
    """Each part that says something, under its heading."""
    return [f"## {prose(name)}\n\n{text}" for name, text in parts.items() if text]


def write_report(run_folder: Path) -> Path:
    """Write `report.md` into `run_folder` from its comparison; raises InputError if that can't be read."""
    return write_text(run_folder / REPORT_FILE, report(read_comparison(run_folder)))


def _heading(metric: str) -> str:
    label = metric_label(metric)
    return label[:1].upper() + label[1:]


def _opening(comparison: Comparison) -> str:
    reasons = "\n".join(f"- {prose(reason)}" for reason in comparison.decision.reasons)
    return (
        f"# {code(comparison.suite.name)} on {code(comparison.base.model)}\n\n"
        f"**{prose(comparison.decision.sentence)}**\n\n{reasons}\n\n"
        f"Base model: {comparison.base.parameters:,} parameters. Signature: {code(comparison.signature)}"
    )
