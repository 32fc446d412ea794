from dataclasses import replace

import pytest

from harness.scoring import Output, Score, parse_metrics, score

WRITTEN = [
    Output("right", ("salt",), text=" Salt."),
    Output("half", ("sea salt",), text="salt"),
    Output("wrong", ("salt",), text="tea"),
]
CHOICES = ("Lynx", "Newt")


def by_metric(
    outputs: list[Output], names: list[str] | None = None, *, passages: int = 0
) -> dict[str, dict[str, Score]]:
    rows: dict[str, dict[str, Score]] = {}
    metrics = None if names is None else parse_metrics(names, chooses=bool(outputs[0].choices))
    for row in score(outputs, metrics, passages=passages):
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


def test_named_metrics() -> None:
    """A split's own metrics take the place of the usual ones, in their order; stale answers are counted as ever."""
    outputs = [Output("a", ("7",), text="It is 7.0", stale=("It is 7",)), Output("b", ("7",), text="8")]
    rows = by_metric(outputs, ["number", "exact_match"])
    assert list(rows) == ["number", "exact_match", "stale_rate"]
    assert [[row.value for row in found.values()] for found in rows.values()] == [[1.0, 0.0], [0.0, 0.0], [0.0]]


def test_no_answer_found() -> None:
    """A finished answer in which a metric finds nothing is unscored by that metric alone, with its reason."""
    rows = by_metric([Output("x", ("7",), text="seven")], ["number", "regex(is (.*))", "exact_match"])
    assert rows["number"]["x"] == Score("x", "number", None, "there is no number in the answer")
    assert rows["regex(is (.*))"]["x"].reason == "the pattern doesn't match the answer"
    assert rows["exact_match"]["x"].value == 0.0


def test_normalised_accuracies() -> None:
    """The three accuracies choose by the sum, per byte and per token."""
    output = Output("x", ("Newt",), choices=("Newt", "Lynx cat"), loglikelihoods=(-3.0, -4.0), choice_tokens=(1, 2))
    rows = by_metric([output], ["accuracy", "accuracy_per_byte", "accuracy_per_token"])
    assert {metric: found["x"].value for metric, found in rows.items()} == {
        "accuracy": 1.0,
        "accuracy_per_byte": 0.0,
        "accuracy_per_token": 0.0,
    }


def test_retrieval() -> None:
    """Retrieval is scored for the cases with evidence, whatever became of the answer; K names recall and precision."""
    found = ("d1", "d2", "d3")
    outputs = [
        replace(WRITTEN[0], retrieved=found, evidence=("d2",)),
        replace(WRITTEN[1], retrieved=found, evidence=("d7",)),
        replace(WRITTEN[2], retrieved=found),
        Output("failed", ("salt",), failure="out of memory", retrieved=found, evidence=("d1",)),
        Output("nothing", ("salt",), text="", retrieved=(), evidence=("d1",)),
    ]
    rows = by_metric(outputs, passages=3)
    assert {"recall@3", "precision@3", "mrr", "ndcg@10", "evidence_retrieved"} <= set(rows)
    assert {case: row.value for case, row in rows["recall@3"].items()} == {
        "right": 1.0,
        "half": 0.0,
        "failed": 1.0,
        "nothing": 0.0,
    }
    assert [row.value for row in rows["mrr"].values()] == [0.5, 0.0, 1.0, 0.0]


def test_evidence() -> None:
    """All of a case's evidence must be among the first K, and in the prompt, whatever became of the answer."""
    found = {"retrieved": ("d1", "x", "d2"), "evidence": ("d1", "d2")}
    outputs = [
        Output("all", ("salt",), text="salt", complete_after=3, passages=("a", "b", "c"), **found),
        Output("dropped", ("salt",), text="salt", complete_after=3, passages=("a",), **found),
        Output("missing", ("salt",), failure="out of memory", passages=("a", "b", "c"), **found),
        Output("none asked", ("salt",), text="salt", retrieved=("d1",), passages=("a",)),
    ]
    rows = by_metric(outputs, passages=3)
    assert {c: r.value for c, r in rows["evidence_retrieved"].items()} == {"all": 1.0, "dropped": 1.0, "missing": 0.0}
    assert {c: r.value for c, r in rows["evidence_shown"].items()} == {"all": 1.0, "dropped": 0.0, "missing": 0.0}
    assert by_metric(outputs, passages=2)["evidence_retrieved"]["all"].value == 0.0


def test_supported() -> None:
    """An answer is supported or not by the passages shown; one that is unscored or says little is unscored."""
    passages = ("The harbour trades in salt.", "It has a pier.")
    outputs = [replace(output, passages=passages) for output in WRITTEN]
    outputs += [
        Output("yes", ("no",), text="Yes.", passages=passages),
        Output("cut", ("salt",), text="salt", finished=False, passages=passages),
        Output("dropped", ("salt",), text="salt", passages=()),
    ]
    rows = by_metric(outputs, passages=2)["supported"]
    assert {case: row.value for case, row in rows.items()} == {
        **{"right": 1.0, "half": 1.0, "wrong": 0.0},
        **{"yes": None, "cut": None, "dropped": 0.0},
    }
    assert rows["yes"].reason == "the answer says too little to be looked for in passages"
    assert rows["cut"].reason == "the answer was cut off at max_new_tokens"


def test_what_is_supported() -> None:
    """Supported is the choice, or the part of an answer, that the first metric judges."""
    passages = ("The pier has 120 lamps.",)
    output = Output("x", ("120",), text="It has 120 of them", passages=passages)
    assert by_metric([output], ["exact_match", "number"], passages=1)["supported"]["x"].value == 0.0
    assert by_metric([output], ["number", "exact_match"], passages=1)["supported"]["x"].value == 1.0
    lost = by_metric([replace(output, text="many")], ["number"], passages=1)["supported"]["x"]
    assert lost == Score("x", "supported", None, "there is no number in the answer")
    choosing = Output("x", ("lamps",), choices=("boats", "lamps"), loglikelihoods=(-2.0, -1.0), passages=passages)
    assert by_metric([choosing], passages=1)["supported"]["x"].value == 1.0


def test_no_retrieval_no_row() -> None:
    """A variant that shows no passages has no retrieval score: not a recall of zero."""
    outputs = [replace(output, evidence=("d1",)) for output in WRITTEN]
    assert set(by_metric(outputs)) == {"exact_match", "token_f1"}


def test_order_does_not_matter() -> None:
    """A case's scores don't depend on which cases are scored beside it, or in what order."""
    names = ["exact_match", "token_f1", "rouge_l", "bleu", "chrf", "number", "regex(s.*)"]
    metrics = parse_metrics(names, chooses=False)
    alone = {(row.case, row.metric): row.value for output in WRITTEN for row in score([output], metrics)}
    together = {(row.case, row.metric): row.value for row in score(WRITTEN[::-1], metrics)}
    assert together == alone
