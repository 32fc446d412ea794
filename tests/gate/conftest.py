"""Runs of made-up scores, on disk."""

import pytest

from harness.comparison import CaseRow, write_cases, write_comparison, write_rows


@pytest.fixture
def store(world, tmp_path):
    """Writes a run of the given scores, and the groups of its cases, and returns its folder."""

    def write(name, scores, groups=None, **changes):
        rows = scores if isinstance(scores, list) else world.rows(scores)
        cases = dict.fromkeys((row.split, row.case) for row in rows)
        asked = [
            CaseRow(split=split, case=case, question="?", references=("!",), group=(groups or {}).get(case, ""))
            for split, case in cases
        ]
        write_rows(rows, tmp_path / name)
        write_cases(asked, tmp_path / name)
        write_comparison(world.compare(rows, **changes), tmp_path / name)
        return world.seal(tmp_path / name)

    return write


@pytest.fixture
def scores(world):
    """Two variants on two splits of 100 cases."""
    return {
        "base/zero-shot": {"in_domain": world.hits(20), "paraphrase": world.hits(20)},
        "base/rag-3": {"in_domain": world.hits(80), "paraphrase": world.hits(75)},
    }
