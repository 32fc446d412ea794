"""The self-check is shown with its outcomes and figures, and untrusted text as text."""

import numpy as np
import pytest
from rich.console import Console

from harness.comparison import Sample
from harness.comparison.findings.signs import Claim, SelfCheck, Sign, judge_signs
from harness.reporting.selfcheck import render_selfcheck, selfcheck_page, summary, write_selfcheck


def claim(says: str, wins: int, losses: int = 0) -> Claim:
    values = np.array([1.0] * wins + [-1.0] * losses + [0.0] * (100 - wins - losses))
    return Claim(says, [Sample.of(values)], [1.0])


@pytest.fixture
def check() -> SelfCheck:
    found = judge_signs(
        [
            Sign(2, "RAG wins", "someone", "87.5", (claim("ahead of *all*", 60),), "much"),
            Sign(3, "wordings help", "another", "58.8", (claim("better", 6, 5), Claim("unrun", [], [])), "more"),
            Sign(10, "it can hurt", "a third", "15.7", (claim("worse", 40), claim("<b>", 0, 40)), "most", True),
        ]
    )
    failures = ["pocket, lora/zero-shot: the loss is [no] number"]
    return SelfCheck(seeds=3, runs={"pocket": "suite:pocket"}, failures=failures, signs=found)


def test_one_sentence_counts_the_outcomes(check):
    """Every sign is named by its number under what became of it."""
    assert summary(check) == "3 signs over 3 seeds. Reproduced: 2 (2 and 10); not reproduced: 0; cannot tell: 1 (3)."


def test_the_page_shows_every_figure_and_escapes_text(check):
    """Each claim stands with its figures, what could not be tested says so, and no markup gets through."""
    page = selfcheck_page(check)
    assert "+60.0 points (+" in page
    assert "no scores" in page
    assert "one of these is enough" in page
    assert "the loss is \\[no\\] number" in page
    assert "<b>" not in page
    assert "ahead of \\*all\\*" in page


def test_the_terminal_shows_it_in_eighty_columns(check):
    """No line is longer than the terminal, nothing is read as markup, and nothing needs colour."""
    console = Console(width=80, record=True, color_system=None)
    with console.capture() as shown:
        console.print(render_selfcheck(check))
    text = shown.get()
    assert max(map(len, text.splitlines())) <= 80
    assert "[no]" in text
    assert text.count("cannot tell") >= 2


def test_the_page_lies_beside_the_record(check, tmp_path):
    """The Markdown is written into the folder of the self-check."""
    assert write_selfcheck(check, tmp_path).read_text(encoding="utf-8") == selfcheck_page(check)
