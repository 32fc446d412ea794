"""A comparison that has something of everything that a report shows."""

import random
from collections.abc import Iterator

import pytest

from harness.comparison import (
    RETRIEVED,
    SHOWN,
    AlphaPath,
    AlphaPoint,
    BreakEven,
    Comparison,
    Cost,
    Drop,
    Forgetting,
    Mean,
    Price,
    Prices,
    Router,
    ScoreRow,
    ShiftLine,
    Staleness,
    Standing,
)
from harness.comparison.records.conclusions import Agreement

SPLITS = ("in_domain", "paraphrase", "new_facts", "updated_facts", "noisy", "retention")
ALPHAS = (0.0, 0.25, 0.5, 0.75, 1.0)
SHARES = {
    "base/zero-shot": (20, 18, 5, 3, 15, 80),
    "base/few-shot-4": (32, 30, 5, 4, 25, 80),
    "base/rag-1": (75, 70, 68, 66, 60, 77),
    "base/rag-3": (82, 78, 77, 74, 66, 78),
    "base/rag-3:hybrid": (84, 80, 79, 76, 69, 78),
    "base/rag-3+few-shot-4": (86, 82, 80, 77, 70, 78),
    "lora/zero-shot": (55, 40, 6, 2, 38, 71),
    "lora/rag-3": (88, 84, 80, 77, 74, 72),
    "dora/zero-shot": (56, 41, 6, 2, 38, 70),
    "loreft/zero-shot": (44, 36, 5, 3, 33, 79),
    "full@0.25/zero-shot": (34, 28, 5, 3, 24, 79),
    "full@0.5/zero-shot": (52, 42, 6, 3, 37, 74),
    "full@0.75/zero-shot": (60, 45, 6, 3, 40, 66),
    "full/zero-shot": (63, 44, 6, 2, 41, 51),
    "full/rag-3": (87, 83, 79, 75, 72, 55),
}


def around(value: float, width: float = 0.05) -> Mean:
    """A mean with an interval around it."""
    return Mean(value=value, low=value - width, high=value + width)


def rows(cases: int) -> Iterator[ScoreRow]:
    """Scores of every variant; answers of variants that retrieve have evidence."""
    draw = random.Random(0)
    for variant, shares in SHARES.items():
        for split, share in zip(SPLITS, shares, strict=True):
            for place in range(cases):
                right = draw.random() < share / 100
                unscored = variant == "lora/zero-shot" and split == "noisy" and place < 2
                found = draw.random() < 0.85
                values: dict[str, float | None] = {"exact_match": None if unscored else float(right)}
                if "rag" in variant and split != "retention":
                    values |= {RETRIEVED: float(found), SHOWN: float(found and draw.random() < 0.95)}
                    values |= {"recall@3": float(found), "mrr": found * draw.choice([1, 0.5])}
                    values |= {"ndcg@10": found * draw.choice([1, 0.6]), "precision@3": found / 3}
                for metric, value in values.items():
                    reason = "truncated" if value is None else None
                    yield ScoreRow(
                        variant=variant, split=split, case=f"{place:04}", metric=metric, value=value, reason=reason
                    )


def cost(variant: str) -> Cost:
    """What `variant` costs, the more the more it sees and trains."""
    retrieves, trained = "rag" in variant, not variant.startswith("base")
    seconds = 0.012 + 0.02 * retrieves + 0.006 * ("few" in variant)
    return Cost(
        variant=variant,
        build_seconds=3.0 * retrieves + 40.0 * trained,
        index_seconds=3.0 * retrieves,
        train_seconds=40.0 * trained,
        seconds_per_query=seconds / 4,
        prompt_tokens_per_query=24 + 260 * retrieves + 120 * ("few" in variant),
        generated_tokens_per_query=3.2,
        artifact_bytes=2_500_000 * trained + 800_000 * retrieves,
        p50_seconds=seconds,
        p95_seconds=1.4 * seconds,
        flops_per_query=2e9 * (1 + 8 * retrieves),
        memory_bytes=550_000_000 + 30_000_000 * retrieves,
    )


def with_conclusions(made: Comparison) -> Comparison:
    """`made` with records of every kind that needs more than score rows."""
    tuned = [name for name in SHARES if not name.startswith("base")]
    path = [("base/zero-shot", 0.0), *((f"full@{a}/zero-shot", a) for a in ALPHAS[1:-1]), ("full/zero-shot", 1.0)]
    shares = {name: [share / 100 for share in found] for name, found in SHARES.items()}
    points = [
        AlphaPoint(
            alpha=alpha,
            variant=name,
            in_domain=around(shares[name][0]),
            shifted=around(sum(shares[name][1:5]) / 4, 0.03),
            retention=around(shares[name][5]),
            validation=around(shares[name][0] - 0.01),
        )
        for name, alpha in path
    ]
    standings = [
        Standing(
            variant=name,
            mean=None if name == "dora/zero-shot" else around(sum(found[:5]) / 5, 0.02),
            excluded="6.0% of noisy unscored" if name == "dora/zero-shot" else "",
            frontier=name in ("base/zero-shot", "full@0.75/zero-shot", "lora/rag-3"),
        )
        for name, found in shares.items()
    ]
    return made.model_copy(
        update={
            "drops": [
                Drop(
                    variant=name,
                    split=split,
                    drop=around(found[0] - found[place]),
                    p_adjusted=0.01,
                    robustness=around(0.02),
                )
                for place, split in enumerate(SPLITS[1:5], 1)
                for name, found in shares.items()
            ],
            "shift_lines": [
                ShiftLine(split=split, slope=0.9, intercept=-0.2, variants=15, r_squared=0.93) for split in SPLITS[1:5]
            ],
            "forgetting": [
                Forgetting(
                    variant=name,
                    split="retention",
                    change=around(found[5] - 0.8, 0.04),
                    p_adjusted=0.02,
                    verdict="worse" if found[5] < 0.75 else "unknown" if found[5] < 0.78 else "tie",
                )
                for name, found in shares.items()
                if name != "base/zero-shot"
            ],
            "alpha_paths": [
                AlphaPath(recipe="full", context="zero-shot", points=points, chosen=0.75, dominates=[0.25])
            ],
            "staleness": [
                Staleness(variant=name, split="updated_facts", n=100, new=60, old=25, neither=13, unscored=2)
                for name in ("base/rag-3", "full/zero-shot")
            ],
            "agreement": [Agreement(a="base/rag-3", b=tuned[0], n=500, both=300, only_a=100, only_b=40, neither=60)],
            "routers": [Router(retrieving="base/rag-3", tuned="lora/zero-shot", mean=around(0.88), gain=around(0.06))],
            "prices": Prices(gpu_hour=2.0),
            "priced": [
                Price(variant=name, build=0.02, thousand_queries=0.004 + 0.012 * ("rag" in name), update=0.02)
                for name in SHARES
            ],
            "break_even": [
                BreakEven(
                    retrieving="base/rag-3",
                    tuned="lora/rag-3",
                    unit="USD",
                    retrieving_query=0.000016,
                    retrieving_update=0.002,
                    tuned_query=0.000004,
                    tuned_update=0.022,
                    equal_quality=False,
                    better="base/rag-3",
                    queries_from=1667,
                    updates_per_query=0.0006,
                )
            ],
            "standings": standings,
        }
    )


@pytest.fixture(scope="session")
def full(world) -> Comparison:
    """Fifteen variants on six splits, with records of every kind."""
    made = world.compare(list(rows(60)), costs=[cost(name) for name in SHARES])
    return with_conclusions(made)
