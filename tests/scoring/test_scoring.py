from dataclasses import replace

import pytest

from harness.scoring import Output, Score, score

WRITTEN = [
    Output("right", ("salt",), text=" Salt."),
    Output("half", ("sea salt",), text="salt"),
    Output("wrong", ("salt",), text="tea"),
]
CHOICES = ("Lynx", "Newt")


def by_metric(outputs: list[Output]) -> dict[str, dict[str, Score]]:
    rows: dict[str, dict[str, Score]] = {}
    for row in score(outputs):
        assert row.case not in rows.setdefault(row.metric, {})
        rows[row.metric][row.case] = row
    return rows


def test_written_answers() -> None:
    """Written answers get an exact match and a token F1 each."""
    rows = by_metric(WRITTEN)
    assert {metric: [row.value for row in found.values()] for metric, found in rows.items()} == {
        "exact_match": [1.0, 0.0, 0.0],
        "token_f1": [1.0, pytest.approx(2 / 3), 0.0],
    }


def test_choices() -> None:
    """Choices get an accuracy each and no text metric, and of two equally likely the first is taken."""
    outputs = [
        Output("right", ("Newt",), choices=CHOICES, loglikelihoods=(-2.0, -1.0)),
        Output("wrong", ("Newt",), choices=CHOICES, loglikelihoods=(-1.0, -2.0)),
        Output("tie", ("Lynx",), choices=CHOICES, loglikelihoods=(-1.0, -1.0)),
    ]
    rows = by_metric(outputs)
    assert {metric: [row.value for row in found.values()] for metric, found in rows.items()} == {
        "accuracy": [1.0, 0.0, 1.0]
    }


@pytest.mark.parametrize(
    ("failed", "reason"),
    [
        (Output("x", ("salt",), text=None), "there is no output"),
        (Output("x", ("salt",), text="salt and", finished=False), "the answer was cut off at max_new_tokens"),
        (Output("x", ("salt",), text="salt", failure="out of memory"), "out of memory"),
    ],
)
def test_unscored_is_not_zero(failed: Output, reason: str) -> None:
    """A failed answer is unscored with its reason by every metric; an empty answer that came to an end is a zero."""
    rows = by_metric([*WRITTEN, failed, Output("empty", ("salt",), text="")])
    for metric in ("exact_match", "token_f1"):
        assert rows[metric]["x"] == Score("x", metric, None, reason)
        assert rows[metric]["empty"] == Score("empty", metric, 0.0, None)
        assert rows[metric]["right"].value == 1.0


@pytest.mark.parametrize("values", [(), (float("nan"), -1.0), (-1.0, float("-inf")), (float("inf"), -1.0)])
def test_unscored_choices(values: tuple[float, ...]) -> None:
    """A choice without finite log-likelihoods is unscored, also where the rest would decide."""
    rows = by_metric([Output("x", ("Newt",), choices=CHOICES, loglikelihoods=values)])
    assert rows["accuracy"]["x"] == Score("x", "accuracy", None, "a log-likelihood is not a finite number")


def test_all_unscored() -> None:
    """Where nothing can be scored there are rows with reasons, and no value at all."""
    rows = score([replace(output, text=None) for output in WRITTEN])
    assert len(rows) == 2 * len(WRITTEN)
    assert all(row.value is None and row.reason for row in rows)


def test_nothing() -> None:
    """No outputs, no scores."""
    assert score([]) == []


def test_stale_rate_only_where_something_was() -> None:
    """The stale rate is of the cases that have a stale answer, and a failure is unscored there too."""
    outputs = [
        replace(WRITTEN[0], stale=("tea",)),
        WRITTEN[1],
        replace(WRITTEN[2], stale=("tea",)),
        Output("cut", ("salt",), text="te", finished=False, stale=("tea",)),
    ]
    stale = by_metric(outputs)["stale_rate"]
    assert {case: row.value for case, row in stale.items()} == {"right": 0.0, "wrong": 1.0, "cut": None}


def test_retrieval() -> None:
    """Retrieval is scored by recall@k and MRR for the cases with evidence, whatever became of the answer."""
    found = ("d1", "d2", "d3")
    outputs = [
        replace(WRITTEN[0], retrieved=found, evidence=("d2",)),
        replace(WRITTEN[1], retrieved=found, evidence=("d7",)),
        replace(WRITTEN[2], retrieved=found),
        Output("failed", ("salt",), failure="out of memory", retrieved=found, evidence=("d1",)),
    ]
    rows = by_metric(outputs)
    assert {case: row.value for case, row in rows["recall@3"].items()} == {"right": 1.0, "half": 0.0, "failed": 1.0}
    assert {case: row.value for case, row in rows["mrr"].items()} == {"right": 0.5, "half": 0.0, "failed": 1.0}


def test_no_retrieval_no_row() -> None:
    """A variant that retrieves nothing has no retrieval score: not a recall of zero."""
    outputs = [replace(output, evidence=("d1",)) for output in WRITTEN]
    assert set(by_metric(outputs)) == {"exact_match", "token_f1"}


def test_order_does_not_matter() -> None:
    """A case's scores don't depend on which cases are scored beside it, or in what order."""
    alone = {(row.case, row.metric): row.value for output in WRITTEN for row in score([output])}
    together = {(row.case, row.metric): row.value for row in score(WRITTEN[::-1])}
    assert together == alone
