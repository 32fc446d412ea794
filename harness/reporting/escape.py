"""Makes untrusted text safe within Markdown. Knows nothing of what the text says."""

import re
from collections.abc import Iterable, Sequence

from harness.comparison.phrases import code, printable

__all__ = ["code", "prose", "table"]

_SPECIAL = re.compile(r"[\\`*\[\]<>#&!~$]|(?<!\w)_|_(?!\w)")


def prose(text: str) -> str:
    """`text` so that Markdown shows it as it stands; an underscore within a word needs no escape."""
    return _SPECIAL.sub(r"\\\g<0>", printable(text))


def table(heading: Sequence[str], rows: Iterable[Sequence[str]], *, names: int = 1) -> str:
    """A Markdown table of cells that are Markdown already: `names` columns of text, then columns of figures."""
    rule = ["---"] * names + ["---:"] * (len(heading) - names)
    lines = (" | ".join(cell.replace("|", "\\|") for cell in row) for row in (heading, rule, *rows))
    return "\n".join(f"| {line} |" for line in lines)
