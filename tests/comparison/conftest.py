"""What tests of conclusions share."""

from collections.abc import Callable, Mapping, Sequence

import pytest

from harness.comparison import Evidence, ScoreRow, SplitReference, VariantReference, primary_metrics, tabulate


@pytest.fixture(scope="session")
def evidence(world) -> Callable[..., Evidence]:
    """Makes evidence of score rows: variants and splits in the order in which they occur."""

    def build(
        rows: Sequence[ScoreRow],
        *,
        kinds: Mapping[str, str] | None = None,
        groups: Mapping[tuple[str, str], str] | None = None,
        margin: float = 0.03,
    ) -> Evidence:
        known = {**world.KINDS, **(kinds or {})}
        names = dict.fromkeys(row.variant for row in rows)
        variants = [
            VariantReference(name=n, weights=n.partition("/")[0], context=n.partition("/")[2], trainable_parameters=0)
            for n in names
        ]
        splits = [
            SplitReference(name=split, kind=known.get(split, "shifted"), n=1)
            for split in dict.fromkeys(row.split for row in rows)
        ]
        return Evidence(tabulate(rows, groups), primary_metrics(rows), splits, variants, {}, margin)

    return build
