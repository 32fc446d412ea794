"""What happens between the base and the trained weights? The path of alpha through the three kinds of split.

Which alpha is chosen, validation alone decides; the test splits only say what the choice was worth. Source: Wortsman et
al., "Robust fine-tuning of zero-shot models" (CVPR 2022). Knows nothing of how weights are interpolated.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

from harness.comparison.evidence import Evidence
from harness.comparison.findings.macro import as_mean, paired, scored
from harness.comparison.records.base import Mean
from harness.comparison.records.comparison import SplitKind, VariantReference
from harness.comparison.records.conclusions import AlphaPath, AlphaPoint
from harness.comparison.statistics.bootstrap import differences, mean_intervals
from harness.comparison.statistics.multiplicity import Judged, judge
from harness.comparison.statistics.samples import Quantity
from harness.comparison.table import ScoreTable

_KINDS: tuple[SplitKind, ...] = ("in-domain", "shifted", "retention")
_BASE = "base"
_RESAMPLES = 2_000  # at least; and 200 a comparison, so that Holm's correction can't hide any, see `resamples_for`


@dataclass(frozen=True)
class _Path:
    """The variants of one recipe in one context by alpha, least first; `chosen` is the alpha that validates best."""

    recipe: str
    context: str
    steps: Mapping[float, str]
    chosen: float | None

    @property
    def best(self) -> str:
        """The variant at the chosen alpha; "" without one."""
        return "" if self.chosen is None else self.steps[self.chosen]

    def others(self) -> dict[float, str]:
        """The variants that the chosen one is compared with by alpha; none if there is no chosen one."""
        return {alpha: variant for alpha, variant in self.steps.items() if self.best and alpha != self.chosen}


def alpha_paths(evidence: Evidence, validation: Mapping[str, Mean]) -> list[AlphaPath]:
    """One path for each recipe and context with an interpolation in the run, with base and trained where they were run.

    `validation` has the scores on the validation cases by variant; a variant without one can't be chosen.
    """
    paths = _paths(evidence.variants, validation)
    tables = {kind: evidence.of_kind(kind) for kind in _KINDS}
    names = list(dict.fromkeys(variant for path in paths for variant in path.steps.values()))
    means = {kind: _means(names, of_kind) for kind, of_kind in tables.items()}
    dominated = _dominated(paths, [of_kind for of_kind in tables.values() if of_kind], evidence.margin)
    return [
        AlphaPath(
            recipe=path.recipe,
            context=path.context,
            points=[
                AlphaPoint(
                    alpha=alpha,
                    variant=variant,
                    in_domain=means["in-domain"].get(variant),
                    shifted=means["shifted"].get(variant),
                    retention=means["retention"].get(variant),
                    validation=validation.get(variant),
                )
                for alpha, variant in path.steps.items()
            ],
            chosen=path.chosen,
            dominates=alphas,
        )
        for path, alphas in zip(paths, dominated, strict=True)
    ]


def _paths(variants: Sequence[VariantReference], validation: Mapping[str, Mean]) -> list[_Path]:
    """The paths in the order in which their first points between stand in the run."""
    between: dict[tuple[str, str], dict[float, str]] = defaultdict(dict)
    for variant in variants:
        recipe, _, written = variant.weights.partition("@")
        with suppress(ValueError):  # no alpha, or one that is no number: @best, @soup
            alpha = float(written)
            between[recipe, variant.context][alpha] = variant.name
    whole = {(variant.weights, variant.context): variant.name for variant in variants}
    paths = []
    for (recipe, context), steps in between.items():
        ends = {0.0: whole.get((_BASE, context)), 1.0: whole.get((recipe, context))}
        steps.update({alpha: variant for alpha, variant in ends.items() if variant})
        scores = {alpha: validation[variant].value for alpha, variant in steps.items() if variant in validation}
        chosen = max(scores, key=lambda alpha: (scores[alpha], -alpha), default=None)
        paths.append(_Path(recipe, context, dict(sorted(steps.items())), chosen))
    return paths


def _means(variants: Sequence[str], tables: Sequence[ScoreTable]) -> dict[str, Mean]:
    """The macro means of those that have scored cases on all `tables`."""
    samples = {variant: found for variant in variants if (found := scored(variant, tables))}
    intervals = mean_intervals(list(samples.values()))
    return {variant: as_mean(interval) for variant, interval in zip(samples, intervals, strict=True)}


def _dominated(paths: Sequence[_Path], kinds: Sequence[Sequence[ScoreTable]], margin: float) -> list[list[float]]:
    """For each path the alphas that the chosen one is shown to dominate.

    All differences of one path are one family. Left out is who can't be paired with the chosen one on all splits.
    """
    gaps = {
        (place, alpha): found
        for place, path in enumerate(paths)
        for alpha, variant in path.others().items()
        if (found := _gaps(path.best, variant, kinds))
    }
    largest = max((len(path.others()) for path in paths), default=0) * len(kinds)
    by_kind = [
        differences([found[kind] for found in gaps.values()], margin=margin, resamples=max(_RESAMPLES, 200 * largest))
        for kind in range(len(kinds))
    ]
    measured = dict(zip(gaps, zip(*by_kind, strict=True), strict=True))
    dominated = []
    for place in range(len(paths)):
        family = {alpha: found for (owner, alpha), found in measured.items() if owner == place}
        judged = iter(judge([difference for found in family.values() for difference in found]))
        dominated.append([alpha for alpha in family if _dominates(list(islice(judged, len(kinds))))])
    return dominated


def _gaps(best: str, other: str, kinds: Sequence[Sequence[ScoreTable]]) -> list[Quantity]:
    """The paired differences on each kind of split; none where there is no case in common on some split."""
    found: list[Quantity] = [samples for tables in kinds if (samples := paired(best, other, tables))]
    return found if len(found) == len(kinds) else []


def _dominates(found: Sequence[Judged]) -> bool:
    """Whether one difference lies above zero, and none may lie below it by more than the margin."""
    return any(each.better for each in found) and all(each.better or each.equal for each in found)
