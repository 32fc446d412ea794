"""The sections of the Markdown report on costs: seconds, tokens, bytes and money."""

from harness.comparison import Comparison, Cost
from harness.comparison.phrases import amount
from harness.reporting.columns import NONE, figure, trained_share
from harness.reporting.escape import code, prose, table
from harness.reporting.timed import timed


def costs(comparison: Comparison) -> str:
    """What each variant costs to build, to ask and to ship, and in money where there are prices."""
    return "\n\n".join(filter(None, [_building(comparison), _asking(comparison), _money(comparison)]))


def _building(comparison: Comparison) -> str:
    found = {cost.variant: cost for cost in comparison.costs}
    rows = [
        [code(variant.name), trained_share(variant, comparison), *_built(found.get(variant.name))]
        for variant in comparison.variants
    ]
    heading = ["variant", "trained", "build s", "index s", "train s", "tune s", "artifact MB"]
    return f"To build and to ship; seconds are those of the machine that ran it.\n\n{table(heading, rows)}"


def _built(cost: Cost | None) -> list[str]:
    if cost is None:
        return [NONE] * 5
    seconds = (cost.build_seconds, cost.index_seconds, cost.train_seconds, cost.tune_seconds)
    return [*(f"{value:.1f}" for value in seconds), f"{cost.artifact_bytes / 1e6:.1f}"]


def _asking(comparison: Comparison) -> str:
    rows = [
        [
            code(cost.variant),
            _scaled(cost.seconds_per_query, 1000),
            _scaled(cost.p50_seconds, 1000),
            _scaled(cost.p95_seconds, 1000),
            figure(cost.prompt_tokens_per_query, ".0f"),
            figure(cost.generated_tokens_per_query),
            _scaled(cost.flops_per_query, 1e-9),
            _scaled(cost.memory_bytes, 1e-6),
        ]
        for cost in comparison.costs
    ]
    heading = ["variant", "query ms", "p50 ms", "p95 ms", "prompt tokens", "generated tokens", "GFLOPs", "memory MB"]
    return f"{timed(comparison)}\n\n{table(heading, rows)}"


def _money(comparison: Comparison) -> str:
    prices = comparison.prices
    if prices is None or not comparison.priced:
        return ""
    tokens = {
        "a million prompt tokens": prices.million_prompt_tokens,
        "a million generated tokens": prices.million_generated_tokens,
        "the examples of an update": prices.update_examples or None,
    }
    told = [f"{amount(prices.gpu_hour)} an hour of the machine"]
    told += [f"{amount(price)} {what}" for what, price in tokens.items() if price is not None]
    rows = [
        [code(price.variant), amount(price.build), _scaled(price.thousand_queries, 1), amount(price.update)]
        for price in comparison.priced
    ]
    heading = ["variant", "build", "a thousand queries", "a knowledge update"]
    known = all(price.thousand_queries is not None for price in comparison.priced)
    note = "" if known else " `-`: not known."
    return f"In {prose(prices.currency)}, at {', '.join(told)}.{note}\n\n{table(heading, rows)}"


def _scaled(value: float | None, factor: float) -> str:
    return NONE if value is None else amount(factor * value)
