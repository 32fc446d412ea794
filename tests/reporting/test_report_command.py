"""`harness report` as people call it."""

import pytest

from harness.commands.report import report
from harness.comparison import write_cases, write_comparison, write_rows
from harness.errors import InputError


@pytest.fixture
def run(world, tmp_path):
    """The folder of a run with two variants."""
    rows = world.rows({"base/zero-shot": {"in_domain": world.hits(20)}, "base/rag-3": {"in_domain": world.hits(80)}})
    write_rows(rows, tmp_path)
    write_comparison(world.compare(rows), tmp_path)
    write_cases([], tmp_path)
    return world.seal(tmp_path)


def test_both_reports_are_written(run):
    """Page and Markdown lie in the run, under the requirements that were stated."""
    report([run], require=["in_domain >= 0.5"])
    for name in ("report.html", "report.md"):
        assert "met" in (run / name).read_text()


def test_a_broken_file_leaves_both_reports_as_they_were(run, world):
    """Where the page can't be made, the Markdown isn't either, so that the two never tell different verdicts."""
    report([run])
    before = [(run / name).read_bytes() for name in ("report.html", "report.md")]
    (run / "passages.jsonl").write_text("{")
    world.seal(run)
    with pytest.raises(InputError, match=r"passages.jsonl:1"):
        report([run], require=["in_domain >= 0.5"])
    assert [(run / name).read_bytes() for name in ("report.html", "report.md")] == before


@pytest.mark.parametrize("other", [{"require": ["in_domain >= 0.5"]}, {"terminal": True}])
def test_two_runs_take_no_requirements(run, other):
    """What --compare would ignore is bad input."""
    with pytest.raises(InputError, match="takes no other option"):
        report([run, run], compare=True, **other)


def test_two_runs_are_written_as_markdown_where_it_is_asked_for(run, tmp_path):
    """--out takes what --compare shows, and is refused for the report on one run, which lies in its folder."""
    report([run, run], compare=True, out=tmp_path / "two.md")
    assert "base/rag-3" in (tmp_path / "two.md").read_text()
    with pytest.raises(InputError, match="add --compare"):
        report([run], out=tmp_path / "one.md")
