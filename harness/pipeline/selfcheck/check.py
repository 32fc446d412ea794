"""The self-check: runs its comparisons, has the signs judged, and writes what became of them.

What was run before is taken from the cache, so that an interrupted self-check goes on where it was.
"""

from pathlib import Path

from harness.comparison import write_text
from harness.comparison.findings.signs import SelfCheck, judge_signs
from harness.pipeline.compare import Result, run_comparison
from harness.pipeline.selfcheck.claims import ASKED, Cases, signs
from harness.pipeline.selfcheck.experiments import TRIAGE, experiments
from harness.pipeline.selfcheck.scores import Scores
from harness.pipeline.selfcheck.teaching import asks_for, write_teaching
from harness.runs import Cache
from harness.runs.progress import Progress
from harness.suite import Suite, load_suite

SELFCHECK_FILE = "selfcheck.json"


def run_selfcheck(
    out: Path, *, seeds: int = 3, progress: Progress | None = None, cache: Cache | None = None
) -> SelfCheck:
    """Runs every comparison into a folder of `out` and writes `out/selfcheck.json`; the runs can be reported on too.

    Raises what `run_comparison` raises where a comparison has no variant left, and CacheError where nothing can be
    written.
    """
    pocket = load_suite("pocket")
    teaching = write_teaching(pocket, out / "teaching")
    results: dict[str, Result] = {}
    for experiment in experiments(teaching, out, seeds=seeds):
        results[experiment.name] = run_comparison(experiment.config, progress, cache)
    triage = {TRIAGE: results.pop(TRIAGE)}
    found = signs(
        Scores.of(results),
        Scores.of(triage),
        rare=_cases(pocket, teaching.rare, among=True),
        common=_cases(pocket, teaching.rare, among=False),
    )
    check = SelfCheck(
        seeds=seeds,
        runs={name: result.comparison.signature for name, result in {**triage, **results}.items()},
        failures=[
            f"{name}, {failure.variant}: {failure.reason}"
            for name, result in {**triage, **results}.items()
            for failure in result.comparison.failures
        ],
        signs=judge_signs(found),
    )
    write_text(out / SELFCHECK_FILE, check.model_dump_json(indent=2, by_alias=True) + "\n")
    return check


def _cases(pocket: Suite, subjects: frozenset[str], *, among: bool) -> Cases:
    """The cases of each split whose answer stands in one of the documents `subjects`, or in none of them."""
    return {
        split: [case.id for case in pocket.splits[split].cases if asks_for(case, subjects) == among] for split in ASKED
    }
