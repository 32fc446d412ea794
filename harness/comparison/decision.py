"""Which variant is to be used? Pure decisions over score tables; `wording` puts them into words.

1. *Eligible* is who has at most 5% unscored cases on each in-domain and shifted split (retention splits
   decide only where a run has no others).
2. *Leader* is the eligible variant with the highest macro mean of the splits' primary metrics, each split
   with the same weight. *Tied* with it is who isn't significantly worse (bootstrap of the paired macro
   difference, cases resampled within each split, Holm over all others).
3. Of the tied, those *keep* what the base knew that don't lose significantly against `base/zero-shot` on the
   retention splits (Holm over the tied). If none does, those *lose least* that aren't significantly below the one that
   keeps the most. All stay where nothing can be told.
4. Of those, the *simplest and cheapest* is recommended, see `simplicity`.

Splits are resampled independently, also where their cases ask about the same facts; seeds are drawn once for all
splits, since the same trained model answers on each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.comparison.bootstrap import Interval, differences, mean_intervals
from harness.comparison.multiplicity import Judged, judge
from harness.comparison.records import REFERENCE_VARIANT, Cost, SplitReference, VariantReference
from harness.comparison.seeds import Quantity
from harness.comparison.table import ScoreTable, Tables

UNSCORED_LIMIT = 0.05


@dataclass(frozen=True)
class Evidence:
    """What is decided upon: score tables, each split's primary metric, and what the variants cost."""

    tables: Tables
    primary: Mapping[str, str]
    splits: Sequence[SplitReference]
    variants: Sequence[VariantReference]
    costs: Mapping[str, Cost]

    def deciding(self) -> list[ScoreTable]:
        """The primary tables of the in-domain and shifted splits; of all splits if there are no such."""
        return self._primary_tables(retention=False) or self._primary_tables(retention=True)

    def retention(self) -> list[ScoreTable]:
        """The primary tables of the retention splits."""
        return self._primary_tables(retention=True)

    def _primary_tables(self, *, retention: bool) -> list[ScoreTable]:
        keys = [(s.name, self.primary.get(s.name, "")) for s in self.splits if (s.kind == "retention") is retention]
        return [self.tables[key] for key in keys if key in self.tables]


@dataclass(frozen=True)
class Choice:
    """The decision and every figure that led to it, by variant.

    `means` has the macro mean of each eligible variant, `behind` the difference of each other one to the
    leader, `gains` that of each other one to `base/zero-shot`, and `kept` that of each tied one to
    `base/zero-shot` on the retention splits; `gentlest` are the tied ones that lose least there, where none keeps it.
    `leader` and `recommended` are "" where no variant is eligible.
    """

    excluded: dict[str, str]
    means: dict[str, Interval]
    leader: str
    behind: dict[str, Judged]
    gains: dict[str, Judged]
    tied: list[str]
    kept: dict[str, Judged]
    gentlest: list[str]
    recommended: str


def choose(evidence: Evidence) -> Choice:
    """The recommended variant with its evidence; the rules stand in the module's docstring."""
    tables = evidence.deciding()
    excluded = _excluded(evidence, tables)
    eligible = [variant.name for variant in evidence.variants if variant.name not in excluded]
    if not tables or not eligible:
        return Choice(excluded, {}, "", {}, {}, [], {}, [], "")
    found = mean_intervals([[table.scored(variant) for table in tables] for variant in eligible])
    means = dict(zip(eligible, found, strict=True))
    leader = max(eligible, key=lambda variant: means[variant].value)
    behind = _against(leader, eligible, tables)
    gains = _against(REFERENCE_VARIANT, eligible, tables)
    tied = [leader, *(variant for variant, judged in behind.items() if not judged.worse)]
    kept = _against(REFERENCE_VARIANT, tied, evidence.retention())
    keepers = [variant for variant in tied if keeps(variant, kept)]
    gentlest = [] if keepers else _gentlest(tied, kept, evidence.retention())
    left = keepers or gentlest or tied
    recommended = min(left, key=lambda variant: simplicity(evidence, variant, means[variant].value))
    return Choice(excluded, means, leader, behind, gains, tied, kept, gentlest, recommended)


def keeps(variant: str, kept: Mapping[str, Judged]) -> bool:
    """Whether `variant` keeps what the base knew, as far as `kept` tells; unmeasured is not kept, not by the base."""
    return bool(kept) and (variant == REFERENCE_VARIANT or (variant in kept and not kept[variant].worse))


def _gentlest(tied: Sequence[str], kept: Mapping[str, Judged], tables: Sequence[ScoreTable]) -> list[str]:
    """Those of `tied` that aren't significantly below the one that keeps the most; none if nothing is known."""
    if not kept:
        return []
    most = max(kept, key=lambda variant: kept[variant].value)
    behind = _against(most, tied, tables)
    return [variant for variant in tied if variant == most or (variant in behind and not behind[variant].worse)]


def simplicity(evidence: Evidence, variant: str, mean: float) -> tuple[bool, float, float, float]:
    """A sort key, least first: nothing trained before trained, then seconds to build, then tokens a query.

    Tokens and not seconds, since the clock's noise must not choose between variants that compute the same; both count
    to two significant digits. What is equal up to there goes to the higher mean. A variant without known costs comes
    last of its kind.
    """
    trained = any(v.name == variant and v.trainable_parameters > 0 for v in evidence.variants)
    cost = evidence.costs.get(variant)
    if cost is None:
        return trained, float("inf"), float("inf"), -mean
    tokens = cost.prompt_tokens_per_query + cost.generated_tokens_per_query
    return trained, float(f"{cost.build_seconds:.2g}"), float(f"{tokens:.2g}"), -mean


def _excluded(evidence: Evidence, tables: Sequence[ScoreTable]) -> dict[str, str]:
    """Why each variant that can't be recommended can't be."""
    reasons: dict[str, str] = {}
    for variant in (reference.name for reference in evidence.variants):
        for table in tables:
            if variant not in table.variants:
                reasons.setdefault(variant, f"has no {table.metric} on {table.split}")
            elif (share := table.unscored_share(variant)) > UNSCORED_LIMIT:
                reasons.setdefault(variant, f"{100 * share:.1f}% of {table.split} is unscored")
    return reasons


def _against(reference: str, variants: Sequence[str], tables: Sequence[ScoreTable]) -> dict[str, Judged]:
    """The macro difference of each other one of `variants` to `reference`, judged as one family.

    Left out is who can't be paired with it on every table; nobody can if there are no tables.
    """
    quantities: dict[str, Quantity] = {}
    for variant in (name for name in variants if name != reference):
        measured = all({variant, reference} <= set(table.variants) for table in tables)
        samples = [table.difference(variant, reference) for table in tables] if measured else []
        if samples and all(len(sample) for sample in samples):
            quantities[variant] = samples
    found = judge(differences(list(quantities.values())))
    return dict(zip(quantities, found, strict=True))
