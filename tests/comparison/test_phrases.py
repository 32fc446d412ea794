import pytest

from harness.comparison.phrases import amount, cost, listing, points_of, shortened, use


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (0.00000012345, "0.000000123"),
        (4.56, "4.56"),
        (99.96, "100"),
        (1820.4, "1,820"),
        (1234567, "1,230,000"),
    ],
)
def test_an_amount_has_three_digits(number: float, text: str) -> None:
    """Three digits that count, written out whether the number is small or large."""
    assert amount(number) == text


def test_costs_carry_their_unit() -> None:
    """Money stands behind its currency, seconds before their sign."""
    assert (cost(4.5, "EUR"), cost(4.5, "seconds")) == ("EUR 4.5", "4.5 s")


def test_a_use_is_told_exactly() -> None:
    """What the user stated is not rounded, and one is singular."""
    assert use(1_234_567, 1) == "1,234,567 queries and 1 update a month"
    assert use(1, 0.5) == "1 query and 0.5 updates a month"


def test_lists() -> None:
    """The last of several stands behind a word; of many the first few are named and the others counted."""
    assert listing(["a", "b", "c"], "or") == "a, b or c"
    assert shortened(["a", "b", "c", "d", "e"]) == "a; b; c; and 2 more"
    assert points_of(0.025) == "2.5 points"
