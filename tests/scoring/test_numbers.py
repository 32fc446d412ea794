import json
from pathlib import Path

import pytest
from lm_eval.filters.extraction import RegexFilter

from harness.errors import InputError
from harness.scoring import parse_metrics
from harness.scoring.number import FinalNumber
from harness.scoring.numbers import final_number, numbers

ARITHMETIC = Path(__file__).parents[2].parent / "shared" / "data" / "arithmetic"
real_data = pytest.mark.skipif(
    not ARITHMETIC.is_dir(), reason=f"the real data are not beside the project (looked in {ARITHMETIC})"
)

# How lm_eval/tasks/gsm8k/gsm8k.yaml and gsm8k-cot.yaml of lm-eval 0.4.13 extract answers.
STRICT = RegexFilter(r"#### (\-?[0-9\.\,]+)")
STRICT_WORDS = RegexFilter(r"The answer is (\-?[0-9\.\,]+).")
FLEXIBLE = RegexFilter(r"(-?[$0-9.,]{2,})|(-?[0-9]+)", group_select=-1)


def extracted(how: RegexFilter, texts: list[str]) -> list[float | None]:
    """What lm-eval compares, as a number; None where it finds none."""
    found = [row[0] for row in how.apply([[text] for text in texts], [])]
    return [None if text == "[invalid]" else as_float(text) for text in found]


def as_float(text: str) -> float:
    return float(text.replace(",", "").replace("$", "").rstrip("."))


def ours(texts: list[str]) -> list[float | None]:
    return [number.value if (number := final_number(text)) else None for text in texts]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("18", [18]),
        ("1,234,567.89 and 1{,}000 and 1\\,000 and 1\u202f000", [1234567.89, 1000, 1000, 1000]),
        ("1,2,3 or 12,34", [1, 2, 3, 12, 34]),  # groups of three make a thousand, others a list
        ("-5, \u22125, +5, -.5", [-5, -5, 5, -0.5]),
        ("10-5 = 10 - 5 = 5", [10, 5, 10, 5, 5]),  # no sign after a digit or before a space
        ("$5 -$5 $-5 \\$1,000 € 5", [5, -5, -5, 1000, 5]),
        ("3.5 .5 5. 1e3 1.5e-3", [3.5, 0.5, 5, 1000, 0.0015]),
        ("3/4 1 1/2 ½ 1½ \\frac{3}{4} 1\\frac{1}{2}", [0.75, 1.5, 0.5, 1.5, 0.75, 1.5]),
        ("50% 50 percent 18\\%", [50, 50, 18]),
        ("18km, 5th, 3 apples", [18, 5, 3]),
        ("H2O and x2", []),  # the end of a word is no number
        ("5/0, " + "9" * 400, []),  # nor is what has no finite value
        ("", []),
    ],
)
def test_numbers(text: str, values: list[float]) -> None:
    """Signs, thousands, decimals, exponents, fractions, currencies, percents and units are read as English has them."""
    assert [number.value for number in numbers(text)] == values


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2 and 3 make 5.\n#### 5\nQuestion: 7 and 8?\n#### 15", 5),  # the first mark, as GSM8K's authors do
        ("So the answer is 18 dollars, of 20.", 18),
        ("The answer is:\n\n18", 18),
        ("The answer is 16 - 3 - 4 = 9 eggs. Then 9 * 2 = $18.", 9),
        ("The answer is unknown, of 5.", 5),
        ("The answer is not known. I count 5.", 5),  # nothing after the mark: the last of the text
        ("\\boxed{18} apples in 3 days", 18),
        ("It takes 3 + 4 = 7 days", 7),
        ("seven", None),
    ],
)
def test_final_number(text: str, value: float | None) -> None:
    """The final number is the one that is marked as the answer, or else the last."""
    assert ours([text]) == [value]


@pytest.mark.parametrize(
    ("prediction", "reference", "equal"),
    [
        ("18.00", "18", True),
        ("$1,000", "1000", True),
        ("1/3", "0.333333", True),  # 3.3e-7 apart
        ("0.33", "1/3", False),
        ("1000000000001", "1000000000000", False),  # the tolerance doesn't grow with the number
        ("50%", "50", True),
        ("50%", "0.5", True),
        ("0.5", "50%", True),
        ("50%", "0.5%", False),
        ("-5", "5", False),
        ("5", "She has 3 + 2.\n#### 5", True),
    ],
)
def test_equal_by_value(prediction: str, reference: str, equal: bool) -> None:
    """Numbers are compared by value, to 1e-6; a percentage equals its number and what it stands for."""
    assert FinalNumber().score_case(prediction, [reference]) == equal


def test_tolerance() -> None:
    """The tolerance is absolute and part of the name: PAL (Gao et al. 2023) compares to 1e-3."""
    (metric,) = parse_metrics(["number(0.001)"], chooses=False)
    assert [metric.score_case(text, ["7.3333"]) for text in ("7.333", "7.33")] == [1.0, 0.0]


@pytest.mark.parametrize("argument", ["x", "", "-1", "nan", "inf"])
def test_no_tolerance(argument: str) -> None:
    """What is no tolerance is refused with what to write."""
    with pytest.raises(InputError, match=r"is no tolerance\. Write number"):
        parse_metrics([f"number({argument})"], chooses=False)


@pytest.mark.parametrize(
    ("prediction", "reference", "reason"),
    [
        ("seven", "7", "there is no number in the answer"),
        ("7", "seven", "there is no number in the references"),
    ],
)
def test_no_number(prediction: str, reference: str, reason: str) -> None:
    """Where no number can be found the case is unscored, not wrong, and doesn't count in the mean."""
    result = FinalNumber().compute(predictions=[prediction, "7"], references=[[reference], ["7"]])
    assert result == {"number": 1.0, "cases": [None, 1.0], "reasons": [reason, None]}


def test_a_reference_in_words() -> None:
    """A reference in words beside one in digits does no harm."""
    assert FinalNumber().score_case("7", ["seven", "7"]) == 1.0


@real_data
def test_real_marks() -> None:
    """Of all 8,792 solutions of GSM8K, the number after the mark is the one that lm-eval's strict match takes."""
    texts = []
    for split in ("train", "test"):
        lines = (ARITHMETIC / "gsm8k" / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()
        texts += [json.loads(line)["answer"] for line in lines]
    assert len(texts) == 8792
    assert ours(texts) == extracted(STRICT, texts)


@real_data
@pytest.mark.parametrize(("name", "right"), [("MultiArith", 560), ("AddSub", 370), ("SingleEq", 484)])
def test_real_answers(name: str, right: int) -> None:
    """Of answers that a model wrote, the number is lm-eval's flexible one, and its strict one where it has any.

    `right` is how many of lm-eval's flexible numbers are the task's answer: python -c with FLEXIBLE, as above.
    """
    rows = json.loads((ARITHMETIC / name / "test.json").read_text(encoding="utf-8"))
    texts = [row["output"] for row in rows]
    found = ours(texts)
    assert found == extracted(FLEXIBLE, texts)
    for text, number, strict in zip(texts, found, extracted(STRICT_WORDS, texts), strict=True):
        # lm-eval takes the first term where the answer is stated as a sum: "The answer is 49 - 34 = 15 customers."
        assert strict in (number, None) or "= " in text.split("The answer is")[1]
    result = FinalNumber().compute(predictions=texts, references=[[row["answer"]] for row in rows])
    assert sum(value or 0 for value in result["cases"]) == right
