"""The tables on how good the answers are: differences, shift, forgetting, staleness, agreement, further metrics."""

from collections.abc import Callable, Sequence

from harness.comparison import Comparison, Lookup, Mean, Pair
from harness.comparison.phrases import metric_label, percent
from harness.reporting.columns import NONE, figure
from harness.reporting.further import NOTES, further_metrics
from harness.reporting.html.tables import Table, change, share, table

_BETTER = {"tie": "tie", "unknown": "cannot tell"}


def quality_tables(comparison: Comparison) -> list[Table]:
    """The tables that have rows, in the order in which they are shown."""
    tables: Sequence[Callable[[Comparison], list[Table]]] = (
        *(_pairs, _further_pairs, _drops, _lines, _forgetting, _paths, _staleness, _agreement, _routers),
        *(_room, _further_metrics),
    )
    return [found for make in tables for found in make(comparison)]


def _pairs(comparison: Comparison) -> list[Table]:
    primary = Lookup(comparison).primary
    pairs = [pair for pair in comparison.pairs if pair.metric == primary.get(pair.split)]
    margin = f"{100 * comparison.margin:g}"
    note = (
        "a minus b in percentage points over the cases that both have scored, with the 95% interval. p is Holm's over "
        "all couples of variants on one split and metric, q Benjamini and Hochberg's over all pairs. A tie is "
        f"shown to be less than {margin} points (p tie); where neither a difference nor a tie is shown, the data "
        "cannot tell. Detectable: the smallest difference that as many cases would show four times out of five."
    )
    return _pair_table("Differences", pairs, note)


def _further_pairs(comparison: Comparison) -> list[Table]:
    primary = Lookup(comparison).primary
    pairs = [pair for pair in comparison.pairs if pair.metric != primary.get(pair.split)]
    return _pair_table("Differences by other metrics", pairs, "As above.")


def _pair_table(title: str, pairs: Sequence[Pair], note: str) -> list[Table]:
    rows = [
        [
            pair.split,
            metric_label(pair.metric),
            pair.a,
            pair.b,
            _BETTER.get(pair.verdict) or {"a": pair.a, "b": pair.b}[pair.verdict],
            change(Mean(value=pair.difference, low=pair.low, high=pair.high)),
            str(pair.n),
            pair.test,
            _p(pair.p_adjusted),
            _p(pair.q),
            _p(pair.p_equivalent),
            figure(pair.detectable, scale=100),
        ]
        for pair in pairs
    ]
    headings = ["split", "metric", "a", "b", "better", "a minus b", "cases", "test", "p", "q", "p tie", "detectable"]
    return table(title, headings, rows, names=5, note=note)


def _drops(comparison: Comparison) -> list[Table]:
    rows = [
        [found.variant, found.split, change(found.drop), _p(found.p_adjusted), change(found.robustness)]
        for found in comparison.drops
    ]
    note = (
        "Drop: points from the in-domain splits to the shifted one; positive is worse. Effective robustness: points "
        "above what the in-domain score predicts by the line over all variants."
    )
    return table("Shift", ["variant", "split", "drop", "p", "effective robustness"], rows, names=2, note=note)


def _lines(comparison: Comparison) -> list[Table]:
    rows = [
        [line.split, f"{line.slope:.2f}", f"{line.intercept:+.2f}", str(line.variants), f"{line.r_squared:.2f}"]
        for line in comparison.shift_lines
    ]
    note = "logit of the shifted score = intercept + slope · logit of the in-domain score, by least squares."
    return table("What in-domain scores predict", ["split", "slope", "intercept", "variants", "R²"], rows, note=note)


def _forgetting(comparison: Comparison) -> list[Table]:
    rows = [
        [
            found.variant,
            found.split,
            _BETTER.get(found.verdict, found.verdict),
            change(found.change),
            _p(found.p_adjusted),
        ]
        for found in comparison.forgetting
    ]
    note = "Points against base/zero-shot on what the base could do before; negative is forgetting."
    return table("Forgetting", ["variant", "split", "against the base", "change", "p"], rows, names=3, note=note)


def _paths(comparison: Comparison) -> list[Table]:
    rows = [
        [
            path.recipe,
            path.context,
            f"{point.alpha:g}{' (chosen)' if point.alpha == path.chosen else ''}",
            *(share(mean) for mean in (point.validation, point.in_domain, point.shifted, point.retention)),
        ]
        for path in comparison.alpha_paths
        for point in path.points
    ]
    note = "Percent by alpha, between the base (0) and the trained weights (1). Alpha is chosen on validation alone."
    headings = ["recipe", "context", "alpha", "validation", "in-domain", "shifted", "retention"]
    return table("Interpolation", headings, rows, names=3, note=note)


def _staleness(comparison: Comparison) -> list[Table]:
    rows = [
        [
            found.variant,
            found.split,
            str(found.n),
            *(percent(count / found.n) for count in (found.new, found.old, found.neither)),
            str(found.unscored),
        ]
        for found in comparison.staleness
        if found.n
    ]
    headings = ["variant", "split", "answers", "new", "old", "neither", "unscored"]
    note = "Answers to questions whose answer has changed since."
    return table("Revised facts", headings, rows, names=2, note=note)


def _agreement(comparison: Comparison) -> list[Table]:
    rows = [
        [
            found.a,
            found.b,
            str(found.n),
            *(percent(count / found.n) for count in (found.both, found.only_a, found.only_b, found.neither)),
        ]
        for found in comparison.agreement
        if found.n
    ]
    headings = ["a", "b", "cases", "both right", "only a", "only b", "both wrong"]
    return table("Agreement", headings, rows, names=2, note="Over the cases of the splits that decide.")


def _routers(comparison: Comparison) -> list[Table]:
    rows = [
        [found.retrieving, found.tuned, share(found.mean), change(found.gain), change(found.steady)]
        for found in comparison.routers
    ]
    note = (
        "What an oracle would reach that asks the better of the two case by case, luck included: a bound for any real "
        "router. By other seeds: where who answers is chosen by the seeds that are not counted."
    )
    headings = ["retrieves", "fine-tuned", "oracle router", "gain over the better", "gain by other seeds"]
    return table("Routing between two variants", headings, rows, names=2, note=note)


def _room(comparison: Comparison) -> list[Table]:
    rows = [
        [
            use.variant,
            use.split,
            f"{use.retrieved:.1f}",
            f"{use.shown:.1f}",
            percent(use.short / use.n),
            percent(use.bare / use.n),
        ]
        for use in comparison.passages
        if use.short
    ]
    headings = ["variant", "split", "retrieved a case", "shown a case", "cases that lost some", "cases that lost all"]
    note = "Where the window was short, whole passages were left out, the last ones first."
    return table("Room for passages", headings, rows, names=2, note=note)


def _further_metrics(comparison: Comparison) -> list[Table]:
    """One table a metric that doesn't decide everywhere."""
    lookup = Lookup(comparison)
    found = []
    for name in further_metrics(comparison):
        splits = [
            split.name
            for split in comparison.splits
            if any(c.metric == name and c.split == split.name for c in comparison.cells)
        ]
        rows = [
            [variant.name, *(_cell(lookup, variant.name, split, name) for split in splits)]
            for variant in comparison.variants
            if any(lookup.cell(variant.name, split, name) for split in splits)
        ]
        label = metric_label(name)
        note = " ".join(filter(None, ["Percent with the 95% interval.", NOTES.get(name)]))
        found += table(label[:1].upper() + label[1:], ["variant", *splits], rows, note=note)
    return found


def _cell(lookup: Lookup, variant: str, split: str, metric: str) -> str:
    cell = lookup.cell(variant, split, metric)
    if cell is None or cell.mean is None or cell.low is None or cell.high is None:
        return "unscored" if cell else NONE
    return share(Mean(value=cell.mean, low=cell.low, high=cell.high))


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
