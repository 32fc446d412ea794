"""The sections of the Markdown report on what changes: shifted questions, revised facts, and who is right where."""

from harness.comparison import Comparison, Mean, Router
from harness.comparison.phrases import percent_interval, points_interval
from harness.comparison.statistics.bootstrap import Interval
from harness.reporting.escape import code, table


def shift(comparison: Comparison) -> str:
    """How far every variant falls on each shifted split, and how that compares with the others; "" without any."""
    if not comparison.drops:
        return ""
    rows = [
        [
            code(found.split),
            code(found.variant),
            _points(found.drop),
            f"{found.p_adjusted:.4f}",
            _points(found.robustness),
        ]
        for found in comparison.drops
    ]
    note = (
        "*Drop*: the in-domain mean minus that of the split, in percentage points with the 95% interval; `p` that "
        "there is none, after Holm's correction over the variants of a split. *Effective robustness*: how far a "
        "variant lies above what its in-domain score predicts by the line over all variants."
    )
    lines = [
        f"- {code(line.split)}: logit(shifted) = {line.intercept:.2f} + {line.slope:.2f} logit(in-domain), over "
        f"{line.variants} variants, which explains {100 * line.r_squared:.0f}% of the spread"
        for line in comparison.shift_lines
    ]
    heading = ["split", "variant", "drop", "p", "effective robustness"]
    return "\n\n".join(filter(None, [note, "\n".join(lines), table(heading, rows, names=2)]))


def staleness(comparison: Comparison) -> str:
    """What was answered where the right answer has changed; "" where none has."""
    if not comparison.staleness:
        return ""
    rows = [
        [code(one.variant), code(one.split), *map(str, (one.n, one.new, one.old, one.neither, one.unscored))]
        for one in comparison.staleness
    ]
    note = "Answers to questions whose right answer has changed: the new one, the one from before, or neither."
    return f"{note}\n\n{table(['variant', 'split', 'answers', 'new', 'old', 'neither', 'unscored'], rows, names=2)}"


def agreement(comparison: Comparison) -> str:
    """Where variants are right together, and what choosing between two would gain; "" where nothing is known."""
    pairs = [
        [code(one.a), code(one.b), *map(str, (one.n, one.both, one.only_a, one.only_b, one.neither))]
        for one in comparison.agreement
    ]
    parts = []
    if pairs:
        heading = ["a", "b", "cases", "both right", "only a", "only b", "neither"]
        parts.append(f"Cases of the deciding splits by who is right.\n\n{table(heading, pairs, names=2)}")
    if comparison.routers:
        heading = ["retrieving", "fine-tuned", "the better of both", "gain", "gain by other seeds"]
        rows = [_router(one) for one in comparison.routers]
        parts.append(
            "An oracle that asks, case by case, the one of two variants that answers better: what a perfect router "
            "would reach, luck included, over the deciding splits; its gain is over the better of the two. By other "
            "seeds: where who answers is chosen by the seeds that are not counted.\n\n"
            f"{table(heading, rows, names=2)}"
        )
    return "\n\n".join(parts)


def _router(one: Router) -> list[str]:
    mean = percent_interval(Interval(one.mean.value, one.mean.low, one.mean.high))
    return [code(one.retrieving), code(one.tuned), mean, _points(one.gain), _points(one.steady)]


def _points(mean: Mean | None) -> str:
    return points_interval(Interval(mean.value, mean.low, mean.high)) if mean else "-"
