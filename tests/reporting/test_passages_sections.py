import pytest

from harness.comparison import RETRIEVED, SHOWN, PassageUse
from harness.reporting import report
from harness.reporting.terminal import legend


@pytest.fixture
def rows(world):
    """Two weights share a context; a third variant retrieves nothing."""
    right = {"base/zero-shot": 20, "base/rag-3:bm25": 80, "full/rag-3:bm25": 50}
    found = {variant: {"in_domain": world.hits(90)} for variant in right if "rag" in variant}
    return [
        *world.rows({variant: {"in_domain": world.hits(count)} for variant, count in right.items()}),
        *(row for metric in ("recall@3", "mrr", "ndcg@10", "precision@3") for row in world.rows(found, metric)),
        *(row for metric in (RETRIEVED, SHOWN) for row in world.rows(found, metric)),
    ]


def section(text: str, heading: str) -> list[str]:
    return [line for line in text.partition(f"## {heading}\n")[2].partition("\n## ")[0].splitlines() if line]


def test_retrieval_is_shown_once_a_context(world, rows):
    """All weights of one context see the same passages, so that they share a line, with an interval a figure."""
    lines = section(report(world.compare(rows)), "Retrieval")
    (line,) = [line for line in lines if line.startswith("| `")]
    assert line.startswith("| `rag-3:bm25` | `in_domain` | 90.0 (")
    assert line.count(" to ") == 4


def test_errors_add_up(world, rows):
    """The shares of one line add up to all answers."""
    lines = [line for line in section(report(world.compare(rows)), "Where errors come from") if line.startswith("| `")]
    assert [line.split(" | ")[0] for line in lines] == ["| `base/rag-3:bm25`", "| `full/rag-3:bm25`"]
    for line in lines:
        assert sum(float(cell) for cell in line.strip("| ").split(" | ")[3:]) == pytest.approx(100)


def test_short_windows_are_told(world, rows):
    """Where passages had no room the report and the terminal say so, and where they had they don't."""
    use = PassageUse(variant="base/rag-3:bm25", split="in_domain", n=100, retrieved=3, shown=1.5, short=80, bare=10)
    told = world.compare(rows, passages=[use])
    (line,) = [line for line in section(report(told), "Room for passages") if line.startswith("| `")]
    assert line == "| `base/rag-3:bm25` | `in_domain` | 3.0 | 1.5 | 80.0% | 10.0% |"
    assert any("1.5 of 3.0 a case" in line for line in legend(told))
    fitting = world.compare(rows, passages=[use.model_copy(update={"short": 0, "bare": 0, "shown": 3.0})])
    assert "Room for passages" not in report(fitting)
    assert not any("no room" in line for line in legend(fitting))
