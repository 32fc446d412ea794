"""Finds the numbers in a text, and the one that an answer ends with. Knows nothing of scores.

Numbers are read as English writes them: a comma between thousands, a point before decimals.
"""

import math
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

_FRACTIONS = "¼½¾⅐-⅞"  # as single characters
_NUMBER = re.compile(
    rf"""
    (?=[-+\\$€£¥₹.\d{_FRACTIONS}])                     # nothing else begins one: most places are passed quickly
    (?<!\w)(?<!\d\.)                                  # not the end of a word (H2O) or of a version (1.2.3)
    (?P<sign>[-+](?=[\\$€£¥₹.\d{_FRACTIONS}]))?
    (?:\\?[$€£¥₹]\s?(?P<inner>[-+])?)?
    (?P<units>\d+[ ](?=\d+/\d))?                      # the 1 of 1 1/2
    (?P<whole>\d{{1,3}}(?:(?:,|\{{,\}}|\\,|[\u00a0\u2009\u202f])\d{{3}})+(?!\d)|\d+)?
    (?P<decimals>\.\d+)?
    (?P<character>[{_FRACTIONS}])?
    (?P<exponent>[eE][-+]?\d{{1,3}}(?!\w))?
    (?:\s?/\s?(?P<below>\d+))?
    (?P<percent>\s?(?:\\?%|percent\b|per\ cent\b))?
    """,
    re.VERBOSE,
)
_MINUS = str.maketrans({"\u2212": "-"})
_LATEX_FRACTION = re.compile(r"\\[dt]?frac\{(\d+)\}\{(\d+)\}")
_MARKERS = (re.compile("####"), re.compile(r"\banswer is\b", re.IGNORECASE), re.compile(r"\\boxed\{"))
_END = re.compile(r"\n|[.;]\s")


@dataclass(frozen=True)
class Number:
    """A number as it stands in a text; of 50% the `value` is 50."""

    value: float
    percent: bool
    text: str

    def equals(self, other: "Number", tolerance: float) -> bool:
        """Whether both are the same value, or differ by `tolerance` at most.

        50% equals 50, as if the other had left the sign out, and 0.5, which it is; 50% and 0.5% aren't equal.
        """
        if abs(self.value - other.value) <= tolerance:
            return True
        if self.percent == other.percent:
            return False
        part, whole = (self, other) if self.percent else (other, self)
        return abs(part.value / 100 - whole.value) <= tolerance


def numbers(text: str) -> Iterator[Number]:
    """All numbers in `text`, in their order: 1,000 -5 3.5 .5 $5 1e3 3/4 1 1/2 ½ 50%, and 18km as 18."""
    for match in _NUMBER.finditer(_LATEX_FRACTION.sub(r" \1/\2", text.translate(_MINUS))):
        if match["whole"] or match["decimals"] or match["character"]:
            value = _value(match)
            if math.isfinite(value):
                yield Number(value, bool(match["percent"]), match.group().strip())


def final_number(text: str) -> Number | None:
    r"""The number that an answer ends with; None if it has none.

    It is the one after the first `####`, else after "answer is", else in `\boxed{}`: there the first of its
    sentence, or the first after the sentence's last equals sign. Without such a mark it is the last of the text.
    """
    for marker in _MARKERS:
        if found := marker.search(text):
            sentence = _END.split(text[found.end() :].lstrip(), maxsplit=1)[0]
            stated = [*numbers(sentence.rpartition("=")[2]), *numbers(sentence)]
            if stated:
                return stated[0]
    return next(iter([*numbers(text)][::-1]), None)


def _value(match: re.Match[str]) -> float:
    digits = re.sub(r"\D", "", match["whole"] or "") or "0"
    value = float(f"{digits}{match['decimals'] or ''}{match['exponent'] or ''}")
    if match["character"]:
        value += unicodedata.numeric(match["character"])
    if match["below"]:
        below = float(match["below"])
        value = value / below if below else math.nan
    value += float(match["units"] or 0)
    return -value if "-" in (match["sign"], match["inner"]) else value
