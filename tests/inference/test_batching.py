import pytest
import torch

from harness.inference.batching import batches, left_padded

LENGTHS = [3, 9, 1, 9, 4, 4, 7, 2, 30]


@pytest.mark.parametrize(("tokens", "rows"), [(16, 128), (1000, 2), (1, 1), (1000, 1000)])
def test_every_row_is_in_one_batch_within_the_limits(tokens: int, rows: int) -> None:
    """Batches are a partition; a batch over the tokens is a single row that alone is too long."""
    made = list(batches(LENGTHS, tokens=tokens, rows=rows))
    assert sorted(position for batch in made for position in batch) == list(range(len(LENGTHS)))
    for batch in made:
        assert len(batch) <= rows
        assert len(batch) == 1 or len(batch) * max(LENGTHS[position] for position in batch) <= tokens


def test_the_longest_rows_come_first() -> None:
    """What doesn't fit into memory fails at once."""
    order = [LENGTHS[position] for batch in batches(LENGTHS, tokens=20) for position in batch]
    assert order == sorted(LENGTHS, reverse=True)


def test_no_rows_make_no_batches() -> None:
    """Nothing to compute is no batch, not an empty one."""
    assert list(batches([])) == []


def test_rows_are_padded_on_the_left() -> None:
    """All rows end together."""
    ids, mask = left_padded([[7, 8, 9], [5]], torch.device("cpu"))
    assert ids.tolist() == [[7, 8, 9], [0, 0, 5]]
    assert mask.tolist() == [[1, 1, 1], [0, 0, 1]]
    assert ids.dtype == mask.dtype == torch.int64
