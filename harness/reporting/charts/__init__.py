"""Charts of a comparison: Altair specifications with their data as tables, and SVG drawn from them without a network.

Computes no statistics; loads Altair, so that only who draws should import it.
"""

from harness.reporting.charts.draw import svg
from harness.reporting.charts.figure import Figure
from harness.reporting.charts.figures import figures
from harness.reporting.charts.palette import DARK, LIGHT, PAGE

__all__ = ["DARK", "LIGHT", "PAGE", "Figure", "figures", "svg"]
