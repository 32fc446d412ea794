"""Which variants are compared: the default grid, a product of two axes, or a list of names."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from harness.errors import InputError
from harness.variants.grammar import Context, Variant, Weights, parse_all

AnyValue = TypeVar("AnyValue")

ALL = "all"
DEFAULT_SHOTS = 4
DEFAULT_PASSAGES = 3
DEFAULT_VARIANTS = (
    "base/zero-shot",
    f"base/few-shot-{DEFAULT_SHOTS}",
    f"base/rag-{DEFAULT_PASSAGES}",
    "lora/zero-shot",
    f"lora/rag-{DEFAULT_PASSAGES}",
    "lora@0.5/zero-shot",
    "full/zero-shot",
    f"full/rag-{DEFAULT_PASSAGES}",
    "full@0.25/zero-shot",
    "full@0.5/zero-shot",
    "full@0.75/zero-shot",
    f"full@0.5/rag-{DEFAULT_PASSAGES}",
)


def grid(
    variants: Sequence[str] = (),
    weights: Sequence[str] = (),
    contexts: Sequence[str] = (),
    *,
    retrieval: bool = True,
    everything: Sequence[str] = (),
) -> tuple[Variant, ...]:
    """The variants to compare, in a fixed order and without repetition.

    `variants` lists names; `weights` and `contexts` span a product (each defaults to the values that the default
    grid has); with none of the three it is the default grid. A suite without a corpus (`retrieval=False`) has a
    default grid without `rag`. Among `weights`, `all` stands for `everything`. Raises InputError that tells all bad
    names at once.
    """
    default = [Variant.parse(name) for name in DEFAULT_VARIANTS]
    if not retrieval:
        default = [variant for variant in default if not variant.context.passages]
    weights = [name for given in weights for name in (everything if given == ALL else [given])]
    listed, rows, columns = parse_all((Variant.parse, variants), (Weights.parse, weights), (Context.parse, contexts))
    if weights or contexts:
        rows = rows or [variant.weights for variant in default]
        columns = columns or [variant.context for variant in default]
        listed += [Variant(row, column) for row in _distinct(rows) for column in _distinct(columns)]
    chosen = _distinct(listed or default)
    without_corpus = [str(variant) for variant in chosen if variant.context.passages and not retrieval]
    if without_corpus:
        raise InputError(
            f"{', '.join(without_corpus)}: the suite has no corpus to retrieve from. Give it one, or leave these out."
        )
    return tuple(chosen)


def _distinct(values: Iterable[AnyValue]) -> list[AnyValue]:
    """The distinct values in the order in which they came."""
    return list(dict.fromkeys(values))
