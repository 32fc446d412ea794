"""The columns of the terminal's tables: scores, costs, and what changes. Knows nothing of layout and width."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

from harness.comparison import (
    ALPHA,
    REFERENCE_VARIANT,
    Cell,
    Comparison,
    Drop,
    Forgetting,
    Lookup,
    Mean,
    VariantReference,
)
from harness.comparison.phrases import points_of, printable

MARKS = {"a": "▲", "b": "▼", "tie": "=", "unknown": ""}
UNSCORED_MARK = "*"
NONE = "-"  # where there is no figure


@dataclass(frozen=True)
class Column:
    """A heading and one text for each variant, in the comparison's order."""

    heading: Text
    cells: list[Text]

    @property
    def width(self) -> int:
        """How many characters the column takes where nothing is wrapped."""
        return max(line.cell_len for text in (self.heading, *self.cells) for line in text.split(allow_blank=True))


def name_column(comparison: Comparison, variants: Sequence[VariantReference]) -> Column:
    """The names of some variants, the recommended one in green."""
    recommended = comparison.decision.recommended
    names = [
        Text(printable(variant.name), style="bold green" if variant.name == recommended else "") for variant in variants
    ]
    return Column(Text("variant"), names)


def score_columns(comparison: Comparison) -> list[Column]:
    """One column a split: the mean of its primary metric in percent over its interval."""
    lookup = Lookup(comparison)
    return [
        Column(
            Text(printable(split.name).replace("_", "_\n")),
            [_score(lookup, variant.name, split.name) for variant in comparison.variants],
        )
        for split in comparison.splits
    ]


def cost_columns(comparison: Comparison) -> list[Column]:
    """Share of parameters trained, seconds to build, and milliseconds and prompt tokens a query."""
    lookup = Lookup(comparison)
    trained, build, query, prompt = [], [], [], []
    for variant in comparison.variants:
        cost = lookup.cost(variant.name)
        trained.append(Text(trained_share(variant, comparison)))
        build.append(Text(f"{cost.build_seconds:.1f}" if cost else "-"))
        query.append(Text(figure(cost.seconds_per_query if cost else None, scale=1000)))
        prompt.append(Text(figure(cost.prompt_tokens_per_query if cost else None, ".0f")))
    return [
        Column(Text("trained"), trained),
        Column(Text("build\ns"), build),
        Column(Text("query\nms"), query),
        Column(Text("prompt\ntokens"), prompt),
    ]


def change_columns(comparison: Comparison, variants: Sequence[VariantReference]) -> list[Column]:
    """The changes of some variants in points over their interval: to shifted splits, and on retention splits."""
    changes = {(found.split, found.variant): _drop(found) for found in comparison.drops}
    changes |= {(found.split, found.variant): _kept(found) for found in comparison.forgetting}
    shown = [split.name for split in comparison.splits if any((split.name, v.name) in changes for v in variants)]
    return [
        Column(
            Text(printable(split).replace("_", "_\n")),
            [changes.get((split, variant.name), Text("-", style="dim")) for variant in variants],
        )
        for split in shown
    ]


def trained_share(variant: VariantReference, comparison: Comparison) -> str:
    """How many parameters were trained, as a share of the base's: `2.8%`; `-` for none, `?` where it isn't known."""
    if variant.trainable_parameters is None or comparison.base.parameters is None:
        return "?" if variant.weights != "base" else "-"
    if not variant.trainable_parameters:
        return "-"
    share = variant.trainable_parameters / comparison.base.parameters
    return f"{100 * share:.2g}%" if share < 0.1 else f"{100 * share:.0f}%"


def figure(value: float | None, form: str = ".1f", *, scale: float = 1) -> str:
    """`value` times `scale` in the format `form`; `-` for none."""
    return NONE if value is None else f"{scale * value:{form}}"


def _score(lookup: Lookup, variant: str, split: str) -> Text:
    cell = lookup.cell(variant, split)
    if cell is None or cell.mean is None or cell.low is None or cell.high is None:
        return Text("unscored" if cell else "-", style="dim")
    pair = lookup.against_reference(variant, split)
    marks = (UNSCORED_MARK if cell.unscored else "") + (MARKS[pair.verdict] if pair else "")
    best = cell.mean == lookup.best(split)
    text = Text(f"{marks} ").append(f"{100 * cell.mean:.1f}", style="bold" if best else "")
    return text.append(f"\n{100 * cell.low:.0f} to {100 * cell.high:.0f}", style="dim")


def _drop(found: Drop) -> Text:
    """The drop as a change, which is negative where the variant falls."""
    change = Mean(value=-found.drop.value, low=-found.drop.high, high=-found.drop.low)
    mark = ("▲" if change.value > 0 else "▼") if found.p_adjusted < ALPHA else ""
    return _points(mark, change)


def _kept(found: Forgetting) -> Text:
    return _points({"better": "▲", "worse": "▼", "tie": "=", "unknown": ""}[found.verdict], found.change)


def _points(mark: str, mean: Mean) -> Text:
    text = Text(f"{mark} {signed(mean.value, 1)}")
    return text.append(f"\n{signed(mean.low, 0)} to {signed(mean.high, 0)}", style="dim")


def signed(difference: float, digits: int) -> str:
    """0.031 as `+3.1` points with that many `digits`; nothing is `0.0`."""
    text = f"{100 * difference:+.{digits}f}"
    return text if float(text) else text[1:]


def marks_legend(comparison: Comparison) -> str:
    """What the marks against `base/zero-shot` mean; "" where it wasn't run."""
    if not has_reference(comparison):
        return ""
    return (
        f"▲▼: significantly above or below {REFERENCE_VARIANT}; =: shown to be less than "
        f"{points_of(comparison.margin)} from it; no mark: can't be told."
    )


def unscored_cells(comparison: Comparison) -> list[Cell]:
    """The cells of primary metrics that leave cases out."""
    primary = Lookup(comparison).primary
    return [cell for cell in comparison.cells if cell.unscored and cell.metric == primary[cell.split]]


def has_reference(comparison: Comparison) -> bool:
    """Whether `base/zero-shot` was run, so that marks against it mean something."""
    return any(variant.name == REFERENCE_VARIANT for variant in comparison.variants)
