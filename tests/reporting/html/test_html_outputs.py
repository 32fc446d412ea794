"""Reading predictions of any version."""

import pytest

from harness.errors import InputError
from harness.reporting.html.outputs import Output, read_outputs
from harness.runs import RunFolder


def read(tmp_path, *rows):
    run = RunFolder(tmp_path)
    run.write_lines(run.predictions_path("base", "rag-3", "asked"), rows)
    return read_outputs(run, "base", "rag-3", "asked")


def test_all_fields_are_read(tmp_path):
    """What the page shows of a prediction is read, what it doesn't know is passed over."""
    row = {"case": "a", "seed": 2, "text": " x", "finished": False, "passages": ["p"], "dropped": 1, "novel": {}}
    assert read(tmp_path, row) == [Output("a", 2, " x", False, (), ("p",), 1, "")]


def test_what_is_not_as_it_should_be_counts_as_absent(tmp_path):
    """A field of another type is no error, and a log-likelihood that isn't finite is none."""
    row = {"case": "a", "seed": "x", "text": 3, "loglikelihoods": [-1.0, float("nan"), "?"], "passages": "p"}
    (tmp_path / "run.json").write_text('{"schema": "harness.run/1"}', encoding="utf-8")
    path = tmp_path / "predictions" / "base" / "rag-3" / "asked.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text(str(row).replace("'", '"').replace("nan", "NaN") + "\n", encoding="utf-8")
    found = read_outputs(RunFolder(tmp_path), "base", "rag-3", "asked")
    assert found == [Output("a", 0, None, True, (-1.0, None, None), (), 0, "")]


def test_no_file_is_no_output(tmp_path):
    """A variant without predictions on a split has no outputs there."""
    assert read_outputs(RunFolder(tmp_path), "base", "rag-3", "asked") == []


@pytest.mark.parametrize("row", [[], {}, {"case": 1}])
def test_a_line_without_a_case_is_an_error(tmp_path, row):
    """A line that names no case is told with file and line."""
    with pytest.raises(InputError, match=r"asked\.jsonl, line 2: names no case"):
        read(tmp_path, {"case": "a"}, row)


def test_a_name_stays_inside_the_run(tmp_path):
    """A split whose name is a path is refused."""
    with pytest.raises(InputError, match="can't be part of a path"):
        read_outputs(RunFolder(tmp_path), "base", "rag-3", "../../etc/passwd")
