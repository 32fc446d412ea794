import pytest

from harness.comparison import difference_of_drops, drop, tabulate
from harness.errors import InputError


def _tables(world):
    tables = tabulate(
        world.rows(
            {
                "full/zero-shot": {"in_domain": world.hits(80), "paraphrase": world.hits(50)},
                "base/rag-3": {"in_domain": world.hits(85), "paraphrase": world.hits(84)},
            }
        )
    )
    return tables["in_domain", "exact_match"], tables["paraphrase", "exact_match"]


def test_a_fall_is_positive(world):
    """The drop is the mean before minus the mean after, inside its interval, and significant if it is large."""
    found = drop("full/zero-shot", *_tables(world))
    assert found.value == pytest.approx(0.3)
    assert 0 < found.low < 0.3 < found.high
    assert found.p < 0.001


def test_who_falls_more(world):
    """The difference of drops is positive where the first variant falls more than the second."""
    found = difference_of_drops("full/zero-shot", "base/rag-3", *_tables(world))
    assert found.value == pytest.approx(0.29)
    assert found.low > 0


def test_pairing_cases_narrows_the_interval(world):
    """Coupled cases give the same drop with a narrower interval than splits that are resampled apart."""
    before, after = _tables(world)
    apart = drop("base/rag-3", before, after)
    coupled = drop("base/rag-3", before, after, pairing={case: case for case in before.cases})
    assert coupled.value == pytest.approx(apart.value)
    assert coupled.high - coupled.low < (apart.high - apart.low) / 2


def test_an_empty_pairing_is_refused(world):
    """A pairing that couples no case is an error, not a drop of zero."""
    with pytest.raises(InputError, match="no scored cases to compare"):
        drop("base/rag-3", *_tables(world), pairing={"nobody": "nowhere"})


def test_the_same_seeds_answer_on_both_splits(world):
    """A seed that is ten points better on both splits makes the drop no less sure."""
    rows = [
        row
        for seed, better in enumerate((-10, 0, 10))
        for row in world.rows(
            {"full/zero-shot": {"in_domain": world.hits(70 + better), "paraphrase": world.hits(40 + better)}}, seed=seed
        )
    ]
    tables = tabulate(rows)
    found = drop("full/zero-shot", tables["in_domain", "exact_match"], tables["paraphrase", "exact_match"])
    one_seed = drop("full/zero-shot", *_of_seed(world, rows, 1))
    assert found.value == pytest.approx(one_seed.value)
    assert found.high - found.low < 1.01 * (one_seed.high - one_seed.low)


def _of_seed(world, rows, seed):
    tables = tabulate(row for row in rows if row.seed == seed)
    return tables["in_domain", "exact_match"], tables["paraphrase", "exact_match"]
