"""The figures of a gate: each variant's run minus its baseline, paired by case and seed, judged as one family.

Pure functions over score tables; knows nothing of files and outcomes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from harness.comparison import Judged, ScoreTable, Tables, judge
from harness.comparison.bootstrap import differences, resamples_for
from harness.comparison.seeds import Floats
from harness.gate.records import Check, Finding
from harness.gate.rules import Rules


@dataclass(frozen=True)
class Matched:
    """One variant's scores on the baseline's cases and the common seeds, `(cases, seeds)`, NaN where unscored."""

    variant: str
    split: str
    metric: str
    baseline: Floats
    run: Floats

    @property
    def seeds(self) -> int:
        """How many seeds both runs have."""
        return len(self.run.T)

    @property
    def both(self) -> tuple[Floats, Floats]:
        """Baseline and run on the cases that are scored in both, `(common cases, seeds)` each."""
        common = ~np.isnan(self.run - self.baseline).any(axis=1)
        return self.baseline[common], self.run[common]

    @property
    def newly_unscored_share(self) -> float:
        """By how much the share of unscored cases rises from the baseline to the run, -1 to 1."""
        share = (unscored(self.run) - unscored(self.baseline)) / len(self.baseline)
        return round(share, 9)  # so that 5% - 3% is not more than 2%


def unscored(values: Floats) -> int:
    """How many cases of `(cases, seeds)` lack a score in some seed."""
    return int(np.isnan(values).any(axis=1).sum())


def match(expected: ScoreTable, tables: Tables) -> Iterator[Matched]:
    """Each variant of the baseline's table `expected` with its scores in the run's `tables`.

    Compared are the seeds that both have, so that what is trained meets its like: a run with one seed meets that one
    of a baseline with three, and where nothing but seeds could differ, nothing does.
    """
    found = tables[expected.split, expected.metric]
    places = {case: place for place, case in enumerate(found.cases)}
    rows = [places[case] for case in expected.cases]
    for variant in expected.variants:
        before, after = expected.scores[variant], found.scores[variant]
        seeds = [seed for seed in before.seeds if seed in after.seeds]
        yield Matched(variant, expected.split, expected.metric, before.of(seeds), after.of(seeds)[rows])


def check(matched: Sequence[Matched], rules: Rules) -> list[Check]:
    """One check for each of `matched`, in order.

    All that have a case scored in both runs are one family, resampled often enough for its size.
    """
    samples = {place: run - baseline for place, (baseline, run) in enumerate(pair.both for pair in matched)}
    paired = [place for place, sample in samples.items() if len(sample)]
    found = differences([(samples[place],) for place in paired], resamples=resamples_for(len(paired)))
    judged = dict(zip(paired, judge(found), strict=True))
    return [_check(pair, judged.get(place), rules) for place, pair in enumerate(matched)]


def _check(pair: Matched, judged: Judged | None, rules: Rules) -> Check:
    baseline, run = pair.both
    return Check(
        variant=pair.variant,
        split=pair.split,
        metric=pair.metric,
        cases=len(pair.baseline),
        n=len(baseline),
        baseline=float(baseline.mean()) if judged else None,
        run=float(run.mean()) if judged else None,
        difference=judged.value if judged else None,
        low=judged.low if judged else None,
        high=judged.high if judged else None,
        p=judged.p if judged else None,
        p_adjusted=judged.p_adjusted if judged else None,
        unscored_baseline=unscored(pair.baseline),
        unscored_run=unscored(pair.run),
        finding=_finding(pair, judged, rules),
    )


def _finding(pair: Matched, judged: Judged | None, rules: Rules) -> Finding:
    if pair.newly_unscored_share > rules.unscored_rise:
        return "unscored"
    if judged is None or judged.p_adjusted >= rules.alpha:
        return "same"
    return "worse" if judged.value < 0 else "better"
