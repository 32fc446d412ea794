import re

import pytest
from rich.console import Console

from harness.comparison import SuiteReference, write_comparison, write_rows
from harness.errors import InputError
from harness.reporting.side_by_side import side_by_side, side_by_side_markdown
from harness.reporting.two_runs import both, only, read_two_runs, settings


@pytest.fixture
def folders(world, tmp_path):
    """Makes two run folders from scores, the second with its own changes to the comparison."""

    def make(first, second, **changes):
        for name, scores, changed in (("monday", first, {}), ("tuesday", second, changes)):
            rows = world.rows(scores)
            comparison = world.compare(rows, **changed)
            write_comparison(comparison, tmp_path / name)
            write_rows(rows, tmp_path / name)
            world.seal(tmp_path / name)
        return tmp_path / "monday", tmp_path / "tuesday"

    return make


def shown(runs, width):
    console = Console(width=width, no_color=True)
    with console.capture() as capture:
        console.print(side_by_side(runs))
    return capture.get()


@pytest.fixture
def runs(world, folders):
    first = {name: {"in_domain": world.hits(count)} for name, count in (("base/zero-shot", 20), ("full/zero-shot", 50))}
    second = {**first, "full/zero-shot": {"in_domain": world.hits(80)}, "lora/rag-3": {"in_domain": world.hits(70)}}
    return read_two_runs(*folders(first, second, signature="harness:0|suite:tiny|seeds:3"))


@pytest.mark.parametrize("width", [80, 120])
def test_means_and_changes_stand_side_by_side(runs, width):
    """Both verdicts, both means, the paired change and its interval, and what only one run has; no line too long."""
    text = shown(runs, width)
    assert max(map(len, text.splitlines())) <= width
    flat = " ".join(text.split())
    assert runs.first.decision.sentence in flat
    assert runs.second.decision.sentence in flat
    assert "50.0 → 80.0" in text
    assert "▲ +30.0" in text
    assert "20.0 → 20.0" in text
    assert "only in tuesday: variants lora/rag-3" in text
    assert "seeds: - → 3" in text


def test_settings_that_differ_are_told_by_name(runs):
    """Of two signatures only the parts that differ are told."""
    assert settings(runs) == [("seeds", "-", "3")]
    assert only(runs) == [("tuesday", "variants", ["lora/rag-3"])]


def test_another_suite_has_no_paired_changes(world, folders):
    """Where the suites differ the means stand beside each other without interval, mark or p."""
    first, second = ({"base/zero-shot": {"in_domain": world.hits(count)}} for count in (20, 90))
    runs = read_two_runs(*folders(first, second, suite=SuiteReference(name="tiny", hash="0ther")))
    assert both(runs)["base/zero-shot", "in_domain"].change is None
    text = side_by_side_markdown(runs)
    assert "| `in_domain` | `base/zero-shot` | exact match | 20.0 | 90.0 | +70.0 points | - |" in text
    assert "nothing can be said of how sure a change is" in text
    assert "▲" not in text.partition("## Scores")[2].partition("|")[2]


def test_the_markdown_says_the_same(runs):
    """Verdicts, settings, what is missing, and each change with interval and p."""
    text = side_by_side_markdown(runs)
    assert text.startswith("# `monday` and `tuesday`\n\n- `monday`: ")
    assert "| `seeds` | `-` | `3` |" in text
    assert "- Only in `tuesday`: variants `lora/rag-3`" in text
    assert re.search(r"50\.0 \| 80\.0 \| \+30\.0 points \(\+2\d\.\d to \+3\d\.\d\) ▲ \| 0\.00\d\d \|", text)


def test_a_folder_without_a_run_is_an_input_error(runs, tmp_path):
    """Both must be runs."""
    with pytest.raises(InputError, match="is no run"):
        read_two_runs(tmp_path / "monday", tmp_path / "wednesday")


def test_hostile_names_are_shown_as_text(world, folders):
    """Escapes in names and signatures are shown as `?`, and Markdown in them stays text."""
    scores = {"[a](b)\x1b/zero-shot": {"<b>": world.hits(20)}}
    runs = read_two_runs(*folders(scores, scores, signature="x:\x1b[2J|y:<script>"))
    assert "\x1b" not in shown(runs, 80)
    assert "`[a](b)?/zero-shot`" in side_by_side_markdown(runs)
    assert "`<script>`" in side_by_side_markdown(runs)
