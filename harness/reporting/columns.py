"""The columns of the terminal's table: splits with their scores, then costs. Knows nothing of layout and width."""

from dataclasses import dataclass

from rich.text import Text

from harness.comparison import REFERENCE_VARIANT, Cell, Comparison, Lookup, VariantReference
from harness.comparison.phrases import printable

MARKS = {"a": "▲", "b": "▼", "tie": ""}
UNSCORED_MARK = "*"


@dataclass(frozen=True)
class Column:
    """A heading and one text for each variant, in the comparison's order."""

    heading: Text
    cells: list[Text]

    @property
    def width(self) -> int:
        """How many characters the column takes where nothing is wrapped."""
        return max(line.cell_len for text in (self.heading, *self.cells) for line in text.split(allow_blank=True))


def name_column(comparison: Comparison) -> Column:
    """The variants' names, the recommended one in green."""
    recommended = comparison.decision.recommended
    names = [
        Text(printable(variant.name), style="bold green" if variant.name == recommended else "")
        for variant in comparison.variants
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
        query.append(Text(f"{1000 * cost.seconds_per_query:.1f}" if cost else "-"))
        prompt.append(Text(f"{cost.prompt_tokens_per_query:.0f}" if cost else "-"))
    return [
        Column(Text("trained"), trained),
        Column(Text("build\ns"), build),
        Column(Text("query\nms"), query),
        Column(Text("prompt\ntokens"), prompt),
    ]


def trained_share(variant: VariantReference, comparison: Comparison) -> str:
    """How many parameters were trained, as a share of the base's: `2.8%`; `-` for none."""
    if not variant.trainable_parameters:
        return "-"
    share = variant.trainable_parameters / comparison.base.parameters
    return f"{100 * share:.2g}%" if share < 0.1 else f"{100 * share:.0f}%"


def _score(lookup: Lookup, variant: str, split: str) -> Text:
    cell = lookup.cell(variant, split)
    if cell is None or cell.mean is None or cell.low is None or cell.high is None:
        return Text("unscored" if cell else "-", style="dim")
    pair = lookup.against_reference(variant, split)
    marks = (UNSCORED_MARK if cell.unscored else "") + (MARKS[pair.verdict] if pair else "")
    best = cell.mean == lookup.best(split)
    text = Text(f"{marks} ").append(f"{100 * cell.mean:.1f}", style="bold" if best else "")
    return text.append(f"\n{100 * cell.low:.0f} to {100 * cell.high:.0f}", style="dim")


def unscored_cells(comparison: Comparison) -> list[Cell]:
    """The cells of primary metrics that leave cases out."""
    primary = Lookup(comparison).primary
    return [cell for cell in comparison.cells if cell.unscored and cell.metric == primary[cell.split]]


def has_reference(comparison: Comparison) -> bool:
    """Whether `base/zero-shot` was run, so that marks against it mean something."""
    return any(variant.name == REFERENCE_VARIANT for variant in comparison.variants)
