from collections.abc import Sequence

import numpy as np
import pytest

from harness.suite import Case, Split
from harness.suite.labels import comparable_labels, imbalance, labels, majority


def split(answers: Sequence[str], choices: Sequence[Sequence[str]] | None = None) -> Split:
    listed = choices or [()] * len(answers)
    cases = [
        Case(id=str(number), question="q", references=(answer,), choices=tuple(shown))
        for number, (answer, shown) in enumerate(zip(answers, listed, strict=True))
    ]
    return Split("test", "in-domain", tuple(cases))


def test_few_answers_are_labels() -> None:
    """Yes and no are labels, whatever their case; a different answer for each case is free text."""
    assert majority(split(["Yes", "no", "yes", "yes", "no"] * 2)) == 0.6
    assert labels(split(["pepper", "salt", "tea", "salt", "wool"])) is None
    assert majority(split(["pepper", "salt", "tea", "salt", "wool"])) is None


def test_the_same_choices_are_labels() -> None:
    """Where all cases have the same choices, in any order, the label is the right one."""
    assert labels(split(["a", "b", "a"], [("a", "b"), ("b", "a"), ("a", "b")])) == ["a", "b", "a"]


def test_other_choices_each_time() -> None:
    """Where every case has its own choices the label is the place of the right one: some tests favour a place."""
    chosen = split(["a", "c", "e"], [("a", "b"), ("c", "d"), ("f", "e")])
    assert labels(chosen) == ["choice 1 of 2", "choice 1 of 2", "choice 2 of 2"]
    assert majority(chosen) == pytest.approx(2 / 3)


def test_two_tasks_have_a_constant_answer_each() -> None:
    """Of two lists of choices the most frequent answer of each counts."""
    chosen = split(["a", "b", "x", "x", "y"] * 2, [("a", "b"), ("a", "b"), ("x", "y"), ("x", "y"), ("x", "y")] * 2)
    assert majority(chosen) == 0.6


def test_only_cases_that_choose_alike_are_compared() -> None:
    """Of a pool of tasks those cases count that have the test's choices, or as many where they always differ."""
    answers = ["a", "no", "x", "salt", "true", "true", "true", "true", "true"]
    listed = [("a", "b", "c"), ("yes", "no"), ("x", "y"), (), *[("true", "false")] * 5]
    pool = split(answers, listed).cases
    chosen = split(["yes", "no"], [("yes", "no"), ("no", "yes")])
    assert comparable_labels(pool, chosen) == (["no"], ["yes", "no"])
    chosen = split(["d", "f", "i"], [("d", "e"), ("g", "f"), ("h", "i", "j", "k")])
    assert comparable_labels(pool, chosen) == (["choice 2 of 2", "choice 1 of 2"], ["choice 1 of 2", "choice 2 of 2"])
    assert comparable_labels(pool, split(["salt"] * 2)) == (["salt"], ["salt", "salt"])


def test_imbalance_by_chance() -> None:
    """What chance makes of the distance is what it is on average among samples of one distribution."""
    random = np.random.default_rng(0)
    drawn = [(random.choice(list("abcd"), 300), random.choice(list("abcd"), 100)) for _ in range(300)]
    found = [imbalance(a.tolist(), b.tolist()) for a, b in drawn]
    assert np.mean([one.distance for one in found]) == pytest.approx(np.mean([one.chance for one in found]), rel=0.05)


def test_imbalance_names_the_label() -> None:
    """The distance is half of what the shares differ by, and the label that differs most is named."""
    found = imbalance(["a"] * 6 + ["b"] * 4, ["a"] * 2 + ["b"] * 5 + ["c"] * 3)
    assert (found.label, found.in_train, found.in_test) == ("a", 0.6, 0.2)
    assert found.distance == pytest.approx(0.4)
