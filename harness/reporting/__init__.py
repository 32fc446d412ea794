"""How is a comparison shown? Terminal, Markdown, HTML and charts; computes no statistics and no verdict, no torch."""

from harness.reporting.html import write_html
from harness.reporting.markdown import report, write_report
from harness.reporting.mlflow import check_mlflow, log_to_mlflow
from harness.reporting.reading import read_run
from harness.reporting.side_by_side import side_by_side, side_by_side_markdown
from harness.reporting.spent import render_spent
from harness.reporting.terminal import render
from harness.reporting.two_runs import TwoRuns, read_two_runs

__all__ = [
    "TwoRuns",
    "check_mlflow",
    "log_to_mlflow",
    "read_run",
    "read_two_runs",
    "render",
    "render_spent",
    "report",
    "side_by_side",
    "side_by_side_markdown",
    "write_html",
    "write_report",
]
