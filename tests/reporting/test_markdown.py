import re
import subprocess
import sys

import pytest

from harness.comparison import write_comparison
from harness.errors import InputError
from harness.reporting import report, write_report


@pytest.fixture
def comparison(world):
    right = {"base/zero-shot": 20, "base/rag-3": 80, "full/zero-shot": 50}
    scores = {variant: {"in_domain": world.hits(count)} for variant, count in right.items()}
    scores["full/zero-shot"]["in_domain"][-1] = None
    rows = [
        *world.rows(scores),
        *world.rows(scores, "token_f1"),
        *world.rows({"base/rag-3": {"in_domain": world.hits(90)}}, "recall@3"),
        *world.rows({"full/zero-shot": {"in_domain": world.hits(60)}}, "stale_rate"),
    ]
    return world.compare(rows)


def test_the_verdict_comes_first(comparison):
    """Title, then the sentence of verdict, then the evidence by sections."""
    text = report(comparison)
    assert text.splitlines()[2] == f"**{comparison.decision.sentence}**"
    assert re.findall("^## (.*)", text, re.MULTILINE) == [
        "Scores",
        "Differences",
        "Costs",
        "Retrieval",
        "Stale rate",
        "Token F1",
        "What these figures do not say",
    ]


def test_no_claim_without_an_interval(comparison):
    """Invariant 7: every score and every difference in a table is followed by its interval."""
    rows = [line for line in report(comparison).splitlines() if line.startswith(("| `base", "| `full", "| `in_domain"))]
    figures = [cell for row in rows for cell in row.split(" | ") if re.search(r"\*\*|▲|▼| points", cell)]
    assert len(figures) >= 8
    assert all(re.search(r"\([-+]?\d+\.\d to [-+]?\d+\.\d\)", figure) for figure in figures)


def test_unscored_cases_are_counted(comparison):
    """Invariant 4: the report marks a mean that leaves cases out and says how many of how many."""
    text = report(comparison)
    assert r"50.5\*▲" in text
    assert "`full/zero-shot` on `in_domain`: 1 of 100" in text


def test_a_low_stale_rate_is_not_praised_as_highest(comparison):
    """The highest stale rate isn't bold: it is the worst."""
    section = report(comparison).partition("## Stale rate")[2].partition("##")[0]
    assert "60.0 (" in section
    assert "**" not in section


def test_report_is_written_from_the_run_folder(comparison, tmp_path):
    """write_report reads comparison.json and writes report.md beside it; without a run it is an input error."""
    with pytest.raises(InputError, match="no such file"):
        write_report(tmp_path)
    write_comparison(comparison, tmp_path)
    assert write_report(tmp_path).read_text() == report(comparison)


def test_hostile_names_stay_names(world):
    """HTML, Markdown and table syntax in names can't leave its cell or become markup."""
    scores = {"<script>|`x`/zero-shot": {"[a](javascript:b)": world.hits(50)}}
    text = report(world.compare(world.rows(scores)))
    assert "`` <script>\\|`x`/zero-shot ``" in text
    assert "\\<script\\>|\\`x\\`" in text
    assert "on \\[a\\](javascript:b)" in text
    tables = [line.replace("\\|", "") for line in text.splitlines() if line.startswith("| `` <script>")]
    assert [line.count("|") for line in tables] == [3, 8]


@pytest.mark.parametrize("module", ["harness.reporting", "harness.gate", "harness.comparison"])
def test_no_torch_is_needed(module):
    """Showing and gating a run starts without the libraries that made it."""
    heavy = "{'torch', 'transformers', 'scipy', 'pandas', 'evaluate'}"
    code = f"import sys, {module}; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
