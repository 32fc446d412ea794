"""A comparison as a Markdown report with its charts: the verdict first, then the evidence for it.

It shows what `comparison.json` says and computes nothing of its own.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.comparison import Comparison, write_text
from harness.comparison.phrases import metric_label
from harness.reporting import change, closing, opening, pairs, passages, sections, spending, tuning
from harness.reporting.escape import prose, table
from harness.reporting.further import further_metrics
from harness.reporting.reading import read_run

if TYPE_CHECKING:
    from harness.reporting.charts import Figure

REPORT_FILE = "report.md"
CHARTS_FOLDER = "charts"
_BREAK_EVEN = (
    "A month costs its queries and its knowledge updates, each of which builds again what was made of the knowledge. "
    "Cost decides only between variants of equal quality."
)


def report(comparison: Comparison) -> str:
    """The comparison as Markdown, ending in a line break; the same comparison gives the same text."""
    from harness.reporting.charts import figures

    return _report(comparison, figures(comparison))


def write_report(run_folder: Path, comparison: Comparison | None = None) -> Path:
    """Write `report.md` and its charts into `run_folder`, by default from its own comparison.

    Raises InputError if that can't be read, CacheError if the report can't be written.
    """
    comparison = comparison or read_run(run_folder)
    from harness.reporting.charts import figures, svg

    drawn = figures(comparison)
    for figure in drawn:
        write_text(run_folder / CHARTS_FOLDER / f"{figure.name}.svg", svg(figure, "plain"))
    return write_text(run_folder / REPORT_FILE, _report(comparison, drawn))


def _report(comparison: Comparison, drawn: Sequence["Figure"]) -> str:
    charts = {figure.name: figure for figure in drawn}
    parts = {
        "Failed": sections.failures(comparison),
        "Requirements": opening.requirements(comparison),
        "Scores": _joined(_picture(charts.get("scores")), sections.scores(comparison)),
        "From base to trained weights": _joined(_picture(charts.get("alpha-path")), _numbers(charts.get("alpha-path"))),
        "Learning against forgetting": _joined(_picture(charts.get("forgetting")), _numbers(charts.get("forgetting"))),
        "Quality against cost": _joined(_picture(charts.get("cost")), _numbers(charts.get("cost"))),
        "When fine-tuning is cheaper": _joined(
            _picture(charts.get("break-even")),
            _BREAK_EVEN if "break-even" in charts else "",
            _numbers(charts.get("break-even")),
        ),
        "Where errors come from": _joined(_picture(charts.get("errors")), passages.errors(comparison)),
        "Retrieval": _joined(_picture(charts.get("retrieval")), passages.retrieval(comparison)),
        "Room for passages": passages.room(comparison),
        "Differences": pairs.differences(comparison),
        "Shift": change.shift(comparison),
        "Revised facts": change.staleness(comparison),
        "Who is right where": change.agreement(comparison),
        "Costs": spending.costs(comparison),
        "Chosen by validation": tuning.chosen(comparison),
        "Tuning": _joined(_picture(charts.get("tuning")), tuning.tuning(comparison)),
        **{_heading(metric): sections.metric(comparison, metric) for metric in further_metrics(comparison)},
        "Data": sections.data(comparison),
        "How these figures were found": closing.methods(comparison),
        "What these figures do not say": closing.limits(comparison),
        "Signature": closing.signature(comparison),
    }
    return "\n\n".join([opening.opening(comparison), *_headed(parts)]) + "\n"


def _headed(parts: Mapping[str, str]) -> list[str]:
    """Each part that says something, under its heading."""
    return [f"## {prose(name)}\n\n{text}" for name, text in parts.items() if text]


def _picture(figure: "Figure | None") -> str:
    """The picture of a chart, which says in words what it shows to who can't see it."""
    return f"![{prose(figure.summary)}]({CHARTS_FOLDER}/{figure.name}.svg)" if figure else ""


def _numbers(figure: "Figure | None") -> str:
    """The data of a chart as a table."""
    if figure is None:
        return ""
    rows = [[prose(cell) for cell in row] for row in figure.rows]
    return table([prose(heading) for heading in figure.headings], rows, names=len(figure.headings))


def _joined(*texts: str) -> str:
    return "\n\n".join(filter(None, texts))


def _heading(metric: str) -> str:
    label = metric_label(metric)
    return label[:1].upper() + label[1:]
