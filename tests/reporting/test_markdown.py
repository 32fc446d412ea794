import re
import subprocess
import sys

import pytest

from harness.comparison import RequirementCheck, write_comparison
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
        "Quality against cost",
        "When fine-tuning is cheaper",
        "Retrieval",
        "Differences",
        "Revised facts",
        "Who is right where",
        "Costs",
        "Stale rate",
        "Token F1",
        "How these figures were found",
        "What these figures do not say",
        "Signature",
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
    assert "full/zero-shot on in_domain 1 of 100" in text


def test_a_low_stale_rate_is_not_praised_as_highest(comparison):
    """The highest stale rate isn't bold: it is the worst."""
    section = report(comparison).partition("## Stale rate")[2].partition("##")[0]
    assert "60.0 (" in section
    assert "**" not in section


def test_report_is_written_from_the_run_folder(comparison, world, tmp_path):
    """write_report reads comparison.json and writes report.md beside it; without a run it is an input error."""
    with pytest.raises(InputError, match="is no run"):
        write_report(tmp_path)
    write_comparison(comparison, tmp_path)
    world.seal(tmp_path)
    assert write_report(tmp_path).read_text() == report(comparison)


def test_all_is_told_in_the_order_of_the_issue(full):
    """Requirements, scores, alpha, forgetting, cost, break-even, errors, retrieval, then the rest; the end is last."""
    decision = full.decision.model_copy(
        update={
            "constraints": ["in_domain >= 0.8", "10,000 queries and 2 updates a month"],
            "requirements": [
                RequirementCheck(
                    requirement="in_domain >= 0.8",
                    variant="base/rag-3",
                    value=0.82,
                    low=0.75,
                    high=0.88,
                    outcome="cannot tell",
                )
            ],
            "would_change": ["12 updates a month"],
            "cannot_tell": ["whether `x` is better"],
        }
    )
    text = report(full.model_copy(update={"decision": decision}))
    assert re.findall("^## (.*)", text, re.MULTILINE) == [
        "Requirements",
        "Scores",
        "From base to trained weights",
        "Learning against forgetting",
        "Quality against cost",
        "When fine-tuning is cheaper",
        "Where errors come from",
        "Retrieval",
        "Differences",
        "Shift",
        "Revised facts",
        "Who is right where",
        "Costs",
        "How these figures were found",
        "What these figures do not say",
        "Signature",
    ]
    opening = text.partition("## Requirements")[0]
    for told in ("in\\_domain \\>= 0.8", "10,000 queries", "12 updates a month", "whether \\`x\\` is better"):
        assert told.replace("\\_", "_") in opening
    assert "| `base/rag-3` | cannot tell: 82.0% (95% interval 75.0 to 88.0) |" in text


def test_charts_are_files_that_the_report_links(full, world, tmp_path):
    """Every chart is written beside the report and linked from it, with its summary for who can't see it."""
    write_comparison(full, tmp_path)
    world.seal(tmp_path)
    text = write_report(tmp_path).read_text()
    linked = re.findall(r"!\[([^\]]+)\]\((charts/[a-z-]+\.svg)\)", text)
    assert [name for _, name in linked] == [
        f"charts/{name}.svg"
        for name in ("scores", "alpha-path", "forgetting", "cost", "break-even", "errors", "retrieval")
    ]
    assert all((tmp_path / name).read_text().startswith("<svg ") for _, name in linked)
    assert sorted(path.name for path in (tmp_path / "charts").iterdir()) == sorted(name[7:] for _, name in linked)


def test_the_same_run_gives_the_same_report(full, world, tmp_path):
    """Written twice, the report and its charts have the same bytes."""
    write_comparison(full, tmp_path)
    world.seal(tmp_path)
    written = []
    for _ in range(2):
        write_report(tmp_path)
        written.append({path.name: path.read_bytes() for path in tmp_path.rglob("*.*")})
    assert written[0] == written[1]


def test_a_tie_and_what_cannot_be_told_are_two_verdicts(full):
    """A shown tie is a tie with the p of equivalence beside it; where neither is shown the report says so."""
    pair = next(pair for pair in full.pairs if pair.b == "base/zero-shot")
    for verdict, told, mark in (("tie", "| tie |", "="), ("unknown", "| cannot tell |", "")):
        text = report(full.model_copy(update={"pairs": [pair.model_copy(update={"verdict": verdict})]}))
        (line,) = section(text, "Differences")
        assert told in line
        (row,) = [line for line in section(text, "Scores") if line.startswith(f"| `{pair.a}` |")]
        assert re.search(rf"\d{mark}(\*\*)? \(", row.split(" | ")[1])


def section(text, heading):
    return [
        line for line in text.partition(f"## {heading}\n")[2].partition("\n## ")[0].splitlines() if "| `" in line[:3]
    ]


def test_hostile_names_stay_names(world):
    """HTML, Markdown and table syntax in names can't leave its cell or become markup."""
    scores = {"<script>|`x`/zero-shot": {"[a](javascript:b)": world.hits(50)}}
    text = report(world.compare(world.rows(scores)))
    assert "`` <script>\\|`x`/zero-shot ``" in text
    assert "\\<script\\>|\\`x\\`" in text
    assert "on \\[a\\](javascript:b)" in text
    tables = [line.replace("\\|", "") for line in text.splitlines() if line.startswith("| `` <script>")]
    assert [line.count("|") for line in tables] == [3, 8, 9]


@pytest.mark.parametrize("module", ["harness.reporting", "harness.gate", "harness.comparison"])
def test_no_torch_is_needed(module):
    """Showing and gating a run starts without the libraries that made it."""
    heavy = "{'torch', 'transformers', 'scipy', 'pandas', 'evaluate'}"
    code = f"import sys, {module}; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
