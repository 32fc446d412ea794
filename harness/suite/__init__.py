"""What is asked, and on which splits? Loads and checks suites; knows nothing of models."""

from harness.suite.load import examine_suite, load_suite, locate_suite, suite_names
from harness.suite.records import (
    BaseSettings,
    Case,
    DecodingSettings,
    Document,
    Evidence,
    PromptSettings,
    Source,
    Split,
    SplitKind,
    Suite,
)

__all__ = [
    "BaseSettings",
    "Case",
    "DecodingSettings",
    "Document",
    "Evidence",
    "PromptSettings",
    "Source",
    "Split",
    "SplitKind",
    "Suite",
    "examine_suite",
    "load_suite",
    "locate_suite",
    "suite_names",
]
