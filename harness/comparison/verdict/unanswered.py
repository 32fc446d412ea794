"""What the data leave open, in words, and how many cases would tell.

Decides nothing: it reads a `Ruling`. Names stand bare; who shows the text escapes them.
"""

from math import ceil
from statistics import NormalDist

from harness.comparison.findings.macro import paired
from harness.comparison.phrases import amount, count, listing, points_interval, points_of, shortened
from harness.comparison.statistics.bootstrap import LEVEL, Interval
from harness.comparison.statistics.multiplicity import ALPHA
from harness.comparison.statistics.power import POWER
from harness.comparison.verdict.cheapest import simplicity
from harness.comparison.verdict.reasons import figure
from harness.comparison.verdict.ruling import Ruling

_SHOWN = 3  # variants that are told one by one


def cannot_tell(ruling: Ruling) -> list[str]:
    """What the data leave open."""
    found = [*_untold_requirements(ruling), *_unpriced(ruling)]
    if ruling.choice.recommended:
        found += [*_untold_differences(ruling), *_unmeasured(ruling), *_clock(ruling), *_no_updates(ruling)]
    training = "how much training varies from seed to seed (one seed was run), " if ruling.evidence.seeds == 1 else ""
    return [
        *found,
        f"Not told by these figures: {training}what another base model or other data would show, and how much of the "
        "leader's lead is the luck of being picked on these cases.",
    ]


def cheaper_unknown(ruling: Ruling) -> list[str]:
    """Who can't be told from the best one and would be taken for it if it tied, the cheapest first."""

    def dearness(variant: str) -> tuple[float, tuple[bool, float, float, float]]:
        month = ruling.months.get(variant, float("inf")) if ruling.months else 0.0
        return month, simplicity(ruling.evidence, variant, ruling.means[variant].value)

    recommended = dearness(ruling.choice.recommended)
    return sorted((variant for variant in ruling.unknown() if dearness(variant) < recommended), key=dearness)


def _untold_requirements(ruling: Ruling) -> list[str]:
    """Requirements that can't be told of variants that could be recommended otherwise."""
    found = []
    for requirement in ruling.requirements():
        checks = [c for c in ruling.checks if c.requirement == requirement and c.variant in ruling.choice.doubtful]
        untold = [f"{c.variant}, {figure(c)}" for c in checks if c.outcome == "cannot tell"]
        if untold:
            found.append(f"Whether {requirement} holds: {shortened(untold)}.")
    return found


def _untold_differences(ruling: Ruling) -> list[str]:
    """Whether those that can't be told from the best one are as good, and how many cases would tell."""
    unknown = list(dict.fromkeys([*cheaper_unknown(ruling), *ruling.unknown()]))
    found = [
        f"Whether {variant} is as good as {ruling.choice.best}: {points_interval(ruling.choice.beside[variant])}; "
        f"{_cases(ruling, variant)}."
        for variant in unknown[:_SHOWN]
    ]
    more = unknown[_SHOWN:]
    return [*found, *([f"The same can't be told of {shortened(more)}."] if more else [])]


def cases_to_tell(effect: float, interval: Interval, cases: int, *, alpha: float = ALPHA) -> int:
    """How many cases show a difference of `effect` with 80% power, where as many `cases` have this 95% `interval`.

    The standard error falls with the square root of the cases, however they are grouped and scored: n' such that
    effect = (z_alpha + z_power) error √(n / n'), the normal approximation, two-sided at `alpha`.
    """
    normal = NormalDist()
    error = (interval.high - interval.low) / (2 * normal.inv_cdf((1 + LEVEL) / 2))
    return ceil(cases * ((normal.inv_cdf(1 - alpha / 2) + normal.inv_cdf(POWER)) * error / effect) ** 2)


def _cases(ruling: Ruling, variant: str) -> str:
    """How many cases it takes to show a difference as large as the margin."""
    samples = paired(variant, ruling.choice.best, ruling.evidence.deciding()) or []
    here, margin = sum(len(sample) for sample in samples), ruling.evidence.margin
    besides = ruling.choice.beside
    needed = cases_to_tell(margin, besides[variant], here, alpha=ALPHA / len(besides))
    if needed <= here:
        return f"it lies too near {points_of(margin)} for these {here:,} cases"
    seeds = " or more seeds" if ruling.evidence.seeds > 1 else ""
    asked = "is 1 case" if here == 1 else f"are {here:,} cases"
    return f"to show {points_of(margin)} takes about {amount(needed)} cases{seeds}, and there {asked}"


def _unmeasured(ruling: Ruling) -> list[str]:
    recommended = ruling.choice.recommended
    cost = ruling.evidence.costs.get(recommended)
    if cost is None or (cost.p50_seconds is not None and not cost.served):
        return []
    why = "not measured" if cost.p50_seconds is None else "its server had as many requests at once as the run allowed"
    return [f"How long {recommended} takes to answer one query alone: {why}."]


def _unpriced(ruling: Ruling) -> list[str]:
    """Whose queries can't be paid, and the prices that are missing for it."""
    lacking: dict[tuple[str, ...], list[str]] = {}
    for variant, cost in ruling.costs.items():
        if cost.missing:
            lacking.setdefault(cost.missing, []).append(variant)
    every = [*ruling.costs] if len(ruling.costs) > _SHOWN else []
    told = {names: "any variant" if whose == every else listing(whose) for names, whose in lacking.items()}
    return [
        f"What a query of {whose} costs: a server bills its tokens, and the file of prices lacks {listing(names)}."
        for names, whose in told.items()
    ]


def _clock(ruling: Ruling) -> list[str]:
    """How exact costs are, where they may have decided."""
    if ruling.months is None:
        return []
    return ["How exact the costs are: seconds were taken once, on one machine, and what else it did counts in them."]


def _no_updates(ruling: Ruling) -> list[str]:
    """Where updates of the knowledge are stated, and the recommended one has no place for them."""
    recommended, volume = ruling.choice.recommended, ruling.constraints.volume
    found = next((v for v in ruling.evidence.variants if v.name == recommended), None)
    if found is None or volume is None or not volume[1]:
        return []
    if found.trainable_parameters is None:
        return [f"What an update of {recommended} costs: it was trained elsewhere, so nothing of that was measured."]
    if found.trainable_parameters or found.context.startswith("rag-"):
        return []
    updates = count(volume[1], "update", "updates")
    return [f"How {recommended} would take up {updates} a month: nothing in it is built from the knowledge."]
