import pytest
from rich.console import Console

from harness.comparison import RequirementCheck
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
    assert _text(comparison, 120).partition("Change in points")[0].count("variant ") == 1
    assert _text(comparison, 80).partition("Change in points")[0].count("variant ") == 2


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


@pytest.mark.parametrize("width", [80, 120])
def test_what_changes_is_told_in_short(full, width):
    """Shift and forgetting of the recommended variant and of those that it isn't surely above, and of no other."""
    decision = full.decision.model_copy(
        update={"recommended": "base/rag-3", "ties": ["base/rag-1"], "unknown": ["lora/rag-3"]}
    )
    text = _text(full.model_copy(update={"decision": decision}), width)
    assert max(map(len, text.splitlines())) <= width
    changes = text.partition("Change in points")[2].partition("harness:0")[0]
    assert [name for name in ("base/rag-1", "base/rag-3 ", "lora/rag-3 ", "full/") if name in changes] == [
        "base/rag-1",
        "base/rag-3 ",
        "lora/rag-3 ",
    ]
    assert "▼ -15.0" in changes


def test_constraints_and_what_stays_open_stand_with_the_verdict(full):
    """Who meets a requirement, who may, what would change the answer and what can't be told."""
    checks = [
        RequirementCheck(requirement="noisy >= 0.7", variant=variant, value=0.7, outcome=outcome)
        for variant, outcome in (("base/rag-3", "met"), ("lora/rag-3", "cannot tell"), ("full/rag-3", "not met"))
    ]
    changed = {
        "constraints": ["noisy >= 0.7", "5 updates a month"],
        "requirements": checks,
        "would_change": ["9 updates a month"],
        "cannot_tell": ["what another base would do"],
    }
    comparison = full.model_copy(update={"decision": full.decision.model_copy(update=changed)})
    text = " ".join(_text(comparison, 120).partition("Verdict")[2].replace("│", " ").split())
    assert "noisy >= 0.7: met by base/rag-3; can't be told of lora/rag-3; not met by 1" in text
    assert text.count("noisy >= 0.7") == 1
    for told in ("5 updates a month", "9 updates a month", "what another base would do"):
        assert f"- {told}" in text


def test_a_shown_tie_has_its_mark(full):
    """`=` stands where equivalence is shown, nothing where nothing is, and the legend says both."""
    pair = next(pair for pair in full.pairs if pair.b == "base/zero-shot")
    for verdict, marks in (("tie", ["="]), ("unknown", [])):
        text = _text(full.model_copy(update={"pairs": [pair.model_copy(update={"verdict": verdict})]}), 120)
        line = next(line for line in text.splitlines() if line.startswith(f"{pair.a} "))
        assert [word for word in line.split() if word in ("▲", "▼", "=")] == marks
    assert "=: shown to be less than 3 points from it; no mark: can't be told" in " ".join(text.split())


def test_hostile_names_are_shown_as_text(world):
    """Rich markup and terminal escapes in names, signature and reasons are text."""
    scores = {"[red]\x1b]0;owned\x07/zero-shot": {"[bold]\nx": world.hits(50)}}
    comparison = world.compare(world.rows(scores), signature="[link=evil]\x1b[2J")
    text = _text(comparison, 120)
    assert "\x1b" not in text
    assert "[red]?]0;owned?/zero-shot" in text
    assert "[bold]?x" in text
    assert "[link=evil]?[2J" in text
