"""The end of the Markdown report: how it was found, what it does not say, and its signature."""

from collections.abc import Sequence

from harness.comparison import Comparison
from harness.reporting import fine_print
from harness.reporting.escape import code, prose


def methods(comparison: Comparison) -> str:
    """How the figures were found."""
    return _listed(fine_print.methods(comparison))


def limits(comparison: Comparison) -> str:
    """What a reader could wrongly conclude, with the unscored cases of this comparison."""
    return _listed(fine_print.limits(comparison))


def signature(comparison: Comparison) -> str:
    """What two reports must share to be comparable."""
    return f"{code(comparison.signature)}\n\nBase model: {comparison.base.size}, {code(comparison.base.hash)}."


def _listed(sentences: Sequence[str]) -> str:
    return "\n".join(f"- {prose(sentence)}" for sentence in sentences)
