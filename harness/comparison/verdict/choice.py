"""Which variant is to be used? Pure decisions over score tables; `sentence` and `reasons` have the words.

1. *Judged* is who has at most 5% unscored cases on each in-domain and shifted split (retention splits decide only
   where a run has no others). *Eligible* is who of them fails no requirement; where some surely meet them all, those
   for which it can't be told stand back.
2. *Leader* is the eligible variant with the highest macro mean of the splits' primary metrics, each split with the
   same weight. Another one *ties* with it where it is shown to be equal within the margin, is *below* it where it is
   significantly worse and no tie, and is *unknown* otherwise (`tested_by_student` of the paired macro difference,
   Holm over all couples, since the scores have chosen it).
3. Of those that aren't below, the ones *stay* that are not shown to lose what the base knew: to be below
   `base/zero-shot` on the retention splits (Holm over them). If all do, those stay that aren't below the one that keeps
   the most (Holm over all couples). All stay where nothing can be told.
4. *Best* is the highest of those that stay. It and those of them that tie with it are the *candidates*.
5. Of the candidates the `cheapest` at the stated use is recommended, or the simplest where no use was stated.

A difference that isn't shown decides nothing: who merely can't be told from the best is not taken for it, however
cheap, but named. Cases that share a group are drawn together, on whatever split they stand; seeds are drawn once for
all splits, since the same trained model answers on each.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from math import comb

from harness.comparison.evidence import Evidence
from harness.comparison.findings.macro import paired, scored
from harness.comparison.records.comparison import REFERENCE_VARIANT
from harness.comparison.records.verdict import RequirementCheck
from harness.comparison.statistics.bootstrap import Interval, mean_intervals, tested_by_student
from harness.comparison.statistics.multiplicity import Judged, judge
from harness.comparison.table import ScoreTable
from harness.comparison.verdict.cheapest import cheapest

UNSCORED_LIMIT = 0.05


@dataclass(frozen=True)
class Choice:
    """The decision and every figure that led to it, by variant; `leader`, `best`, `recommended` are "" without any.

    `excluded` says why who can't be recommended can't be, and `doubtful` are those of the others for which some
    requirement can't be told. `behind` has the difference of each other eligible variant to the leader, `beside` that
    to the best one, `against` that to the recommended one, and `gains` that to `base/zero-shot`. `kept` has that of
    each one that isn't below the leader to `base/zero-shot` on the retention splits; `staying` are those that stay.
    """

    excluded: dict[str, str]
    doubtful: list[str] = field(default_factory=list)
    eligible: list[str] = field(default_factory=list)
    leader: str = ""
    behind: dict[str, Judged] = field(default_factory=dict)
    kept: dict[str, Judged] = field(default_factory=dict)
    staying: list[str] = field(default_factory=list)
    best: str = ""
    beside: dict[str, Judged] = field(default_factory=dict)
    candidates: list[str] = field(default_factory=list)
    recommended: str = ""
    against: dict[str, Judged] = field(default_factory=dict)
    gains: dict[str, Judged] = field(default_factory=dict)

    @property
    def aside(self) -> list[str]:
        """The doubtful ones that stand back for those that surely meet all requirements."""
        return [variant for variant in self.doubtful if variant not in self.eligible]


def macro_means(evidence: Evidence) -> tuple[dict[str, Interval], dict[str, str]]:
    """The macro mean of every variant that can be judged, and why the others can't."""
    tables, excluded = evidence.deciding(), {}
    samples = {}
    for variant in (reference.name for reference in evidence.variants):
        found = scored(variant, tables)
        if why := _unscored(variant, tables):
            excluded[variant] = why
        elif found:
            samples[variant] = found
        else:
            excluded[variant] = "no split has scores"
    return dict(zip(samples, mean_intervals(list(samples.values())), strict=True)), excluded


def choose(
    evidence: Evidence,
    means: Mapping[str, Interval],
    excluded: Mapping[str, str],
    checks: Sequence[RequirementCheck] = (),
    months: Mapping[str, float] | None = None,
) -> Choice:
    """The recommended variant with its evidence; the rules stand in the module's docstring.

    `means` and `excluded` are those of `macro_means`, `checks` the requirements held against the variants, `months`
    what a month of the stated use costs with each (None: no use was stated).
    """
    failed = {c.variant: f"{c.requirement} is not met" for c in reversed(checks) if c.outcome == "not met"}
    out = {**{variant: why for variant, why in failed.items() if variant in means}, **excluded}
    able = [variant for variant in means if variant not in out]
    doubtful = [v for v in able if any(c.variant == v and c.outcome == "cannot tell" for c in checks)]
    eligible = [variant for variant in able if variant not in doubtful] or able
    if not eligible:
        return Choice(out)
    tables, retention = evidence.deciding(), evidence.of_kind("retention")
    leader = max(eligible, key=lambda variant: means[variant].value)
    behind = against(leader, eligible, tables, evidence.margin, chosen=True)
    level = [leader, *(variant for variant in eligible if variant in behind and not below(behind[variant]))]
    kept = against(REFERENCE_VARIANT, level, retention, evidence.margin)
    keepers = [variant for variant in level if keeps(variant, kept)]
    staying = keepers or _gentlest(level, kept, retention, evidence.margin) or level
    best = max(staying, key=lambda variant: means[variant].value)
    beside = behind if best == leader else against(best, eligible, tables, evidence.margin, chosen=True)
    candidates = [best, *(variant for variant in staying if variant in beside and beside[variant].equal)]
    recommended = cheapest(evidence, candidates, means, months)
    return Choice(
        excluded=out,
        doubtful=doubtful,
        eligible=eligible,
        leader=leader,
        behind=behind,
        kept=kept,
        staying=staying,
        best=best,
        beside=beside,
        candidates=candidates,
        recommended=recommended,
        against=beside if recommended == best else against(recommended, eligible, tables, evidence.margin, chosen=True),
        gains=against(REFERENCE_VARIANT, eligible, tables, evidence.margin),
    )


def below(difference: Judged) -> bool:
    """Whether the `difference` is a shown loss: significant, and not within the margin."""
    return difference.worse and not difference.equal


def keeps(variant: str, kept: Mapping[str, Judged]) -> bool:
    """Whether `variant` isn't shown to lose what the base knew; unmeasured is not kept, not by the base either."""
    return bool(kept) and (variant == REFERENCE_VARIANT or (variant in kept and not below(kept[variant])))


def against(
    reference: str, variants: Collection[str], tables: Sequence[ScoreTable], margin: float, *, chosen: bool = False
) -> dict[str, Judged]:
    """The macro difference of each other one of `variants` to `reference`, judged as one family.

    Where the scores have `chosen` the reference, every couple of variants could have been compared, and the family is
    that of all. Left out is who can't be paired with it on every table; nobody can if there are no tables.
    """
    others = (name for name in variants if name != reference)
    samples = {variant: found for variant in others if (found := paired(variant, reference, tables))}
    quantities = list(samples.values())
    family = tested_by_student(quantities, margin)
    return dict(zip(samples, judge(family, among=comb(len(samples) + 1, 2) if chosen else 0), strict=True))


def _gentlest(
    variants: Sequence[str], kept: Mapping[str, Judged], tables: Sequence[ScoreTable], margin: float
) -> list[str]:
    """Those that aren't shown to be below the one that keeps the most; none if nothing is known."""
    if not kept:
        return []
    most = max(kept, key=lambda variant: kept[variant].value)
    behind = against(most, variants, tables, margin, chosen=True)
    return [variant for variant in variants if variant == most or (variant in behind and not below(behind[variant]))]


def _unscored(variant: str, tables: Sequence[ScoreTable]) -> str:
    """Why too few cases of `variant` are scored; "" where there are enough."""
    for table in tables:
        if variant not in table.variants:
            return f"has no {table.metric} on {table.split}"
        if (share := table.unscored_share(variant)) > UNSCORED_LIMIT:
            return f"{100 * share:.1f}% of {table.split} is unscored"
    return ""
