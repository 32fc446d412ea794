"""Where the time went, as it is shown: whole stages on each line, and shares that a reader can add up."""

from rich.console import Console

from harness.reporting import render_spent
from harness.runs import StageTime

STAGES = [
    StageTime("loading", 8.06),
    StageTime("retrieval", 3.14, 6, 0),
    StageTime("prompts", 0.01),
    StageTime("training", 41.0, 2, 1),
    StageTime("predicting", 0.04, 0, 12),
    StageTime("other", 0.75),
]


def shown(width: int, stages: list[StageTime]) -> list[str]:
    """The lines on a terminal that is `width` columns wide."""
    console = Console(width=width, force_terminal=False)
    with console.capture() as capture:
        console.print(render_spent(stages))
    return capture.get().splitlines()


def test_stages_come_with_share_and_artifacts():
    """Seconds, share and what was built or reused; what took no time and made nothing is left out."""
    assert shown(200, STAGES) == [
        "Time: 53.0 s: loading 8.1 s (15%) · retrieval 3.1 s (6%, 6 built) · "
        "training 41.0 s (77%, 2 built, 1 reused) · predicting 0.0 s (0%, 12 reused) · other 0.8 s (1%)"
    ]


def test_lines_break_between_stages():
    """No stage is torn apart, however narrow the terminal."""
    assert shown(60, STAGES) == [
        "Time: 53.0 s: loading 8.1 s (15%) ·",
        "  retrieval 3.1 s (6%, 6 built) ·",
        "  training 41.0 s (77%, 2 built, 1 reused) ·",
        "  predicting 0.0 s (0%, 12 reused) · other 0.8 s (1%)",
    ]


def test_a_run_of_no_time_is_shown():
    """Nothing is divided by nothing."""
    assert shown(80, []) == ["Time: 0.0 s"]
