import pytest

from harness.errors import InputError
from harness.variants import DEFAULT_VARIANTS, grid


def names(*args: list[str], **more: bool) -> list[str]:
    return [str(variant) for variant in grid(*args, **more)]


def test_default() -> None:
    """With nothing asked for, the grid is the default one, in its order."""
    assert names() == list(DEFAULT_VARIANTS)


def test_default_without_corpus() -> None:
    """A suite without a corpus is compared on the default grid without retrieval."""
    assert names(retrieval=False) == [name for name in DEFAULT_VARIANTS if "rag" not in name]


def test_product() -> None:
    """Weights and contexts span a product, weights first."""
    assert names([], ["base", "full@0.50"], ["zero-shot", "rag-2"]) == [
        "base/zero-shot",
        "base/rag-2",
        "full@0.5/zero-shot",
        "full@0.5/rag-2",
    ]


def test_all_weights() -> None:
    """`all` stands for every weights that there are, beside others that are named."""
    asked = grid([], ["all", "full@0.5"], ["zero-shot"], everything=["base", "full", "lora>dpo"])
    assert [str(variant.weights) for variant in asked] == ["base", "full", "lora>dpo", "full@0.5"]


def test_other_axis_defaults() -> None:
    """With one axis given, the other takes the values that it has in the default grid."""
    assert names([], ["full"]) == ["full/zero-shot", "full/few-shot-4", "full/rag-3"]
    assert names([], ["full"], retrieval=False) == ["full/zero-shot", "full/few-shot-4"]
    assert names([], [], ["rag-1"]) == [
        f"{weights}/rag-1" for weights in ("base", "lora", "lora@0.5", "full", "full@0.25", "full@0.5", "full@0.75")
    ]


def test_no_repetition() -> None:
    """A variant that is asked for twice, in whatever spelling, is compared once."""
    assert names(["base/zero-shot", "full@0.5/rag-3", "full@0.50/rag-3"], ["base"], ["zero-shot"]) == [
        "base/zero-shot",
        "full@0.5/rag-3",
    ]


def test_all_bad_names_at_once() -> None:
    """Every bad name is told once, whichever option it came by."""
    with pytest.raises(InputError) as caught:
        grid(["full"], ["lora@7", "base"], ["rag-0", "zeroshot"])
    assert [line.split("'")[1] for line in str(caught.value).splitlines()] == ["full", "lora@7", "rag-0", "zeroshot"]


def test_no_corpus_to_retrieve_from() -> None:
    """Retrieval that is asked for where there is no corpus is an error, not a variant without passages."""
    with pytest.raises(InputError, match=r"base/rag-3, full/rag-1: the suite has no corpus"):
        grid(["base/rag-3", "full/rag-1", "base/zero-shot"], retrieval=False)
