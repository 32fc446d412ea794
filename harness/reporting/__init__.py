"""How is a comparison shown? Terminal and Markdown; computes no statistics and no verdict, and needs no torch."""

from harness.reporting.markdown import report, write_report
from harness.reporting.terminal import render

__all__ = ["render", "report", "write_report"]
