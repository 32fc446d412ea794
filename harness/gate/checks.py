"""The checks of a gate: what rules demand, held against the scores. Pure functions; knows nothing of files."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.comparison import holm
from harness.gate.bounds import Bounds, Question, bounds
from harness.gate.matched import Matched, Target, targets
from harness.gate.power import cases_needed, power
from harness.gate.records import Check, Outcome
from harness.gate.rules import Rule, Rules
from harness.gate.snapshot import Snapshot


@dataclass(frozen=True)
class Demand:
    """What one rule demands of one target, as a question to statistics."""

    number: int
    rule: Rule
    target: Target
    question: Question
    of_fall: bool

    @property
    def answerable(self) -> bool:
        """Whether every part has a case that is scored in both runs."""
        return all(len(part) for part in self.question.parts)


def demands(rules: Rules, found: list[Matched], baseline: Snapshot) -> list[Demand]:
    """All that the rules demand of what was `found`."""
    made = []
    for number, rule in enumerate(rules.rules, 1):
        for target in targets(rule, found, baseline):
            if rule.most_fall is not None and rule.least_fall is not None:
                gaps = tuple(part.gap for part in target.parts)
                question = Question(gaps, above=-rule.most_fall, below=-rule.least_fall)
                made.append(Demand(number, rule, target, question, of_fall=True))
            if rule.floor is not None:
                scores = tuple(part.run for part in target.parts)
                question = Question(scores, above=rule.floor, below=rule.floor)
                made.append(Demand(number, rule, target, question, of_fall=False))
    return made


def check(made: Sequence[Demand]) -> list[Check]:
    """One check for each demand, in order.

    What is shown to fail is corrected for the number of all checks, as each could raise a false alarm. What is shown to
    pass is not: a run passes only where every check does, so that one which ought not to has no more chances with many
    checks than with one (Berger, "Multiparameter hypothesis testing and acceptance sampling", Technometrics 24, 1982).
    """
    asked = [place for place, demand in enumerate(made) if demand.answerable]
    found = bounds([made[place].question for place in asked])
    adjusted = holm([one.p_below for one in found])
    known = {place: (one, p) for place, one, p in zip(asked, found, adjusted, strict=True)}
    return [_check(demand, *known.get(place, (None, 1.0))) for place, demand in enumerate(made)]


def _check(demand: Demand, found: Bounds | None, adjusted: float) -> Check:
    parts, rule, question = demand.target.parts, demand.rule, demand.question
    bare = Check(
        rule=demand.number,
        demand="fall" if demand.of_fall else "floor",
        variant=demand.target.variant,
        splits=[part.split for part in parts],
        metric=demand.target.metric,
        cases=sum(part.cases for part in parts),
        n=sum(len(part.run) for part in parts),
        pass_line=question.above,
        fail_line=question.below,
        alpha=rule.alpha,
    )
    if found is None:
        return bare
    distance = -question.above if demand.of_fall else abs(found.value - question.above)
    one_seed = question.parts[0].seeds == 1  # the luck of few seeds is no matter of more cases
    figures = {
        "baseline": sum(part.baseline.mean() for part in parts) / len(parts),
        "run": sum(part.run.mean() for part in parts) / len(parts),
        "value": found.value,
        "low": found.low,
        "high": found.high,
        "p_pass": found.p_above,
        "p_fail": found.p_below,
        "p_fail_adjusted": adjusted,
        "power": power(found, distance, rule.alpha) if one_seed else None,
        "cases_needed": cases_needed(found, distance, rule.alpha, bare.n) if one_seed else None,
        "outcome": _outcome(found, adjusted, rule.alpha),
    }
    return Check.model_validate({**bare.model_dump(), **figures})


def _outcome(found: Bounds, adjusted: float, alpha: float) -> Outcome:
    if adjusted < alpha:
        return "fail"
    return "pass" if found.p_above < alpha else "unknown"
