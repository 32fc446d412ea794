"""Data that lie elsewhere: which rows of whose files a suite takes, and what it makes of them."""

from harness.suite.sources.read import SourceReader
from harness.suite.sources.rows import Findings
from harness.suite.sources.settings import Selections, SourceEntry

__all__ = ["Findings", "Selections", "SourceEntry", "SourceReader"]
