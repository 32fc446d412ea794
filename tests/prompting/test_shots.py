import pytest

from harness.errors import InputError
from harness.prompting import Shot, choose_shots

POOL = [Shot(f"question {number}?", f"answer {number}") for number in range(50)]


def test_nested() -> None:
    """Fewer shots are the first of more shots, so that few-shot-2 and few-shot-4 differ in nothing else."""
    four = choose_shots(POOL, 4, seed=0)
    assert [choose_shots(POOL, count, seed=0) for count in (1, 2, 3)] == [four[:1], four[:2], four[:3]]


def test_seeds() -> None:
    """The same seed draws the same shots, another seed others."""
    assert choose_shots(POOL, 4, seed=1) == choose_shots(POOL, 4, seed=1)
    assert len({choose_shots(POOL, 4, seed=seed) for seed in range(10)}) == 10


def test_drawn_not_taken_from_the_top() -> None:
    """Over the seeds every part of the pool is drawn from."""
    drawn = {shot for seed in range(200) for shot in choose_shots(POOL, 4, seed=seed)}
    assert drawn == set(POOL)


def test_distinct_questions() -> None:
    """A question that stands in the pool twice is shown at most once."""
    shots = choose_shots(POOL[:3] * 5, 3, seed=0)
    assert sorted(shot.question for shot in shots) == sorted(shot.question for shot in POOL[:3])


def test_too_few() -> None:
    """Too few cases are an error with both counts, not a prompt with fewer shots than its name says."""
    with pytest.raises(InputError, match=r"few-shot-4 needs 4 .* the suite has 3\. Lower K"):
        choose_shots(POOL[:3] * 5, 4, seed=0)
