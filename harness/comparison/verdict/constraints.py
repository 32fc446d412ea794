"""What the user asks of the variant that is to be recommended: requirements, and how much it will be used.

A requirement is `NAME OPERATOR LIMIT`, as in `in_domain >= 0.8`, `retention_drop <= 2%` or `p95_seconds <= 0.5`. Knows
nothing of what was measured.

    SPLIT, SPLIT.METRIC   a mean on one split, by its primary metric or by another one, 0 to 1
    quality               the macro mean of the primary metrics over the in-domain and shifted splits
    SPLIT_drop            how far it falls from the in-domain splits to that shifted one
    retention_drop        how far it falls below base/zero-shot on the retention splits
    seconds, tokens, …    what it costs, as named in `COSTS`, and in money, as in `MONEY`, where there are prices
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Literal

from harness.comparison.records.base import Mean
from harness.comparison.records.comparison import SplitReference
from harness.errors import InputError, UnknownNameError

QUALITY, RETENTION_DROP = "quality", "retention_drop"
COSTS = {
    "p50_seconds": "p50_seconds",
    "p95_seconds": "p95_seconds",
    "seconds_per_query": "seconds_per_query",
    "prompt_tokens": "prompt_tokens_per_query",
    "generated_tokens": "generated_tokens_per_query",
    "flops": "flops_per_query",
    "memory_bytes": "memory_bytes",
    "artifact_bytes": "artifact_bytes",
    "build_seconds": "build_seconds",
}
MONEY = ("build_price", "thousand_queries_price", "update_price", "month_price")
_MOST = 1e11  # queries or updates a month
_WRITTEN = re.compile(
    r"(?P<name>\S.*?)\s*(?P<operator>>=|<=|>|<)\s*(?P<limit>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?)\s*(?P<percent>%?)"
)

Kind = Literal["score", "difference", "cost"]
Outcome = Literal["met", "not met", "cannot tell"]


@dataclass(frozen=True)
class Requirement:
    """What `name` must be; `text` is how the user wrote it, `limit` a number in the unit of what is named."""

    text: str
    name: str
    kind: Kind
    operator: str
    limit: float

    def outcome(self, measured: Mean | float | None) -> Outcome:
        """Whether what was `measured` meets it; None, not measured, can't tell, and neither can an interval across it.

        An interval of 95% on one side of the limit is a one-sided test at 2.5% for this one variant and requirement. A
        plain number is taken as it is.
        """
        if measured is None:
            return "cannot tell"
        low, high = (measured.low, measured.high) if isinstance(measured, Mean) else (measured, measured)
        met = {self._holds(low), self._holds(high)}
        if len(met) == 2:
            return "cannot tell"
        return "met" if True in met else "not met"

    def _holds(self, value: float) -> bool:
        return {
            ">=": value >= self.limit,
            "<=": value <= self.limit,
            ">": value > self.limit,
            "<": value < self.limit,
        }[self.operator]


@dataclass(frozen=True)
class Constraints:
    """What is asked of the recommended variant.

    `requirements` as the user wrote them; `queries_per_month` and `updates_per_month` (of the knowledge) both or
    neither. Raises InputError.
    """

    requirements: tuple[str, ...] = ()
    queries_per_month: float | None = None
    updates_per_month: float | None = None

    def __post_init__(self) -> None:
        numbers = {
            "--queries-per-month": self.queries_per_month,
            "--updates-per-month": self.updates_per_month,
        }
        problems = [
            f"{name}: {number:g} is no number of a month. Give one from 0 to {_MOST:g}."
            for name, number in numbers.items()
            if number is not None and not 0 <= number <= _MOST
        ]
        missing = [name for name, number in numbers.items() if number is None]
        if len(missing) == 1:
            problems.append(
                f"{missing[0]} is missing: what a month costs depends on queries and on updates of the knowledge. "
                "Give both; 0 updates where the knowledge never changes."
            )
        if problems:
            raise InputError("\n".join(problems))

    @property
    def volume(self) -> tuple[float, float] | None:
        """Queries and updates a month, where they were stated."""
        if self.queries_per_month is None or self.updates_per_month is None:
            return None
        return self.queries_per_month, self.updates_per_month


def known_names(
    splits: Sequence[SplitReference], metrics: Mapping[str, Collection[str]], *, priced: bool, volume: bool
) -> dict[str, Kind]:
    """What a requirement may name; `metrics` by split, `priced` where there are prices, `volume` where it was stated.

    A split is meant before anything else of its name.
    """
    kinds = {split.kind for split in splits}
    names: dict[str, Kind] = dict.fromkeys(COSTS, "cost")
    names |= {name: "cost" for name in MONEY if priced and (volume or name != "month_price")}
    names[QUALITY] = "score"
    if "retention" in kinds:
        names[RETENTION_DROP] = "difference"
    if "in-domain" in kinds:
        names |= {f"{split.name}_drop": "difference" for split in splits if split.kind == "shifted"}
    names |= {f"{split}.{metric}": "score" for split, found in metrics.items() for metric in found}
    return names | {split.name: "score" for split in splits}


def parse_requirements(texts: Sequence[str], names: Mapping[str, Kind]) -> list[Requirement]:
    """The requirements written as `texts`; raises one InputError that tells all mistakes."""
    found, problems = [], []
    for text in texts:
        try:
            found.append(_parse(text, names))
        except InputError as error:
            problems.append(str(error))
    if problems:
        raise InputError("\n".join(problems))
    return found


def _parse(text: str, names: Mapping[str, Kind]) -> Requirement:
    match = _WRITTEN.fullmatch(text.strip())
    place = f"--require {text!r}"
    if not match:
        raise InputError(
            f"{place}: is no requirement, so nothing can be held against it. Write NAME, one of >= <= > <, and a "
            'number, for example "in_domain >= 0.8".'
        )
    name, limit = match["name"], float(match["limit"])
    if name not in names:
        near = [known for known in names if ("." in known) == ("." in name)]
        raise UnknownNameError("quantity", name, near, place=place, advice=_advice(name))
    kind = names[name]
    if kind == "cost" and match["percent"]:
        raise InputError(f"{place}: {name} is no share, so {match['limit']}% of it means nothing. Drop the %.")
    limit = limit / 100 if match["percent"] else limit
    if kind != "cost" and abs(limit) > 1:
        raise InputError(f"{place}: scores run from 0 to 1, so it says nothing. Write 0.8, or 80%.")
    if not isfinite(limit):
        raise InputError(f"{place}: {match['limit']} is too large a number. Give a smaller one.")
    return Requirement(text.strip(), name, kind, match["operator"], limit)


def _advice(name: str) -> str:
    if name in MONEY:
        return "Amounts of money need --prices, and those of a month also --queries-per-month and --updates-per-month."
    if name.endswith("_drop"):
        return "A drop needs a shifted split beside an in-domain one, or a retention split."
    return ""
