from harness.inference.choices import choice_rows


def test_single_token_choices_share_one_row() -> None:
    """Labels of one token each cost one row a case: the prompt itself."""
    (row,) = choice_rows([[5, 6]], [[[1], [2], [3]]])
    assert row.ids == [5, 6]
    assert (row.places, row.lasts) == ([0, 1, 2], [1, 2, 3])


def test_choices_share_a_row_where_only_their_last_tokens_differ() -> None:
    """Choices with the same head share a row, others and other cases don't."""
    rows = choice_rows([[5], [5]], [[[1, 2], [1, 3], [4, 2]], [[1, 2]]])
    assert [(row.case, row.ids, row.places, row.lasts) for row in rows] == [
        (0, [5, 1], [0, 1], [2, 3]),
        (0, [5, 4], [2], [2]),
        (1, [5, 1], [0], [2]),
    ]


def test_the_same_choice_twice_is_scored_twice() -> None:
    """Two choices of equal tokens have a place each."""
    (row,) = choice_rows([[5]], [[[1], [1]]])
    assert (row.places, row.lasts) == ([0, 1], [1, 1])
