from collections import Counter

import pytest

from harness.errors import InputError
from harness.pipeline.preferences import rejected_answer
from harness.suite import Case


def case(name: str, *references: str, stale: tuple[str, ...] = (), choices: tuple[str, ...] = ()) -> Case:
    return Case(id=name, question=f"{name}?", references=references, stale=stale, choices=choices)


POOL = [case(str(number), f"answer {number % 25}") for number in range(100)]


def test_stale_answers_come_first() -> None:
    """What was right once is rejected before any other choice."""
    asked = case("a", "new", stale=("old", "older"), choices=("new", "other"))
    assert {rejected_answer(asked, POOL, seed) for seed in range(30)} == {"old", "older"}


def test_then_other_choices() -> None:
    """Without stale answers it is a choice, and never one that is right."""
    asked = case("a", "x", "y", choices=("x", "y", "z", "w"))
    assert {rejected_answer(asked, POOL, seed) for seed in range(30)} == {"z", "w"}


def test_else_the_answer_to_another_case() -> None:
    """Without both it is another case's reference, drawn from all of them."""
    drawn = Counter(rejected_answer(case("a", "answer 3"), POOL, seed) for seed in range(2000))
    assert drawn.keys() == {f"answer {number}" for number in range(25)} - {"answer 3"}
    assert max(drawn.values()) < 300  # 2000 / 25 = 80 on average, twice that for the one after answer 3


def test_a_reference_in_other_letters_is_not_wrong() -> None:
    """Case and white space don't make a reference a wrong answer, wherever it stands."""
    asked = case("a", "Port Odessa", stale=("port odessa",), choices=("Port Odessa", "port  Odessa"))
    assert rejected_answer(asked, [case("b", "PORT ODESSA"), case("c", "Estal")], 0) == "Estal"


def test_case_and_seed_alone_decide() -> None:
    """The same case and seed give the same answer, in this process as in the one that these were noted in."""
    answers = [rejected_answer(case(name, "none"), POOL, seed) for name in "ab" for seed in (0, 1)]
    assert answers == ["answer 0", "answer 13", "answer 20", "answer 3"]


def test_nothing_wrong_to_say_is_an_error() -> None:
    """Where all cases have one answer the message names the case and what to do."""
    with pytest.raises(InputError, match=r"'a' has no wrong answer.*Add one"):
        rejected_answer(case("a", "same"), [case("a", "same"), case("b", "Same")], 0)
    with pytest.raises(InputError, match=r"'a' has no wrong answer"):
        rejected_answer(case("a", "same"), [], 0)
