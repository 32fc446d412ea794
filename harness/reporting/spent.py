"""Where the time of a run went, in a line or two. Measures nothing."""

from collections.abc import Sequence

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from harness.runs import StageTime

LEAST = 0.05  # seconds: what took less, and made nothing, isn't worth its place
BETWEEN = " · "


class SpentLines:
    """`Time: 30.1 s: loading 8.1 s (27%) · training 14.0 s (47%, 2 built, 1 reused) · …`, in the order given.

    Lines break between stages, however wide the terminal is.
    """

    def __init__(self, stages: Sequence[StageTime]) -> None:
        self._stages = stages

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """As many stages a line as there is room for."""
        total = sum(stage.seconds for stage in self._stages)
        worth = [stage for stage in self._stages if stage.seconds >= LEAST or stage.built or stage.reused]
        line = Text.assemble("Time: ", (f"{total:.1f} s", "bold"), ": " if worth else "")
        for place, stage in enumerate(worth):
            told = _one(stage, total)
            if place and line.cell_len + len(BETWEEN) + told.cell_len > options.max_width:
                yield line.append(BETWEEN.rstrip(), style="dim")
                line = Text("  ").append_text(told)
            else:
                line.append(BETWEEN if place else "", style="dim").append_text(told)
        yield line


def render_spent(stages: Sequence[StageTime]) -> SpentLines:
    """Seconds and share of each stage, and how many artifacts it built and reused."""
    return SpentLines(stages)


def _one(stage: StageTime, total: float) -> Text:
    made = [f"{count} {what}" for count, what in ((stage.built, "built"), (stage.reused, "reused")) if count]
    share = [f"{stage.seconds / total:.0%}"] if total else []
    return Text.assemble(f"{stage.stage} {stage.seconds:.1f} s ", (f"({', '.join([*share, *made])})", "dim"))
