"""What would an oracle reach that asks, case by case, the better of retrieval and a fine-tuned model? Knows no costs.

The pair is the best variant with the base's weights that retrieves, and the best fine-tuned one that doesn't, by their
macro means over the deciding splits: the two ways to bring knowledge to a model. A variant that does both needs no
router.

An oracle is a bound, not a system, and it gains from luck too. Two equal variants that are right or wrong by chance,
and disagree on a share of the cases, give it half that share, which is the most that any two can give. So one run of
each can't tell luck from skill. With several seeds there is a figure that can: the *steady* gain, where who answers a
case is chosen by the other seeds. It is too low rather than too high, since few seeds choose badly.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from harness.comparison.evidence import Evidence
from harness.comparison.findings.macro import as_mean, scored
from harness.comparison.records.conclusions import Router
from harness.comparison.statistics.bootstrap import differences
from harness.comparison.statistics.samples import Floats, Groups, Sample
from harness.comparison.table import ScoreTable

_BASE = "base"
_RESAMPLES = 2_000  # enough for an interval without a p value


def routers(evidence: Evidence) -> list[Router]:
    """The router of a run, if it has two such variants with a scored case in common on every deciding split."""
    tables = evidence.deciding()
    retrieves = {variant.name: variant.context.startswith("rag-") for variant in evidence.variants}
    trained = {variant.name: variant.weights != _BASE for variant in evidence.variants}
    retrieving = _best((name for name in retrieves if retrieves[name] and not trained[name]), tables)
    tuned = _best((name for name in retrieves if trained[name] and not retrieves[name]), tables)
    if not retrieving or not tuned:
        return []
    answers = [_Answers.of(table, retrieving, tuned) for table in tables]
    if not all(each.retrieving.size for each in answers):
        return []
    ahead = sum(float(each.retrieving.mean() - each.tuned.mean()) for each in answers) >= 0
    better = [each.retrieving if ahead else each.tuned for each in answers]
    quantities = [
        [Sample(each.best(), each.groups, lowest=0.0) for each in answers],
        [Sample(each.best() - one, each.groups, lowest=0.0) for each, one in zip(answers, better, strict=True)],
    ]
    if answers[0].retrieving.shape[1] > 1:
        quantities.append(
            [Sample(each.steady(one) - one, each.groups) for each, one in zip(answers, better, strict=True)]
        )
    mean, gain, *steady = (as_mean(interval) for interval in differences(quantities, resamples=_RESAMPLES))
    return [Router(retrieving=retrieving, tuned=tuned, mean=mean, gain=gain, steady=next(iter(steady), None))]


def _best(variants: Iterable[str], tables: Sequence[ScoreTable]) -> str:
    """The one with the highest macro mean, of equal ones the first; "" if none is scored on all `tables`."""
    samples = {variant: found for variant in variants if (found := scored(variant, tables))}
    return max(samples, key=lambda variant: sum(sample.mean() for sample in samples[variant]), default="")


@dataclass(frozen=True)
class _Answers:
    """The scores of both on the cases of one split that both have scored, `(cases, seeds)` each, seed by seed."""

    retrieving: Floats
    tuned: Floats
    groups: Groups

    @classmethod
    def of(cls, table: ScoreTable, retrieving: str, tuned: str) -> "_Answers":
        """Those in `table`, over their common seeds; one with a single seed meets every seed of the other."""
        first, second = table.scores[retrieving], table.scores[tuned]
        common = [seed for seed in first.seeds if seed in second.seeds]
        alone = 1 in (len(first.seeds), len(second.seeds))
        values = (first.values, second.values) if alone else (first.of(common), second.of(common))
        both = np.stack(np.broadcast_arrays(*values))
        kept = ~np.isnan(both).any(axis=(0, 2))
        return cls(both[0, kept], both[1, kept], table.groups[kept])

    def best(self) -> Floats:
        """The higher of the two scores."""
        found: Floats = np.maximum(self.retrieving, self.tuned)
        return found

    def steady(self, better: Floats) -> Floats:
        """The score of who is higher on the same case over the other seeds; that of `better` where they are equal."""
        gap = self.retrieving - self.tuned
        elsewhere = (gap.sum(axis=1, keepdims=True) - gap).round(9)  # the sum over all other seeds
        return np.select([elsewhere > 0, elsewhere < 0], [self.retrieving, self.tuned], better)
