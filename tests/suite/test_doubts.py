from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from harness.suite import Case, Document, Evidence, Split, SplitKind, Suite
from harness.suite.doubts import doubts

CORPUS = (Document(id="swan", text="The Swan carries salt. It is led by Moss."), Document(id="heron", text="Tea."))


def case(name: str, question: str, answer: str = "salt", **more: Any) -> Case:
    return Case(id=name, question=question, references=(answer,), **{"evidence": ("swan",), **more})


def suite(*tests: Case, train: tuple[Case, ...] = (), kind: SplitKind = "in-domain") -> Suite:
    splits = {"train": Split("train", "train", train), "test": Split("test", kind, tests)}
    return Suite("small", Path("small"), "5u17e", "", {n: s for n, s in splits.items() if s.cases}, CORPUS)


def told(found: Suite) -> list[tuple[str, str]]:
    return [(finding.group, finding.text) for finding in doubts(found)]


def test_a_sound_suite_raises_no_doubt() -> None:
    """A test case with evidence that holds its answer, and whose question is new, is fine."""
    assert told(suite(case("a", "What does the Swan carry?"), train=(case("t", "Who leads it?", "Moss"),))) == []


def test_repeated_questions_and_contradictions() -> None:
    """A question that stands twice in a split is told, and that its answers differ; in two splits it may."""
    found = told(suite(case("a", "What?"), case("b", "what?", "Moss")))
    assert [group for group, _ in found] == ["duplicates"]
    assert "test holds 1 question more than once, 1 of them with different answers: a = b" in found[0][1]
    other = told(suite(case("a", "What?", choices=("salt", "tea")), case("b", "What?", choices=("salt", "wool"))))
    assert "duplicates" not in [group for group, _ in other]


def test_repeated_documents() -> None:
    """Equal texts under two ids are told if they are valid at once."""
    twins = (Document(id="a", text="Tea."), Document(id="b", text="tea. "))
    found = told(replace(suite(case("a", "What?")), documents=(*CORPUS, *twins)))
    assert [group for group, _ in found] == ["duplicates"]
    assert "the corpus holds 1 text in more than one document: heron = a" in found[0][1]
    later = Document(id="heron2", text="Tea.", valid_from=date(2026, 1, 1))
    assert told(replace(suite(case("a", "What?")), documents=(*CORPUS, later))) == []


def test_validation_stands_apart() -> None:
    """A validation question that stands in a test or train split is told: settings are chosen by it."""
    asked = suite(case("a", "What?"))
    apart = replace(asked, splits={**asked.splits, "tuned": Split("tuned", "validation", (case("v", "what?"),))})
    assert (
        "duplicates",
        "1 question of test also in validation: v = a; settings are chosen by them, so leave them out (`without`)",
    ) in told(apart)


def test_near_duplicates_between_train_and_test() -> None:
    """A test question with one letter more than a train question is told with both ids."""
    trained = (case("t", "Which cargo does the Swan carry to the south?"),)
    found = told(suite(case("a", "Which cargo does the Swan carry to the south2?"), train=trained))
    assert found[0][0] == "near-duplicates"
    assert "all 1 test questions of test have nearly the text of a train question" in found[0][1]
    assert "a ~ t (0.9" in found[0][1]


@pytest.mark.parametrize(
    ("answer", "evidence", "supported"),
    [
        ("Salt!", ("swan",), True),
        ("sal", ("swan",), False),
        ("salt", ("heron",), False),
        ("salt", ("heron", "swan"), True),
        ("salt", (Evidence(document="swan", start=0, end=22),), True),
        ("salt", (Evidence(document="swan", start=23, end=40),), False),
    ],
)
def test_answers_stand_in_their_evidence(answer: str, evidence: Any, supported: bool) -> None:
    """An answer stands in a document or span as whole words, whatever their case and punctuation."""
    found = told(suite(case("a", "What does the Swan carry?", answer, evidence=evidence)))
    assert ("evidence" in [group for group, _ in found]) != supported


def test_labels_need_not_stand_in_the_evidence() -> None:
    """Yes and no are found in no document, and nothing is wrong with that."""
    tests = [case(str(n), f"Does it carry {'salt ' * n}?", "no" if n % 2 else "yes") for n in range(10)]
    assert told(suite(*tests)) == []


def test_missing_evidence() -> None:
    """Test cases without evidence are told, if there is a corpus and they aren't there for retention."""
    cases = (case("a", "What?"), case("b", "Who?", evidence=()))
    assert told(suite(*cases))[0] == (
        "evidence",
        "1 of 2 cases of test name no evidence (b), so retrieval isn't scored on them",
    )
    assert told(suite(*cases, kind="retention")) == []
    assert told(replace(suite(case("b", "Who?", evidence=())), documents=())) == []


def test_unbalanced_labels() -> None:
    """Labels that are distributed unlike train's are told, and a split that one answer solves."""
    shown = {"choices": ("yes", "no"), "evidence": ("swan",)}
    train = tuple(case(f"t{n}", f"Is {n} {'x' * n} trained?", "yes" if n % 2 else "no", **shown) for n in range(60))
    tests = [case(f"a{n}", f"Does {n} {'y' * n} hold?", "no" if n % 10 else "yes", **shown) for n in range(60)]
    found = told(suite(*tests, train=train))
    assert [group for group, _ in found] == ["labels", "labels"]
    assert "right for 90% of test" in found[0][1]
    assert "'no' most, with 50% in train and 90% here" in found[1][1]
    assert told(suite(*(case(f"b{n}", c.question, c.references[0], **shown) for n, c in enumerate(train)))) == []


def test_weak_cases_and_notes_are_told() -> None:
    """Questions made by rule are told for every split, and so is what was mended in other people's data."""
    found = told(replace(suite(case("a", "What?", weak=True)), notes=("3 rows were left out",)))
    assert found[0] == ("data", "3 rows were left out")
    assert found[1][0] == "weak"
    assert "all 1 cases of test were made by rule" in found[1][1]
