"""Whether the margins that `harness gate --calibrate` proposes let repeated runs pass.

    python benchmarks/gate_calibration.py            # the table of docs/ci.md; about four minutes on one core

Simulated are runs of three variants on three splits of 150 cases: some cases are always right or wrong, some by chance,
and each training is a little better or worse than the last on all of them. The base always answers the same.
"""

from collections import Counter

import numpy as np

from harness.comparison import BaseReference, ScoreRow, SplitReference, SuiteReference
from harness.gate.calibrate import calibrate
from harness.gate.judge import judge
from harness.gate.rules import Rules
from harness.gate.snapshot import Snapshot

SEED = 5
SPLITS = ("a", "b", "c")
VARIANTS = ("base/zero-shot", "full/zero-shot", "lora/zero-shot")
CASES = 150
RIGHT = np.tile([0.0] * 9 + [1.0] * 15 + [0.5] * 3 + [0.7] * 3, 5)  # how probably each case is answered right


def repeated(random: np.random.Generator, training: float) -> Snapshot:
    """One run; trainings differ by `training`, a standard deviation."""
    rows = []
    for variant in VARIANTS:
        luck = training * random.standard_normal()
        for split in SPLITS:
            right = RIGHT > 0.6 if variant == VARIANTS[0] else random.random(CASES) < RIGHT + luck
            rows += [
                ScoreRow(variant=variant, split=split, case=f"{place:03}", metric="exact_match", value=float(value))
                for place, value in enumerate(right)
            ]
    return Snapshot(
        signature="",
        suite=SuiteReference(name="simulated", hash=""),
        base=BaseReference(model="simulated", hash="", parameters=1),
        metrics={},
        splits=tuple(SplitReference(name=s, kind="shifted", n=CASES, primary="exact_match") for s in SPLITS),
        rows=tuple(rows),
        groups={},
    )


def main() -> None:
    print("| trainings differ by | runs | pass | fail | cannot tell | by the usual rules: pass | fail | cannot tell |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for training in (0.0, 0.03):
        for runs in (3, 5, 10):
            random = np.random.default_rng(SEED)
            proposed, usual = Counter(), Counter()
            for _ in range(8):
                rules = calibrate([repeated(random, training) for _ in range(runs)]).rules
                for _ in range(10):
                    run, baseline = repeated(random, training), repeated(random, training)
                    proposed[judge(run, baseline, rules).outcome] += 1
                    usual[judge(run, baseline, Rules()).outcome] += 1
            rates = " | ".join(
                f"{some[one] / 80:.0%}" for some in (proposed, usual) for one in ("pass", "fail", "unknown")
            )
            print(f"| {100 * training:.0f} points | {runs} | {rates} |", flush=True)


if __name__ == "__main__":
    main()
