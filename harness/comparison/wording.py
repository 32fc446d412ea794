"""The verdict in words: one sentence, and the checks that led to it, each with its figure.

Decides nothing: it reads a `Choice` and the cells. Names stand bare; who shows the text escapes them.
"""

from collections.abc import Mapping, Sequence

from harness.comparison.bootstrap import Interval
from harness.comparison.decision import UNSCORED_LIMIT, Choice, Evidence, keeps
from harness.comparison.metrics import STALE_RATE
from harness.comparison.multiplicity import Judged
from harness.comparison.phrases import listing, metric_label, percent_interval, points_interval, points_judged
from harness.comparison.records import REFERENCE_VARIANT, Cell

_SHOWN = 3  # variants below the leader that are told with their figures
_ENOUGH_SEEDS = 3  # two make an interval up to nine times as wide as many do, three up to 2.3 times


def sentence(choice: Choice, evidence: Evidence) -> str:
    """The verdict in one sentence, with figures and 95% intervals."""
    if not choice.recommended:
        return (
            f"No recommendation: no variant has at least {1 - UNSCORED_LIMIT:.0%} of the cases of every deciding "
            "split scored."
        )
    score = f"{percent_interval(choice.means[choice.recommended])} {_measure(evidence)}"
    if len(choice.means) == 1:
        return f"Only {choice.recommended} could be judged, at {score}, with nothing to compare it with."
    if choice.recommended != choice.leader:
        gap = points_interval(choice.behind[choice.recommended])
        return f"Use {choice.recommended}: {score}, a tie with the leader {choice.leader} at {gap}, and {_why(choice)}."
    if len(choice.tied) > 1:
        others = listing(choice.tied[1:])
        return f"Use {choice.recommended}: {score}, the highest; {others} tied with it, and it is {_why(choice)}."
    closest = max(choice.behind, key=lambda variant: choice.behind[variant].value)
    gap = points_interval(_reversed(choice.behind[closest]))
    return f"Use {choice.recommended}: {score}, {gap} ahead of the next best, {closest}, and significantly above all."


def reasons(choice: Choice, evidence: Evidence, cells: Sequence[Cell], seeds: int) -> list[str]:
    """The checks in the order in which they were made; `seeds` is how many seeds were run."""
    found = [_judged_by(evidence), *_exclusions(choice)]
    if choice.recommended:
        found += [*_leading(choice), *_gain(choice), *_retention(choice, evidence), _cheapest(choice, evidence)]
    return [*found, *_stale(choice, cells), *_covered(seeds), _untold(seeds)]


def _measure(evidence: Evidence) -> str:
    tables = evidence.deciding()
    labels = {metric_label(table.metric) for table in tables}
    label = labels.pop() if len(labels) == 1 else "primary metric"
    place = f"on {tables[0].split}" if len(tables) == 1 else f"averaged over {len(tables)} splits"
    return f"{label} {place}"


def _why(choice: Choice) -> str:
    """Why the recommended one of several tied variants was taken."""
    keepers = [variant for variant in choice.tied if keeps(variant, choice.kept)]
    left = keepers or choice.gentlest
    if not left or len(left) == len(choice.tied):
        return f"the simplest and cheapest of the {len(choice.tied)} tied"
    if len(left) == 1:
        does = "only one of them that keeps" if keepers else "one of them that forgets least of"
        return f"the {does} what the base knew"
    does = "keep" if keepers else "forget least of"
    return f"the simplest and cheapest of the {len(left)} of them that {does} what the base knew"


def _judged_by(evidence: Evidence) -> str:
    splits: dict[str, list[str]] = {}
    for table in evidence.deciding():
        splits.setdefault(metric_label(table.metric), []).append(table.split)
    if not splits:
        return "Judged by nothing: no split has scores."
    by = listing([f"{label} on {listing(names)}" for label, names in splits.items()])
    return f"Judged by {by}, each split with the same weight."


def _exclusions(choice: Choice) -> list[str]:
    listed = "; ".join(f"{variant} ({why})" for variant, why in choice.excluded.items())
    return [f"Not eligible, too much is unscored: {listed}."] if listed else []


def _leading(choice: Choice) -> list[str]:
    ranked = dict(sorted(choice.behind.items(), key=lambda item: -item[1].value))
    tied = _judged_list({variant: found for variant, found in ranked.items() if not found.worse})
    below = [variant for variant, found in ranked.items() if found.worse]
    worse = _judged_list({variant: ranked[variant] for variant in below[:_SHOWN]})
    more = f"; and {len(below) - _SHOWN} more, each further below" if len(below) > _SHOWN else ""
    return [
        f"Highest: {choice.leader} with {percent_interval(choice.means[choice.leader])}.",
        *([f"Tied with {choice.leader}: {tied or 'none'}."] if ranked else []),
        *([f"Significantly below {choice.leader}: {worse}{more}."] if worse else []),
    ]


def _gain(choice: Choice) -> list[str]:
    found = choice.gains.get(choice.recommended)
    if found is None:
        return []
    verdict = "significantly better" if found.better else "significantly worse" if found.worse else "a tie"
    return [f"{choice.recommended} against {REFERENCE_VARIANT}: {points_judged(found)}, {verdict}."]


def _retention(choice: Choice, evidence: Evidence) -> list[str]:
    splits = listing([table.split for table in evidence.retention()])
    if not splits:
        return []
    keep = {variant: found for variant, found in choice.kept.items() if not found.worse}
    lose = {variant: found for variant, found in choice.kept.items() if found.worse}
    unknown = [v for v in choice.tied if v not in choice.kept and v != REFERENCE_VARIANT]
    return [
        *([f"Kept on {splits} against {REFERENCE_VARIANT}: {_judged_list(keep)}."] if keep else []),
        *([f"Lost significantly on {splits}: {_judged_list(lose)}."] if lose else []),
        *([f"Not comparable with {REFERENCE_VARIANT} on {splits}: {listing(unknown)}."] if unknown else []),
    ]


def _cheapest(choice: Choice, evidence: Evidence) -> str:
    trained = next(v.trainable_parameters for v in evidence.variants if v.name == choice.recommended)
    training = f"{trained:,} parameters trained" if trained else "nothing trained"
    cost = evidence.costs.get(choice.recommended)
    if cost is None:
        return f"Cost of {choice.recommended}: {training}; nothing more is known."
    return (
        f"Cost of {choice.recommended}: {training}, {cost.build_seconds:.1f} s to build, "
        f"{1000 * cost.seconds_per_query:.1f} ms and {cost.prompt_tokens_per_query:.0f} prompt tokens a query."
    )


def _stale(choice: Choice, cells: Sequence[Cell]) -> list[str]:
    """The stale rate of the recommended variant and of the most stale one, on each split that has it."""
    measured: dict[str, dict[str, Interval]] = {}
    for cell in cells:
        if cell.metric == STALE_RATE and cell.mean is not None and cell.low is not None and cell.high is not None:
            measured.setdefault(cell.split, {})[cell.variant] = Interval(cell.mean, cell.low, cell.high)
    found = []
    for split, rates in measured.items():
        stalest = max(rates, key=lambda variant: rates[variant].value)
        named = dict.fromkeys(variant for variant in (choice.recommended, stalest) if variant in rates)
        listed = "; ".join(f"{variant} {percent_interval(rates[variant])}" for variant in named)
        found.append(f"Outdated answers on {split}: {listed}, the highest rate being that of {stalest}.")
    return found


def _covered(seeds: int) -> list[str]:
    """What the intervals cover besides the choice of cases; nothing if one seed was run."""
    if seeds == 1:
        return []
    few = "" if seeds >= _ENOUGH_SEEDS else f", which tell little: run {_ENOUGH_SEEDS} or more"
    return [f"Intervals cover the choice of cases and how training and drawn shots vary over {seeds} seeds{few}."]


def _untold(seeds: int) -> str:
    training = "how much training varies from seed to seed (one seed was run), " if seeds == 1 else ""
    return (
        f"Not told by these figures: {training}what another base model or other data would show, and how much of the "
        "leader's lead is the luck of being picked on these cases."
    )


def _judged_list(found: Mapping[str, Judged]) -> str:
    return "; ".join(f"{variant} {points_judged(judged)}" for variant, judged in found.items())


def _reversed(difference: Interval) -> Interval:
    return Interval(-difference.value, -difference.high, -difference.low)
