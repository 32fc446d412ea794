"""The tables on what variants cost: seconds, tokens, bytes, money, when one of them pays, and what tuning tried."""

from harness.comparison import BreakEven, Comparison, Trial
from harness.comparison.phrases import amount
from harness.reporting.columns import NONE, figure, trained_share
from harness.reporting.html.tables import Table, change, share, table
from harness.reporting.timed import timed_briefly

_TRAINING = ("training.learning_rate", "training.epochs")  # columns of their own


def spending_tables(comparison: Comparison) -> list[Table]:
    """The tables that have rows, in the order in which they are shown."""
    return [*_costs(comparison), *_prices(comparison), *_break_even(comparison), *_trials(comparison)]


def _costs(comparison: Comparison) -> list[Table]:
    variants = {variant.name: variant for variant in comparison.variants}
    rows = [
        [
            cost.variant,
            trained_share(variants[cost.variant], comparison),
            f"{cost.build_seconds:.1f}",
            figure(cost.p50_seconds, scale=1000),
            figure(cost.p95_seconds, scale=1000),
            figure(cost.seconds_per_query, scale=1000),
            figure(cost.prompt_tokens_per_query, ".0f"),
            figure(cost.generated_tokens_per_query),
            figure(cost.flops_per_query, scale=1e-9),
            figure(cost.memory_bytes, scale=1e-6),
            figure(cost.artifact_bytes, scale=1e-6),
        ]
        for cost in comparison.costs
        if cost.variant in variants
    ]
    headings = [
        *("variant", "trained", "build s", "p50 ms", "p95 ms", "ms at throughput", "prompt tokens", "generated tokens"),
        *("GFLOPs a query", "memory MB", "to ship MB"),
    ]
    return table("Costs", headings, rows, note=timed_briefly(comparison))


def _prices(comparison: Comparison) -> list[Table]:
    currency = comparison.prices.currency if comparison.prices else ""
    rows = [
        [
            price.variant,
            amount(price.build),
            NONE if price.thousand_queries is None else amount(price.thousand_queries),
            amount(price.update),
        ]
        for price in comparison.priced
    ]
    headings = ["variant", "build", "a thousand queries", "an update of the knowledge"]
    known = all(price.thousand_queries is not None for price in comparison.priced)
    return table(f"Prices in {currency}", headings, rows, note="" if known else "Queries without a price: not known.")


def _break_even(comparison: Comparison) -> list[Table]:
    rows = [
        [
            found.retrieving,
            found.tuned,
            _cheaper(found),
            _quality(found),
            change(found.difference),
            *(f"{amount(value)} {found.unit}" for value in (1000 * found.retrieving_query, found.retrieving_update)),
            *(f"{amount(value)} {found.unit}" for value in (1000 * found.tuned_query, found.tuned_update)),
        ]
        for found in comparison.break_even
    ]
    headings = [
        *("retrieves", "fine-tuned", "tuning is cheaper", "quality", "difference"),
        *("retrieval: 1,000 queries", "an update", "tuning: 1,000 queries", "an update"),
    ]
    note = (
        "Queries a month at one update of the knowledge a month; at n updates n times as many. Difference: the "
        "fine-tuned one minus the retrieving one, in points; cost may decide only where the two are shown to be equal."
    )
    return table("Break-even", headings, rows, names=4, note=note)


def _cheaper(found: BreakEven) -> str:
    if found.queries_from is None:
        return "never"
    start = f"from {amount(found.queries_from)}" if found.queries_from else ""
    end = "" if found.queries_to is None else f"up to {amount(found.queries_to)}"
    return " ".join(filter(None, [start, end])) or "always"


def _quality(found: BreakEven) -> str:
    if found.equal_quality:
        return "equal"
    return f"{found.better} is better" if found.better else "cannot tell"


def _trials(comparison: Comparison) -> list[Table]:
    rows = [_trial(trial) for trial in sorted(comparison.trials, key=lambda t: (t.recipe, t.learning_rate, t.epochs))]
    headings = ["recipe", "outcome", "other settings", "learning rate", "epochs", "learnt", "kept", "seconds"]
    note = (
        "Learnt: percent on validation, by which the trial was chosen. Kept: percent on the retention splits, which "
        "chose nothing. Both with 95% intervals."
    )
    return table("Tuning", headings, rows, names=3, note=note)


def _trial(trial: Trial) -> list[str]:
    further = [f"{name} {value}" for name, value in trial.settings.items() if name not in _TRAINING]
    outcome = f"failed: {trial.failure}" if trial.failure else "chosen" if trial.chosen else ""
    return [
        trial.recipe,
        outcome,
        ", ".join(further),
        f"{trial.learning_rate:.2g}",
        str(trial.epochs),
        share(trial.validation),
        share(trial.retention),
        f"{trial.seconds:.1f}",
    ]
