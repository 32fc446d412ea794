"""Makes untrusted text safe within Markdown. Knows nothing of what the text says."""

import re
from collections.abc import Iterable, Sequence

from harness.comparison.phrases import printable

_SPECIAL = re.compile(r"[\\`*\[\]<>#&!~$]|(?<!\w)_|_(?!\w)")


def prose(text: str) -> str:
    """`text` so that Markdown shows it as it stands; an underscore within a word needs no escape."""
    return _SPECIAL.sub(r"\\\g<0>", printable(text))


def code(text: str) -> str:
    """`text` as a code span, fenced with one backtick more than it holds in a row."""
    shown = printable(text)
    longest = max((len(run) for run in re.findall("`+", shown)), default=0)
    fence, gap = "`" * (longest + 1), " " if longest else ""
    return f"{fence}{gap}{shown}{gap}{fence}"


def table(heading: Sequence[str], rows: Iterable[Sequence[str]], *, names: int = 1) -> str:
    """A Markdown table of cells that are Markdown already: `names` columns of text, then columns of figures."""
    rule = ["---"] * names + ["---:"] * (len(heading) - names)
    lines = (" | ".join(cell.replace("|", "\\|") for cell in row) for row in (heading, rule, *rows))
    return "\n".join(f"| {line} |" for line in lines)
