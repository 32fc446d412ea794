import pytest
from rich.console import Console

from harness.reporting import render


@pytest.fixture
def comparison(world):
    splits = ("in_domain", "paraphrase", "new_facts", "updated_facts", "noisy", "retention")
    right = {"base/zero-shot": 20, "base/rag-3": 80, "full@0.75/zero-shot": 81, "lora/rag-3": 3}
    scores = {variant: {split: world.hits(count) for split in splits} for variant, count in right.items()}
    scores["base/rag-3"]["noisy"] = [None, *world.hits(80)[1:]]
    return world.compare(world.rows(scores))


def _text(comparison, width):
    console = Console(width=width, no_color=True)
    with console.capture() as capture:
        console.print(render(comparison))
    return capture.get()


@pytest.mark.parametrize("width", [80, 120])
def test_every_figure_is_readable(comparison, width):
    """At 80 as at 120 columns no line is too long, no name is cut, and means, intervals and costs are all there."""
    text = _text(comparison, width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    assert "full@0.75/zero-shot " in text
    assert text.count("▲ 81.0") == 6
    assert "▼ 3.0" in text
    assert text.count("2.8%") == 2
    assert "tokens" in text


def test_wide_terminals_get_one_table(comparison):
    """At 120 columns all columns stand side by side, at 80 the rest goes below with the names repeated."""
    assert _text(comparison, 120).count("variant ") == 1
    assert _text(comparison, 80).count("variant ") == 2


def test_unscored_cases_are_shown(comparison):
    """Invariant 4: a mean that leaves cases out is marked, and the legend says how many."""
    text = _text(comparison, 120)
    assert "*▲ 79.8" in text
    assert "1 of base/rag-3 on noisy" in text


def test_signature_and_verdict_stand_below_the_table(comparison):
    """The signature and the whole verdict are printed, in this order."""
    text = " ".join(_text(comparison, 120).replace("│", " ").split())
    assert text.index("harness:0|suite:tiny") < text.index(comparison.decision.sentence)
    assert all(reason in text for reason in comparison.decision.reasons)


def test_nothing_scored_is_said(world):
    """A cell without scores says so and shows no number."""
    assert "unscored" in _text(world.compare(world.rows({"base/zero-shot": {"in_domain": [None]}})), 80)


def test_without_the_reference_no_mark_is_explained(world):
    """Marks against base/zero-shot aren't explained where it wasn't run."""
    comparison = world.compare(world.rows({"base/rag-3": {"in_domain": world.hits(50)}}))
    assert "▲" not in _text(comparison, 80)


def test_hostile_names_are_shown_as_text(world):
    """Rich markup and terminal escapes in names, signature and reasons are text."""
    scores = {"[red]\x1b]0;owned\x07/zero-shot": {"[bold]\nx": world.hits(50)}}
    comparison = world.compare(world.rows(scores), signature="[link=evil]\x1b[2J")
    text = _text(comparison, 120)
    assert "\x1b" not in text
    assert "[red]?]0;owned?/zero-shot" in text
    assert "[bold]?x" in text
    assert "[link=evil]?[2J" in text
