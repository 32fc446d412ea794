"""The page as a file: what it holds, how large it is, and that nothing from a run is markup."""

import re
import subprocess
import sys

import pytest

from harness.comparison import write_comparison
from harness.errors import InputError
from harness.reporting.html import write_html

VARIANTS = (["base", "lora"], ["zero-shot", "rag-3"])


@pytest.fixture(scope="module")
def run(make_run):
    return make_run(*VARIANTS, ["in_domain", "retention"], 8)


def text_of(folder):
    return write_html(folder).read_text(encoding="utf-8")


def test_it_stays_small(make_run, full, tmp_path):
    """15 variants, 6 splits and 150 cases each, with RAG prompts of three 60-word passages, take less than 3 MB."""
    weights = list(dict.fromkeys(variant.weights for variant in full.variants))
    contexts = list(dict.fromkeys(variant.context for variant in full.variants))
    run = make_run(weights, contexts, [split.name for split in full.splits], 150, full)
    assert len(run.outputs) == 15 * 6
    assert write_html(run.write(tmp_path)).stat().st_size < 3_000_000


def test_it_is_the_same_again(run, tmp_path):
    """The same run gives the same bytes."""
    folder = run.write(tmp_path)
    assert text_of(folder) == text_of(folder)


def test_it_needs_nothing_but_itself(run, tmp_path):
    """No element loads anything, no attribute runs anything, and the policy allows one style and one script."""
    text = text_of(run.write(tmp_path))
    assert not re.search(
        r'<(link|img|iframe|object|embed|base)\b|\bsrc=|@import|<[^>]+ on\w+=|\beval\(|href="(?!#)', text
    )
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)
    assert policy
    assert re.fullmatch(
        r"default-src &#39;none&#39;; style-src &#39;sha256-\S+&#39;; script-src &#39;sha256-\S+&#39;; "
        r"base-uri &#39;none&#39;",
        policy[1],
    )


def test_a_run_without_cases_says_so(run, world, tmp_path):
    """Where only comparison.json was kept, everything but the browser of cases is there, and why it isn't is told."""
    write_comparison(run.comparison, tmp_path)
    text = text_of(world.seal(tmp_path))
    assert "kept without its cases" in text
    assert "packed-cases" not in text.partition("<script")[0]
    assert "#split=" not in text


def test_a_run_without_predictions_says_so(run, tmp_path):
    """Questions and scores are shown without outputs, with a note."""
    folder = run.write(tmp_path)
    (folder / "predictions").rename(tmp_path / "elsewhere")
    text = text_of(folder)
    assert "without its predictions" in text
    assert 'id="packed-cases"' in text


def test_a_missing_run_is_an_error(tmp_path):
    """A folder without a run is told as such."""
    with pytest.raises(InputError, match="is no run"):
        write_html(tmp_path)


@pytest.mark.parametrize(
    ("variants", "splits"),
    [((["base"], ["zero-shot"]), ["in_domain"]), ((["base"], ["zero-shot"]), ["retention"]), (VARIANTS, ["in_domain"])],
    ids=["one variant", "only retention", "nothing shifted"],
)
def test_small_runs_have_a_page(make_run, tmp_path, variants, splits):
    """One variant, no in-domain split or no shifted split leave a page with a verdict and scores."""
    run = make_run(*variants, splits, 5)
    text = text_of(run.write(tmp_path))
    assert 'class="verdict"' in text
    assert text.count('<td class="shade-') == len(run.comparison.variants) * len(splits)


def test_names_are_escaped(run, tmp_path):
    """What a run calls itself is text: markup stands as it was written, and direction marks are taken out."""
    folder = run.write(tmp_path)
    hostile = '"><script>window.broken = 1</script>\u202e'
    changes = {
        "suite": run.comparison.suite.model_copy(update={"name": hostile, "notes": [hostile]}),
        "signature": hostile,
        "metrics": {hostile: hostile},
        "decision": run.comparison.decision.model_copy(update={"sentence": hostile, "reasons": [hostile]}),
    }
    text = write_html(folder, run.comparison.model_copy(update=changes)).read_text(encoding="utf-8")
    assert "window.broken = 1&lt;/script&gt;?" in text
    assert "<script>window" not in text
    assert "\u202e" not in text


def test_no_model_library_is_loaded(run, tmp_path):
    """Writing the page loads no model library and, before it is asked for, neither charts nor templates."""
    folder = run.write(tmp_path)
    code = (
        "import sys; from pathlib import Path; from harness.reporting.html import write_html;"
        "early = {'altair', 'jinja2', 'vl_convert'} & set(sys.modules);"
        f"write_html(Path({str(folder)!r}));"
        "print(*early, *{'torch', 'transformers', 'faiss', 'evaluate', 'datasets'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == []
