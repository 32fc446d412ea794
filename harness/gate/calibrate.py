"""How much do repeated runs of the same differ, and which margins does that call for? Knows nothing of files.

Two runs of the same differ by what chance does to single answers, which more cases even out, and by how well each was
trained, which they don't. The first is what every check reckons with. The second is no chance to a gate that sees one
run of each: the run *is* worse, and only repeating it shows that it need not be. So

- `max_drop` has to cover the second, where it is shown: as far as no check in 95% of gates lies apart by it alone;
- `margin` has to cover both, and how far the bound of a check reaches: so that 95% of gates can tell. With the
  false alarms that alpha allows, about nine of ten pass.

`benchmarks/gate_calibration.py` measures how many do; docs/ci.md has the figures.
"""

from collections.abc import Sequence
from itertools import combinations
from math import ceil, sqrt
from statistics import NormalDist

from harness.comparison import Record
from harness.comparison.phrases import count
from harness.comparison.records.base import Figure
from harness.errors import InputError, NotComparableError
from harness.gate.bounds import Bounds, bounds
from harness.gate.checks import Demand, demands
from harness.gate.matched import check_rules, matched
from harness.gate.obstacles import obstacles
from harness.gate.rules import Rule, Rules
from harness.gate.snapshot import Snapshot

TELLING = 0.95  # of gates in which nothing changed can tell; false alarms take up to alpha of all
STEP = 0.005  # margins are told in half points
_MOST = 0.995
_SETTLED = 5  # runs from which on the proposal is steady


class RuleNoise(Record):
    """What repeated runs showed of one rule's `checks`, of which `noisy` ones moved at all; 0 to 1.

    `largest` is the largest difference of two runs, `typical` the root mean square over the noisy checks, `training`
    what of it more cases wouldn't even out, 0 where that isn't shown.
    """

    rule: int
    checks: int
    noisy: int
    largest: Figure
    typical: Figure
    training: Figure


class Calibration(Record):
    """The noise of `runs` repeated runs, rule by rule, the rules that it calls for, and a summary in plain words."""

    runs: int
    noise: tuple[RuleNoise, ...]
    rules: Rules
    summary: tuple[str, ...]


def calibrate(runs: Sequence[Snapshot], rules: Rules | None = None) -> Calibration:
    """What the differences of `runs`, all made alike, call for in the margins of `rules` (default: the usual ones).

    Floors stay as they are. Raises InputError for fewer than two runs, NotComparableError where they differ in more.
    """
    if len(runs) < 2:
        raise InputError("--calibrate: one run shows no noise. Give two or more runs of the same, better five.")
    given = rules or Rules()
    check_rules(given, runs[0])
    _check_alike(runs, given)
    measured = [_measured(first, second, given) for first, second in combinations(runs, 2)]
    noisy = sum(any(pair[place][1].value != 0 for pair in measured) for place in range(len(measured[0])))
    z = NormalDist().inv_cdf(1 - (1 - TELLING) / max(1, noisy))
    noise, proposed = [], []
    for number, rule in enumerate(given.rules, 1):
        columns = [
            [pair[place][1] for pair in measured]
            for place, (demand, _) in enumerate(measured[0])
            if demand.number == number
        ]
        found = _noise(number, columns, len(runs))
        noise.append(found)
        proposed.append(_proposed(rule, columns, found, z))
    rules = given.model_copy(update={"rules": tuple(proposed)})
    return Calibration(
        runs=len(runs), noise=tuple(noise), rules=rules, summary=tuple(_summary(len(runs), noise, rules))
    )


def _check_alike(runs: Sequence[Snapshot], rules: Rules) -> None:
    told = [
        f"  - run {number}: {one.reason}"
        for number, run in enumerate(runs[1:], 2)
        for here, there in ((run, runs[0]), (runs[0], run))
        for one in obstacles(here, there, rules.unscored_rise)
        if not one.accept.startswith("seeds ")  # repetitions may well be of other seeds
    ]
    if told:
        listed = "\n".join(dict.fromkeys(told))
        raise NotComparableError(
            f"the runs are not repetitions of run 1:\n{listed}\nTheir differences would not be noise. Repeat one run."
        )


def _measured(first: Snapshot, second: Snapshot, rules: Rules) -> list[tuple[Demand, Bounds]]:
    """All that the rules demand about falls, with the bounds of one run's difference from another."""
    made = [one for one in demands(rules, matched(second, first), first) if one.of_fall and one.answerable]
    return list(zip(made, bounds([one.question for one in made]), strict=True))


def _noise(number: int, columns: list[list[Bounds]], runs: int) -> RuleNoise:
    moved = [pair for pairs in columns if any(one.value for one in pairs) for pair in pairs]
    squares = sum(one.value**2 for one in moved) / max(1, len(moved))
    by_chance = sum(one.spread**2 for one in moved) / max(1, len(moved))
    noisy = sum(any(one.value for one in pairs) for pairs in columns)
    shown = squares > by_chance * _largest_by_chance(noisy * (runs - 1)) if noisy else False
    return RuleNoise(
        rule=number,
        checks=len(columns),
        noisy=noisy,
        largest=max((abs(one.value) for pairs in columns for one in pairs), default=0.0),
        typical=sqrt(squares),
        training=sqrt(squares - by_chance) if shown else 0.0,
    )


def _largest_by_chance(freedom: int) -> float:
    """The 95% point of chi-squared over its degrees of freedom.

    Source: Wilson & Hilferty, "The distribution of chi-square", Proceedings of the National Academy of Sciences 17
    (1931).
    """
    variance = 2 / (9 * freedom)
    return float((1 - variance + NormalDist().inv_cdf(0.95) * sqrt(variance)) ** 3)


def _proposed(rule: Rule, columns: list[list[Bounds]], noise: RuleNoise, z: float) -> Rule:
    if rule.most_fall is None or not columns:
        return rule
    reach = max(
        sum(one.reach(rule.alpha) for one in pairs) / len(pairs)
        + (z * noise.typical if any(one.value for one in pairs) else 0.0)
        for pairs in columns
    )
    return rule.model_copy(update={"margin": _rounded(reach), "max_drop": _rounded(z * noise.training)})


def _rounded(drop: float) -> float:
    return min(_MOST, round(ceil(drop / STEP - 1e-9) * STEP, 6))


def _summary(runs: int, noise: Sequence[RuleNoise], rules: Rules) -> list[str]:
    told = []
    for one, rule in zip(noise, rules.rules, strict=True):
        if not one.checks:
            why = "demands no more than a floor" if rule.most_fall is None else "no case of it is scored in all runs"
            told.append(f"Rule {one.rule}: {why}, so it stays as it is.")
            continue
        of_what = "means over splits" if rule.mean else "single splits"
        checks = count(one.checks, "check", "checks")
        told.append(
            f"Rule {one.rule}, {checks} of {of_what}: {one.noisy} moved, by {100 * one.typical:.1f} points "
            f"typically and {100 * one.largest:.1f} at most, of which training makes {100 * one.training:.1f}. "
            f"Proposed: margin {rule.most_fall:g}, max_drop {rule.least_fall:g}."
        )
    few = f" {runs} runs tell little of training: take {_SETTLED} or more." if runs < _SETTLED else ""
    if not any(one.checks for one in noise):
        return told
    return [*told, f"With these about nine of ten gates pass a run in which nothing changed.{few}"]
