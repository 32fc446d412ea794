from itertools import product
from random import Random

import pytest

from harness.errors import InputError
from harness.variants import BASE, Context, Variant, Weights


def many_variants() -> list[Variant]:
    """Every recipe and context with edge values and with 500 random alphas."""
    random = Random(0)
    alphas = [None, 0.0, 1.0, 0.5, 0.1, 1e-7, 1 / 3, 0.123456789, *(random.random() for _ in range(500))]
    recipes = ("full", "p-tuning", "LoRA_2>full")
    points = [*alphas, "best", "soup"]
    weights = [Weights(), *(Weights(name, point) for name, point in product(recipes, points))]
    contexts = [Context(p, s) for p, s in product((0, 1, 3, 10, 999_999), repeat=2)]
    contexts += [Context(3, s, retriever) for s, retriever in product((0, 2), ("bm25", "hybrid", "own-1_b"))]
    return [Variant(w, c) for w, c in product(weights, contexts)]


def test_round_trip() -> None:
    """Whatever variant there is, parsing its name gives it back, and no two variants share a name."""
    variants = many_variants()
    assert all(Variant.parse(str(variant)) == variant for variant in variants)
    assert len({str(variant) for variant in variants}) == len(set(variants)) > 30_000


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("full@0.50/zero-shot", "full@0.5/zero-shot"),
        ("full@00.5/zero-shot", "full@0.5/zero-shot"),
        ("full@1.000/zero-shot", "full@1/zero-shot"),
        ("full@0.0/zero-shot", "full@0/zero-shot"),
        ("full@0.00001/zero-shot", "full@0.00001/zero-shot"),
        ("base/rag-03", "base/rag-3"),
        ("base/rag-3:dense", "base/rag-3"),
        ("base/rag-3:bm25+few-shot-04", "base/rag-3:bm25+few-shot-4"),
        ("base/rag-3+few-shot-04", "base/rag-3+few-shot-4"),
    ],
)
def test_one_spelling(written: str, name: str) -> None:
    """Spellings of the same thing become the same name, so that it isn't run twice."""
    assert str(Variant.parse(written)) == name
    assert Variant.parse(written) == Variant.parse(name)


def test_meaning() -> None:
    """The parts of a name arrive where they belong."""
    variant = Variant.parse("lora@0.25/rag-3+few-shot-4")
    assert variant == Variant(Weights("lora", 0.25), Context(passages=3, shots=4))
    assert Variant.parse("base/zero-shot") == Variant(Weights(BASE, None), Context(0, 0))
    assert (Weights.parse("base").trained, Weights.parse("full@0").trained) == (False, True)
    assert (Weights.parse("base").stages, Weights.parse("full>lora@best").stages) == ((), ("full", "lora"))


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("full", "Write weights/context"),
        ("", "Write weights/context"),
        ("/zero-shot", "names no weights"),
        ("full@/zero-shot", "names no weights"),
        ("full@.5/zero-shot", "names no weights"),
        ("full@-1/zero-shot", "names no weights"),
        ("full@nan/zero-shot", "names no weights"),
        ("full@\u0661/zero-shot", "names no weights"),
        ("../full/zero-shot", "names no weights"),
        ("full@1.5/zero-shot", "between 0 (base) and 1 (trained), not at 1.5"),
        ("base@0.5/zero-shot", "can't be interpolated with itself"),
        ("Base/zero-shot", "Did you mean 'base'?"),
        ("full>/zero-shot", "names no weights"),
        ("full@worst/zero-shot", "names no weights"),
        ("full@0.5>lora/zero-shot", "names no weights"),
        ("full>base/zero-shot", "every training begins with the base"),
        ("base@best/zero-shot", "can't be interpolated with itself"),
        ("base/zeroshot", "Did you mean 'zero-shot'?"),
        ("base/fewshot-8", "Did you mean 'few-shot-8'?"),
        ("base/rag5", "Did you mean 'rag-5'?"),
        ("base/rag-5:", "names no context"),
        ("base/rag-5:bm25:hybrid", "names no context"),
        ("base/zero-shot:bm25", "names no context"),
        ("base/few-shot-2+rag-3", "names no context"),
        ("base/rag-3+fewshot-2", "Did you mean 'rag-3+few-shot-2'?"),
        ("base/rag-0", "K counts from 1"),
        ("base/rag-3+few-shot-0", "K counts from 1"),
        ("base/rag-" + "9" * 5000, "names no context"),
        ("base/rag-3\n", "names no context"),
        ("base/rag-3/x", "names no context"),
    ],
)
def test_bad_names(name: str, told: str) -> None:
    """A name outside the grammar is an InputError that says what was wrong and what to write."""
    with pytest.raises(InputError) as caught:
        Variant.parse(name)
    assert told in str(caught.value)


def test_both_parts_told() -> None:
    """Where both parts are wrong, both are told."""
    with pytest.raises(InputError, match=r"(?s)'full@2'.*'rag'"):
        Variant.parse("full@2/rag")
