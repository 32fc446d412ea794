"""The checks that led to the verdict, in the order in which they were made, each with its figure.

Decides nothing: it reads a `Ruling`. Names stand bare; who shows the text escapes them.
"""

from collections.abc import Mapping

from harness.comparison.metrics import STALE_RATE
from harness.comparison.phrases import (
    amount,
    listing,
    metric_label,
    percent_interval,
    points_interval,
    points_judged,
    points_of,
    shortened,
)
from harness.comparison.records.comparison import REFERENCE_VARIANT
from harness.comparison.records.verdict import RequirementCheck
from harness.comparison.statistics.bootstrap import Interval
from harness.comparison.statistics.multiplicity import Judged
from harness.comparison.verdict.choice import below
from harness.comparison.verdict.constraints import Outcome
from harness.comparison.verdict.cost_reasons import cost_reasons
from harness.comparison.verdict.ruling import Ruling

_ENOUGH_SEEDS = 5  # of fewer, chance agreement among seeds makes too many differences (docs/statistics.md)
_OUTCOMES: tuple[tuple[Outcome, str], ...] = (
    ("met", "Met by"),
    ("not met", "Not met by"),
    ("cannot tell", "Can't be told for"),
)


def reasons(ruling: Ruling) -> list[str]:
    """What was checked, and what came out."""
    found = [_judged_by(ruling), *_requirements(ruling), *_exclusions(ruling)]
    if ruling.choice.recommended:
        found += [*_leading(ruling), *_gain(ruling), *_retention(ruling), *_staying(ruling)]
    return [*found, *cost_reasons(ruling), *_stale(ruling), *_covered(ruling)]


def figure(check: RequirementCheck) -> str:
    """What was measured of a requirement, with its interval where it has one."""
    if check.value is None:
        return "not measured"
    if check.low is None or check.high is None:
        return amount(check.value)
    interval = Interval(check.value, check.low, check.high)
    return points_interval(interval) if check.kind == "difference" else percent_interval(interval)


def _judged_by(ruling: Ruling) -> str:
    splits: dict[str, list[str]] = {}
    for table in ruling.evidence.deciding():
        splits.setdefault(metric_label(table.metric), []).append(table.split)
    if not splits:
        return "Judged by nothing: no split has scores."
    by = listing([f"{label} on {listing(names)}" for label, names in splits.items()])
    margin = points_of(ruling.evidence.margin)
    return f"Judged by {by}, each split with the same weight; differences within {margin} count as none."


def _requirements(ruling: Ruling) -> list[str]:
    """For each requirement who meets it, who doesn't, and for whom it can't be told."""
    found = []
    for requirement in ruling.requirements():
        checks = [c for c in ruling.checks if c.requirement == requirement]
        parts = []
        for outcome, words in _OUTCOMES:
            group = [c for c in checks if c.outcome == outcome and c.value is not None]
            if group:
                parts.append(f"{words} {shortened([f'{check.variant} {figure(check)}' for check in group])}")
        unmeasured = [c.variant for c in checks if c.value is None]
        if unmeasured:
            parts.append(f"Not measured for {shortened(unmeasured)}")
        found.append(f"Required, {requirement}: {'. '.join(parts)}.")
    return found


def _exclusions(ruling: Ruling) -> list[str]:
    unscored = {v: why for v, why in ruling.choice.excluded.items() if v not in ruling.means}
    listed = "; ".join(f"{variant} ({why})" for variant, why in unscored.items())
    return [f"Not eligible, too much is unscored: {listed}."] if listed else []


def _leading(ruling: Ruling) -> list[str]:
    choice = ruling.choice
    return [
        f"Highest: {choice.leader} with {percent_interval(ruling.means[choice.leader])}.",
        *_sorted_out(choice.leader, choice.behind, ruling.evidence.margin),
    ]


def _sorted_out(reference: str, differences: Mapping[str, Judged], margin: float) -> list[str]:
    """Who of the others ties with `reference`, who can't be told from it, and who is below it."""
    ranked = sorted(differences.items(), key=lambda item: -item[1].value)
    tied = [_told(name, one) for name, one in ranked if one.equal]
    unknown = [_told(name, one) for name, one in ranked if not one.equal and not one.worse]
    worse = [_told(name, one) for name, one in ranked if below(one)]
    return [
        *([f"Tied with {reference}, equal within {points_of(margin)}: {shortened(tied) or 'none'}."] if ranked else []),
        *([f"Can't be told from {reference}: {shortened(unknown)}."] if unknown else []),
        *([f"Significantly below {reference}: {shortened(worse)}."] if worse else []),
    ]


def _gain(ruling: Ruling) -> list[str]:
    found = ruling.choice.gains.get(ruling.choice.recommended)
    if found is None:
        return []
    told = "can't be told apart"
    if found.equal:
        told = "a tie"
    elif found.better or found.worse:
        told = f"significantly {'better' if found.better else 'worse'}"
    return [f"{ruling.choice.recommended} against {REFERENCE_VARIANT}: {points_judged(found)}, {told}."]


def _retention(ruling: Ruling) -> list[str]:
    choice = ruling.choice
    splits = listing([table.split for table in ruling.evidence.of_kind("retention")])
    if not splits:
        return []
    level = [choice.leader, *(v for v, one in choice.behind.items() if not below(one))]
    lost = [_told(v, one) for v, one in choice.kept.items() if below(one)]
    kept = [_told(v, one) for v, one in choice.kept.items() if one.equal or one.better]
    unknown = [_told(v, one) for v, one in choice.kept.items() if not (one.equal or one.better or one.worse)]
    missing = [v for v in level if v not in choice.kept and v != REFERENCE_VARIANT]
    return [
        *([f"Kept on {splits} against {REFERENCE_VARIANT}: {shortened(kept)}."] if kept else []),
        *([f"Lost significantly on {splits}: {shortened(lost)}."] if lost else []),
        *([f"Can't be told whether it is kept on {splits}: {shortened(unknown)}."] if unknown else []),
        *([f"Not comparable with {REFERENCE_VARIANT} on {splits}: {shortened(missing)}."] if missing else []),
    ]


def _staying(ruling: Ruling) -> list[str]:
    """Who is the best of those that stay, where the leader doesn't."""
    choice = ruling.choice
    if choice.best == choice.leader:
        return []
    stay = "aren't shown to lose it" if ruling.keepers() else "lose least of it"
    mean = percent_interval(ruling.means[choice.best])
    return [
        f"Highest of those, not below the leader, that {stay}: {choice.best} with {mean}.",
        *_sorted_out(
            choice.best, {v: one for v, one in choice.beside.items() if v in choice.staying}, ruling.evidence.margin
        ),
    ]


def _stale(ruling: Ruling) -> list[str]:
    """The stale rate of the recommended variant and of the most stale one, on each split that has it."""
    measured: dict[str, dict[str, Interval]] = {}
    for cell in ruling.cells:
        if cell.metric == STALE_RATE and cell.mean is not None and cell.low is not None and cell.high is not None:
            measured.setdefault(cell.split, {})[cell.variant] = Interval(cell.mean, cell.low, cell.high)
    found = []
    for split, rates in measured.items():
        stalest = max(rates, key=lambda variant: rates[variant].value)
        named = dict.fromkeys(variant for variant in (ruling.choice.recommended, stalest) if variant in rates)
        listed = "; ".join(f"{variant} {percent_interval(rates[variant])}" for variant in named)
        found.append(f"Outdated answers on {split}: {listed}, the highest rate being that of {stalest}.")
    return found


def _covered(ruling: Ruling) -> list[str]:
    """What the intervals cover besides the choice of cases; nothing if one seed was run."""
    seeds = ruling.evidence.seeds
    if seeds <= 1:
        return []
    few = "" if seeds >= _ENOUGH_SEEDS else f", which tell little: run {_ENOUGH_SEEDS} or more"
    return [f"Intervals cover the choice of cases and how training and drawn shots vary over {seeds} seeds{few}."]


def _told(variant: str, difference: Judged) -> str:
    return f"{variant} {points_judged(difference)}"
