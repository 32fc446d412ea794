"""Times a large comparison, and tells how much memory it takes.

    python benchmarks/compare_scale.py            # 50 variants, 10 splits, 5,000 cases each
    python benchmarks/compare_scale.py --quick    # 10 variants, 4 splits, 500 cases each

Right/wrong scores are made at random (variants agree on 70% of the cases), written as `scores.jsonl`, read back and
compared. Reading and comparing are timed apart, and both are in the peak of memory.
"""

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from harness.comparison import (
    BaseReference,
    Cost,
    ScoreRow,
    SplitReference,
    SuiteReference,
    VariantReference,
    compare,
    read_rows,
)


def write_scores(folder: Path, variants: list[str], splits: list[str], cases: int) -> None:
    """Write `scores.jsonl` as a run does."""
    random = np.random.default_rng(0)
    with (folder / "scores.jsonl").open("w", encoding="utf-8") as file:
        for split in splits:
            common = random.random(cases) < 0.7
            for place, variant in enumerate(variants):
                own = random.random(cases) < 0.6 + 0.003 * place
                for case, value in enumerate(np.where(random.random(cases) < 0.7, common, own)):
                    row = {"variant": variant, "split": split, "case": f"case-{case:05}", "metric": "exact_match"}
                    file.write(json.dumps({**row, "seed": 0, "value": float(value)}) + "\n")


def names(count: int) -> list[str]:
    """`count` variants, the base first."""
    return ["base/zero-shot", *(f"recipe-{place:02}/zero-shot" for place in range(1, count))]


def references(variants: list[str]) -> Iterator[VariantReference]:
    for name in variants:
        weights, _, context = name.partition("/")
        trained = 0 if weights == "base" else 1_000
        yield VariantReference(name=name, weights=weights, context=context, trainable_parameters=trained)


def cost(variant: str, place: int) -> Cost:
    return Cost(
        variant=variant,
        build_seconds=place,
        seconds_per_query=0.1,
        prompt_tokens_per_query=100,
        generated_tokens_per_query=10,
        artifact_bytes=0,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    variants, cases = names(10 if quick else 50), 500 if quick else 5_000
    splits = [f"split-{place}" for place in range(4 if quick else 10)]
    with tempfile.TemporaryDirectory() as folder:
        write_scores(Path(folder), variants, splits, cases)
        start = time.perf_counter()
        rows: list[ScoreRow] = read_rows(Path(folder))
        read, processor = time.perf_counter(), time.process_time()
    kinds = ["in-domain", *["shifted"] * (len(splits) - 2), "retention"]
    comparison = compare(
        rows,
        suite=SuiteReference(name="scale", hash="5ca1e"),
        base=BaseReference(model="none", hash="0", parameters=1),
        splits=[SplitReference(name=s, kind=k, n=cases) for s, k in zip(splits, kinds, strict=True)],  # type: ignore[arg-type]
        variants=list(references(variants)),
        costs=[cost(name, place) for place, name in enumerate(variants)],
        signature="scale",
        paired_metrics=["exact_match"],
    )
    done, processor = time.perf_counter(), time.process_time() - processor
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{len(variants)} variants, {len(splits)} splits, {cases:,} cases: "
        f"{len(rows):,} rows read in {read - start:.1f} s"
    )
    print(f"{len(comparison.pairs):,} pairs compared in {done - read:.1f} s ({processor:.1f} s of processor)")
    print(f"at most {peak:.2f} GiB of memory")
    figures = {"seconds": round(done - read, 2), "processor": round(processor, 2), "gib": round(peak, 3)}
    print(json.dumps({"benchmark": "compare_scale", **figures}))


if __name__ == "__main__":
    main()
