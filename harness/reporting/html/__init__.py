"""The report as one HTML page that opens offline. Computes no statistics and no verdict, and needs no torch."""

from harness.reporting.html.page import REPORT_FILE, write_html

__all__ = ["REPORT_FILE", "write_html"]
