import pytest

from harness.errors import InputError
from harness.scoring import Given, parse_metrics

CHOOSING = ["accuracy", "accuracy_per_byte", "accuracy_per_token"]
WRITING = [
    *("exact_match", "token_f1", "rouge_l", "bleu", "chrf", "number", "number(0.001)"),
    *("regex(answer: (.*))", "regex(())", "similarity"),
]


def no_embedding(texts):
    raise AssertionError


@pytest.mark.parametrize("name", [*CHOOSING, *WRITING])
def test_round_trip(name: str) -> None:
    """A metric's name is what it was parsed from, its argument included."""
    (metric,) = parse_metrics([name], chooses=name in CHOOSING, given=Given(embed=no_embedding))
    assert metric.metric == name


def test_signature_of_similarity() -> None:
    """Similarity says whose embeddings it compares."""
    (metric,) = parse_metrics(["similarity"], chooses=False, given=Given(embed=no_embedding, embedder="MiniLM"))
    assert metric.signature == "embedder:MiniLM"


def test_one_name_a_metric() -> None:
    """Two spellings of one metric have one name, and naming it twice is a mistake."""
    (metric,) = parse_metrics(["number(1e-3)"], chooses=False)
    assert metric.metric == "number(0.001)"
    with pytest.raises(InputError, match="named twice"):
        parse_metrics(["number", "number(1e-6)"], chooses=False)


def test_usual_metrics() -> None:
    """Without names, choices are judged by accuracy and written answers by exact match and token F1."""
    assert [metric.metric for metric in parse_metrics((), chooses=True)] == ["accuracy"]
    assert [metric.metric for metric in parse_metrics((), chooses=False)] == ["exact_match", "token_f1"]


def test_order() -> None:
    """Metrics keep the order of their names: the first decides."""
    assert [metric.metric for metric in parse_metrics(["chrf", "bleu"], chooses=False)] == ["chrf", "bleu"]


def test_unknown() -> None:
    """An unknown name is told with its place, the nearest known one, and all that judge such cases."""
    with pytest.raises(InputError) as error:
        parse_metrics(["rouge"], chooses=False, place="suite.yaml: splits.asked.metrics")
    assert str(error.value) == (
        "suite.yaml: splits.asked.metrics: unknown metric 'rouge'. Did you mean 'rouge_l'? Known: bleu, chrf, "
        "evaluate, exact_match, number, regex, rouge_l, similarity, token_f1. With an argument: number(TOLERANCE), "
        "regex(PATTERN), evaluate(NAME)."
    )


@pytest.mark.parametrize(
    ("name", "chooses", "told"),
    [
        ("exact_match", True, "exact_match judges written answers, and these cases are choices. Take one of: accuracy"),
        ("accuracy", False, "accuracy judges choices, and these cases are written answers. Take one of: bleu"),
        ("rouge_l(3)", False, "rouge_l takes no argument"),
        ("regex", False, "there is no pattern"),
        ("regex(a\nb)", False, "line breaks or control characters"),
        ("similarity", False, "there is no embedder"),
        ("evaluate", False, "there is no module"),
        ("(x)", False, "unknown metric"),
        ("", False, "unknown metric"),
    ],
)
def test_refused(name: str, chooses: bool, told: str) -> None:
    """A name that doesn't fit the cases, lacks an argument or has one too many is refused with the remedy."""
    with pytest.raises(InputError) as error:
        parse_metrics([name], chooses=chooses)
    assert told in str(error.value)


def test_all_mistakes_at_once() -> None:
    """All names that can't be used are told in one error."""
    with pytest.raises(InputError) as error:
        parse_metrics(["rouge", "regex", "accuracy"], chooses=False, place="here")
    assert [line[:6] for line in str(error.value).splitlines()] == ["here: "] * 3
