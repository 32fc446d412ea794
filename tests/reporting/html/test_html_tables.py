"""The tables of the page, made of a comparison that has records of every kind."""

import re

import pytest

from harness.comparison import Comparison, RequirementCheck
from harness.reporting.html import write_html
from harness.reporting.html.heat import heat
from harness.reporting.html.quality import quality_tables
from harness.reporting.html.requirements import requirements
from harness.reporting.html.spending import spending_tables
from harness.reporting.html.tables import table


@pytest.fixture(scope="module")
def text(full: Comparison, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of a comparison that was kept without its cases."""
    return write_html(tmp_path_factory.mktemp("run"), full).read_text(encoding="utf-8")


def test_sections_stand_in_order(text):
    """The verdict comes first, then scores, charts, tables, cases, and methods with the signature at the end."""
    places = [text.index(f'<section id="{name}"') for name in ("verdict", "scores", "charts", "tables", "cases")]
    places += [text.index('<section id="methods"'), text.rindex("<dt>Signature</dt>")]
    assert places == sorted(places)


def test_every_chart_has_its_table(text):
    """Each chart stands beside a folded table of its data, and no two parts of the page share an id."""
    charts = re.findall(r'<figure id="chart-([\w-]+)">', text)
    assert charts[:4] == ["alpha-path", "forgetting", "cost", "break-even"]
    assert text.count(" as a table</summary>") == len(charts) == text.count("<svg ")
    ids = re.findall(r'\sid="([^"]+)"', text)
    assert len(ids) == len(set(ids))


def test_every_conclusion_has_a_table(full):
    """All records of a comparison that are no chart alone are a table."""
    titles = [found.title for found in quality_tables(full) + spending_tables(full)]
    assert titles == [
        "Differences",
        "Shift",
        "What in-domain scores predict",
        "Forgetting",
        "Interpolation",
        "Revised facts",
        "Agreement",
        "Routing between two variants",
        "Costs",
        "Prices in USD",
        "Break-even",
    ]


def test_rows_are_as_long_as_their_headings(full):
    """No table has a figure without a heading."""
    for found in quality_tables(full) + spending_tables(full):
        assert {len(row) for row in found.rows} == {len(found.headings)}


def test_figures_that_nothing_has_are_left_out():
    """A column of figures without any is no column; a column of names stays."""
    (found,) = table("Costs", ["variant", "why", "p50", "p95"], [["a", "-", "-", "1.0"], ["b", "-", "-", "-"]], names=2)
    assert found.headings == ["variant", "why", "p95"]
    assert found.rows == [["a", "-", "1.0"], ["b", "-", "-"]]
    assert table("Costs", ["variant"], []) == []


def test_marks_say_what_pairs_conclude(full):
    """A cell of the heat table is marked as its pair with base/zero-shot says, and the mark is told in words."""
    verdicts = {(pair.a, pair.split): pair.verdict for pair in full.pairs if pair.b == "base/zero-shot"}
    marks = {"a": ("▲", "above"), "b": ("▼", "below"), "tie": ("=", "equal"), "unknown": ("", "cannot be told")}
    seen = set()
    for row in heat(full).rows:
        for cell in row.cells:
            verdict = verdicts.get((row.variant, cell.split))
            mark, word = marks[verdict] if verdict else ("", "")
            assert cell.mark == mark
            assert word in cell.meaning
            seen.add(verdict)
    assert {"a", "b", "unknown"} <= seen


def test_requirements_are_a_table(full):
    """Each variant has the outcome, figure and interval of each requirement, the recommended variant first."""
    checks = [
        RequirementCheck(requirement=f"{split} >= 0.8", variant=name, value=0.83, low=0.78, high=0.88, outcome=outcome)
        for name, outcome in (("base/rag-3", "not met"), (full.decision.recommended, "met"))
        for split in ("in_domain", "noisy")
    ]
    decision = full.decision.model_copy(update={"requirements": checks})
    found = requirements(full.model_copy(update={"decision": decision}))
    assert found.requirements == ["in_domain >= 0.8", "noisy >= 0.8"]
    assert [name for name, _ in found.rows] == [full.decision.recommended, "base/rag-3"]
    shown = ("not met", "83.0% (95% interval 78.0 to 88.0)")
    assert [(check.outcome, check.value) for check in found.rows[1][1]] == [shown] * 2


@pytest.mark.parametrize(
    ("kind", "figures", "shown"),
    [
        ("score", (0.83, 0.78, 0.88), "83.0% (95% interval 78.0 to 88.0)"),
        ("difference", (0.0133, -0.00687, 0.0407), "+1.3 points (-0.7 to +4.1)"),
        ("cost", (0.0222, None, None), "0.0222"),
    ],
)
def test_a_requirement_is_shown_in_its_own_unit(full, kind, figures, shown):
    """Scores stand in percent, drops in points, and costs as they were measured."""
    value, low, high = figures
    check = RequirementCheck(
        requirement="it <= 1", variant="base/rag-3", kind=kind, value=value, low=low, high=high, outcome="met"
    )
    decision = full.decision.model_copy(update={"requirements": [check]})
    assert requirements(full.model_copy(update={"decision": decision})).rows[0][1][0].value == shown
