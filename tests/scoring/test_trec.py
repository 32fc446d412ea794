import pytest
import pytrec_eval
from hypothesis import given
from hypothesis import strategies as st

from harness.scoring.trec import decoded, encoded, qrels_lines, run_lines

NAMES = st.text(st.characters(), min_size=1)


def test_lines() -> None:
    """A run has six fields a line and a qrels file four, the scores counting down to 1."""
    assert list(run_lines("q1", ["doc:3-9", "d#2"], "base/rag-3")) == [
        "q1 Q0 doc:3-9 1 2 base/rag-3\n",
        "q1 Q0 d#2 2 1 base/rag-3\n",
    ]
    assert list(qrels_lines("q1", ["doc:3-9", "doc:3-9", "x"])) == ["q1 0 doc:3-9 1\n", "q1 0 x 1\n"]
    assert list(run_lines("q1", [], "t")) == list(qrels_lines("q1", [])) == []


def test_encoding() -> None:
    """White space, what isn't ASCII and the percent sign are percent-encoded; all other ids stand as they are."""
    assert encoded("q-1_a.b/c:d#e~f|g") == "q-1_a.b/c:d#e~f|g"
    assert encoded("a b\tc\n100% é\x00\x7f") == "a%20b%09c%0A100%25%20%C3%A9%00%7F"


@given(NAMES)
def test_every_name_comes_back(name: str) -> None:
    """Any name is one field of visible ASCII, from which it can be read back."""
    field = encoded(name)
    assert field.split() == [field]
    assert field.isascii()
    assert field.isprintable()
    assert decoded(field) == name


@given(st.dictionaries(NAMES, st.lists(NAMES, unique=True, min_size=1, max_size=5), min_size=1, max_size=4))
def test_trec_reader_reads_them(cases: dict[str, list[str]]) -> None:
    """pytrec_eval's own readers get every query and name, in the order of the ranking."""
    run = pytrec_eval.parse_run([line for query, names in cases.items() for line in run_lines(query, names, "a b")])
    qrels = pytrec_eval.parse_qrel([line for query, names in cases.items() for line in qrels_lines(query, names)])
    ranked = {query: sorted(scores, key=lambda name: -scores[name]) for query, scores in run.items()}
    assert {decoded(query): [*map(decoded, names)] for query, names in ranked.items()} == cases
    assert {decoded(query): {*map(decoded, names)} for query, names in qrels.items()} == {
        query: set(names) for query, names in cases.items()
    }


def test_what_cannot_stand_in_a_file() -> None:
    """An empty name would be no field, and a name twice no ranking."""
    with pytest.raises(ValueError, match="empty name"):
        list(run_lines("", ["a"], "tag"))
    with pytest.raises(ValueError, match="twice"):
        list(run_lines("q", ["a", "b", "a"], "tag"))
