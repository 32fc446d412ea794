from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from harness.suite import Case, DecodingSettings, Document, Split, SplitKind
from harness.suite.checks import problems


def split(name: str, kind: SplitKind, *cases: Case, as_of: date | None = None) -> Split:
    return Split(name, kind, cases, as_of)


def case(name: str, question: str = "", **more: Any) -> Case:
    return Case(id=name, question=question or f"about {name}?", references=("x",), **more)


def test_nothing_wrong() -> None:
    """A sound suite has no problems."""
    splits = [split("train", "train", case("a")), split("test", "in-domain", case("b", evidence=("d",)))]
    assert problems(splits, [Document(id="d", text="t")]) == []


def test_duplicate_case_ids() -> None:
    """An id that occurs twice is told with its splits, within one split and across two."""
    found = problems(
        [split("one", "in-domain", case("a", "p?"), case("a", "q?")), split("two", "shifted", case("a"))], []
    )
    assert found == ["the case id 'a' occurs 3 times (in one, two); ids must be unique"]


@pytest.mark.parametrize("question", ["Who leads the Swan?", "who  leads\tthe SWAN?", "Who leads the \uff33wan?"])
def test_leakage(question: str) -> None:
    """A test question that stands in train is told with both ids, whatever its case, spaces or letter widths."""
    found = problems(
        [split("train", "train", case("t", "Who leads the Swan?")), split("test", "shifted", case("c", question))], []
    )
    assert len(found) == 1
    assert "'c' of split 'test' also stands in train as 't' (leakage)" in found[0]


def test_validation_may_repeat_a_test_question() -> None:
    """Only train leaks: nothing is learnt from validation."""
    assert problems([split("v", "validation", case("v", "q?")), split("t", "in-domain", case("t", "q?"))], []) == []


def test_all_at_once() -> None:
    """Problems of different kinds are told together."""
    choosing = Case(id="b", question="q", references=("x",), choices=("x", "y"))
    found = problems([split("train", "train"), split("t", "in-domain", case("a", evidence=("gone",)), choosing)], [])
    assert [text.partition(";")[0] for text in found] == [
        "the split 'train' has no cases",
        "the split 't' mixes cases with and without choices",
        "the case 'a' of split 't' names evidence that its corpus lacks: gone",
    ]


def test_no_test_split() -> None:
    """A suite that tests nothing can't be compared on."""
    assert "there is no test split" in problems([split("train", "train", case("a"))], [])[0]


def test_evidence_of_another_revision() -> None:
    """Evidence must be valid on the day that its split is asked on."""
    document = Document(id="d", text="t", valid_from=date(2026, 2, 1))
    other = Document(id="e", text="t")
    early = split("t", "in-domain", case("a", evidence=("d",)), as_of=date(2026, 1, 1))
    late = split("t", "in-domain", case("a", evidence=("d",)), as_of=date(2026, 2, 1))
    assert "lacks: d" in problems([early], [document, other])[0]
    assert problems([late], [document, other]) == []


def test_nothing_to_retrieve() -> None:
    """A split that is asked on a day without any document is told: RAG would be silently absent."""
    document = Document(id="d", text="t", valid_from=date(2026, 2, 1))
    assert "nothing to retrieve" in problems([split("t", "shifted", case("a"), as_of=date(2026, 1, 1))], [document])[0]


@pytest.mark.parametrize(
    ("until", "since", "overlaps"),
    [
        (None, date(2026, 3, 1), True),
        (date(2026, 3, 2), date(2026, 3, 1), True),
        (date(2026, 3, 1), date(2026, 3, 1), False),
    ],
)
def test_overlapping_revisions(until: date | None, since: date, overlaps: bool) -> None:
    """Two documents of one id may follow one another and may not be valid on one day."""
    documents = [Document(id="d", text="new", valid_from=since), Document(id="d", text="old", valid_until=until)]
    found = problems([split("t", "in-domain", case("a"))], documents)
    assert any("is valid twice at once" in text for text in found) == overlaps


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Case(id="a", question="q", references=("z",), choices=("x", "y")), "['z'] are not among the choices"),
        (lambda: Case(id="a", question="q", references=("x",), choices=("x", "x")), "not two or more different ones"),
        (lambda: Case(id="a", question="q", references=("x",), choices=("x",)), "not two or more different ones"),
        (lambda: Case(id="a", question="q", references=("x",), choices=("x", " ")), "is blank"),
        (lambda: Case(id="a", question="q", references=("x",), stale=("x",)), "can't be stale and right at once"),
        (lambda: Case(id="a", question=" \n", references=("x",)), "is blank"),
        (lambda: Case(id="a", question="q", references=()), "at least 1 item"),
        (
            lambda: Document(id="d", text="t", valid_from=date(2026, 1, 2), valid_until=date(2026, 1, 2)),
            "valid on no day",
        ),
        (lambda: DecodingSettings(stop=("",)), "at least 1 character"),
    ],
)
def test_records_that_contradict_themselves(make: Callable[[], object], told: str) -> None:
    """A record that no score could be made of is refused, with the reason."""
    with pytest.raises(ValidationError) as caught:
        make()
    assert told in str(caught.value)
