"""How often the gate passes what it shouldn't, fails what it shouldn't, and can't tell.

    python benchmarks/gate_rates.py            # the tables of docs/ci.md; about ten minutes on one core
    python benchmarks/gate_rates.py --worlds 1000

Simulated are right and wrong answers, of which a share changes from baseline to run, for worse or for better.
"""

import argparse
from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np

from harness.comparison import Sample
from harness.comparison.statistics.samples import Floats
from harness.gate.bounds import Bounds, Question, bounds
from harness.gate.checks import Demand, check
from harness.gate.matched import Matched, Target
from harness.gate.power import power
from harness.gate.rules import Rules

SEED = 6
AT_ONCE = 100  # questions that are asked at once
Answers = Callable[[np.random.Generator, int, float], Sample]


def changes(random: np.random.Generator, shape: tuple[int, ...], discordance: float, drop: float) -> Floats:
    """Run minus baseline of right and wrong answers: -1, 0 or 1, of mean -`drop`."""
    luck = random.random(shape)
    worse, better = (discordance + drop) / 2, (discordance - drop) / 2
    return np.where(luck < worse, -1.0, np.where(luck < worse + better, 1.0, 0.0))


def binary(discordance: float) -> Answers:
    return lambda random, cases, drop: Sample.of(changes(random, (cases,), max(discordance, drop), drop))


def scores(random: np.random.Generator, cases: int, drop: float) -> Sample:
    """Token F1 and the like: most stay, some move by any amount; skewed where there is a drop."""
    share = changes(random, (cases,), max(0.2, 2 * drop), 2 * drop)
    return Sample.of(share * random.random(cases))


def clustered(size: int, discordance: float) -> Answers:
    """Documents of up to `size` cases that mostly change together."""

    def answers(random: np.random.Generator, cases: int, drop: float) -> Sample:
        groups = np.repeat(np.arange(cases), random.integers(1, size + 1, cases))[:cases]
        shared = changes(random, (cases,), discordance, drop)[groups]
        own = changes(random, (cases,), discordance, drop)
        return Sample.of(np.where(random.random(cases) < 0.7, shared, own), groups)

    return answers


def seeded(seeds: int, training: float) -> Answers:
    """Each seed better or worse by its training, with standard deviation `training`, on all cases."""

    def answers(random: np.random.Generator, cases: int, drop: float) -> Sample:
        effects = drop + training * random.standard_normal(seeds)
        columns = [changes(random, (cases,), 0.3, float(np.clip(effect, -0.3, 0.3))) for effect in effects]
        return Sample.of(np.stack(columns, axis=1))

    return answers


KINDS: dict[str, Answers] = {
    "right/wrong, 2% change": binary(0.02),
    "right/wrong, 10% change": binary(0.1),
    "right/wrong, 30% change": binary(0.3),
    "scores 0 to 1": scores,
    "documents of 1 to 10 cases": clustered(10, 0.2),
    "3 seeds, training ±2 points": seeded(3, 0.02),
}


def asked(parts: list[Sample], margin: float) -> Iterator[Bounds]:
    """The bounds of each sample against `margin` and 0."""
    for start in range(0, len(parts), AT_ONCE):
        yield from bounds([Question((part,), -margin, 0.0) for part in parts[start : start + AT_ONCE]])


def single_checks(worlds: int) -> None:
    """Of one check: misses at a drop of exactly the margin, false alarms where nothing changed, and its power."""
    print("\n| answers | cases | margin | misses | false alarms | passes unchanged | power printed |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, answers in KINDS.items():
        for cases, margin in ((50, 0.1), (150, 0.05), (900, 0.03)):
            random = np.random.default_rng(SEED)
            fallen = list(asked([answers(random, cases, margin) for _ in range(worlds)], margin))
            same = list(asked([answers(random, cases, 0.0) for _ in range(worlds)], margin))
            misses = np.mean([one.p_above < 0.05 for one in fallen])
            alarms = np.mean([one.p_below < 0.05 for one in same])
            passes = np.mean([one.p_above < 0.05 for one in same])
            printed = np.mean([power(one, margin, 0.05) for one in same])
            print(f"| {name} | {cases} | {margin:.2f} | {misses:.1%} | {alarms:.1%} | {passes:.0%} | {printed:.0%} |")


def world(random: np.random.Generator, discordance: float, drop: float, fallen: int, cases: int) -> list[Demand]:
    """The default rules on 12 variants and 6 splits, one variant of which loses `drop` on the first `fallen` splits."""
    matched: list[list[Matched]] = []
    for variant in range(12):
        of_variant = []
        for split in range(6):
            lost = drop if variant == 0 and split < fallen else 0.0
            gap = changes(random, (cases,), max(discordance, lost), lost)
            groups = np.arange(cases) + split * cases
            before = Sample(np.zeros((cases, 1)), groups)
            of_variant.append(
                Matched(f"v{variant}", f"s{split}", "exact_match", cases, before, Sample(gap[:, None], groups))
            )
        matched.append(of_variant)
    made = []
    for number, rule in enumerate(Rules().rules, 1):
        for parts in matched:
            targets = [tuple(parts)] if rule.mean else [(part,) for part in parts]
            for target in targets:
                gaps = tuple(part.gap for part in target)
                question = Question(gaps, -(rule.most_fall or 0), -(rule.least_fall or 0))
                made.append(Demand(number, rule, Target(target[0].variant, "exact_match", target), question, True))
    return made


def outcome(made: list[Demand]) -> str:
    count = Counter(one.outcome for one in check(made))
    return "fail" if count["fail"] else "unknown" if count["unknown"] else "pass"


WORLDS = (
    ("nothing", 0.0, 0),
    ("one variant loses 3 points everywhere", 0.03, 6),
    ("one variant loses 5 points everywhere", 0.05, 6),
    ("one variant loses 10 points on one split", 0.1, 1),
    ("one variant loses 15 points on one split", 0.15, 1),
    ("one variant loses 25 points on one split", 0.25, 1),
)


def default_gate(worlds: int) -> None:
    """Of the whole gate by the default rules, 84 checks of 150 cases a split: the rates of its three outcomes."""
    print("\n| what changed | answers that change anyway | pass | fail | cannot tell |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for told, drop, fallen in WORLDS:
        for discordance in (0.0, 0.02, 0.05, 0.1) if not fallen else (0.02, 0.05):
            random = np.random.default_rng(SEED)
            count = Counter(outcome(world(random, discordance, drop, fallen, 150)) for _ in range(worlds))
            rates = " | ".join(f"{count[one] / worlds:.1%}" for one in ("pass", "fail", "unknown"))
            print(f"| {told} | {discordance:.0%} | {rates} |", flush=True)


def tolerances(worlds: int) -> None:
    """A drop of five points on one split: noticed by comparing two means with a tolerance, and by this gate."""
    print("\n| cases | tolerance 8 points | tolerance 3 points | margin 3: pass | fail | cannot tell |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    for cases in (150, 500, 1300, 5000):
        random = np.random.default_rng(SEED)
        parts = [Sample.of(changes(random, (cases,), 0.2, 0.05)) for _ in range(worlds)]
        found = list(asked(parts, 0.03))
        noticed = [np.mean([one.value < -tolerance for one in found]) for tolerance in (0.08, 0.03)]
        count = Counter("fail" if b.p_below < 0.05 else "pass" if b.p_above < 0.05 else "unknown" for b in found)
        rates = " | ".join(f"{count[one] / worlds:.1%}" for one in ("pass", "fail", "unknown"))
        print(f"| {cases} | {noticed[0]:.1%} | {noticed[1]:.1%} | {rates} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--worlds", type=int, default=100, help="simulated runs a line; ten times as many single checks"
    )
    worlds = parser.parse_args().worlds
    single_checks(10 * worlds)
    tolerances(10 * worlds)
    default_gate(worlds)


if __name__ == "__main__":
    main()
