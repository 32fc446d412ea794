"""The names of variants: `weights/context`, parsed and written so that they round-trip.

Knows nothing of how weights are trained or contexts are filled.

    weights   base | RECIPE[>RECIPE…][@ALPHA | @best | @soup]     full, lora, full@0.5, full>lora, lora@best
    context   zero-shot | few-shot-K | rag-K[:RETRIEVER] | rag-K[:RETRIEVER]+few-shot-M
              RETRIEVER: dense (where none is named), bm25, hybrid, oracle, random, or one that the suite describes
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from typing import Any, Literal, Self

from harness.errors import InputError

BASE = "base"
DENSE = "dense"  # the retriever of a context that names none
_RECIPE = "[A-Za-z][A-Za-z0-9_-]*"
_WEIGHTS = re.compile(rf"(?P<recipe>{_RECIPE}(?:>{_RECIPE})*)(?:@(?P<alpha>[0-9]+(?:\.[0-9]+)?|best|soup))?")
_COUNT = "[0-9]{1,6}"
_CONTEXT = re.compile(
    rf"zero-shot|few-shot-(?P<shots>{_COUNT})"
    rf"|rag-(?P<passages>{_COUNT})(?::(?P<retriever>{_RECIPE}))?(?:\+few-shot-(?P<more>{_COUNT}))?"
)
_EXAMPLES = "Write weights/context, for example base/zero-shot, full@0.5/rag-3 or lora/rag-3+few-shot-4."


@dataclass(frozen=True)
class Weights:
    """What the model is: the base, what recipes trained one on top of the other made of it, or a point between.

    `recipe` names the recipes in their order (`first>second`). `alpha` lies between base (0) and trained (1); `best` is
    the one that does best on validation, and `soup` no point between but the mean of the weights of all seeds.
    """

    recipe: str = BASE
    alpha: float | Literal["best", "soup"] | None = None

    @classmethod
    def parse(cls, name: str) -> Self:
        """The weights called `name`; raises InputError."""
        match = _WEIGHTS.fullmatch(name)
        if not match:
            raise InputError(
                f"{name!r} names no weights. Write base, RECIPE, FIRST>SECOND, or one of them with @ALPHA, @best or "
                "@soup, for example full@0.5."
            )
        recipe, written = match["recipe"], match["alpha"]
        if recipe != BASE and recipe.lower() == BASE:
            raise InputError(f"{name!r} names no weights. Did you mean {BASE!r}? Names are told apart by case.")
        if written is not None and recipe == BASE:
            raise InputError(f"{name!r}: the base can't be interpolated with itself. Write base, or RECIPE@ALPHA.")
        if ">" in recipe and BASE in recipe.split(">"):
            raise InputError(f"{name!r}: every training begins with the base. Name only recipes: FIRST>SECOND.")
        if written is None:
            return cls(recipe)
        if written in ("best", "soup"):
            return cls(recipe, "best" if written == "best" else "soup")
        if not 0 <= float(written) <= 1:
            raise InputError(f"{name!r}: ALPHA lies between 0 (base) and 1 (trained), not at {written}.")
        return cls(recipe, float(written))

    @property
    def stages(self) -> tuple[str, ...]:
        """The recipes in the order in which they are trained; none for the base."""
        return tuple(self.recipe.split(">")) if self.trained else ()

    @property
    def trained(self) -> bool:
        """Whether anything has to be trained for these weights."""
        return self.recipe != BASE

    def __str__(self) -> str:
        if self.alpha is None:
            return self.recipe
        if isinstance(self.alpha, str):
            return f"{self.recipe}@{self.alpha}"
        shortest = f"{Decimal(repr(float(self.alpha))):f}"  # the fewest digits that give this number back
        return f"{self.recipe}@{shortest.removesuffix('.0')}"


@dataclass(frozen=True)
class Context:
    """What the model sees beside the question: `passages` that `retriever` finds, and `shots` worked examples."""

    passages: int = 0
    shots: int = 0
    retriever: str = DENSE

    @classmethod
    def parse(cls, name: str) -> Self:
        """The context called `name`; raises InputError."""
        match = _CONTEXT.fullmatch(name)
        if not match:
            raise InputError(
                f"{name!r} names no context. {_nearest_context(name)}"
                "Write zero-shot, few-shot-K, rag-K, rag-K:RETRIEVER or rag-K+few-shot-M, K from 1 on."
            )
        passages, shots, more = (match[part] for part in ("passages", "shots", "more"))
        if any(count is not None and int(count) == 0 for count in (passages, shots, more)):
            raise InputError(f"{name!r}: K counts from 1. With nothing to show, write zero-shot.")
        return cls(int(passages or 0), int(shots or more or 0), match["retriever"] or DENSE)

    def __str__(self) -> str:
        shots = f"few-shot-{self.shots}" if self.shots else ""
        named = f":{self.retriever}" if self.retriever != DENSE else ""
        passages = f"rag-{self.passages}{named}" if self.passages else ""
        return "+".join(part for part in (passages, shots) if part) or "zero-shot"


@dataclass(frozen=True)
class Variant:
    """One point of the grid: what the model is, and what it sees."""

    weights: Weights
    context: Context

    @classmethod
    def parse(cls, name: str) -> Self:
        """The variant called `name`; raises InputError that tells what is wrong with either part."""
        weights, slash, context = name.partition("/")
        if not slash:
            raise InputError(f"{name!r} names no variant. {_EXAMPLES}")
        (parsed_weights,), (parsed_context,) = parse_all((Weights.parse, [weights]), (Context.parse, [context]))
        return cls(parsed_weights, parsed_context)

    def __str__(self) -> str:
        return f"{self.weights}/{self.context}"


def parse_all(*groups: tuple[Callable[[str], Any], Iterable[str]]) -> list[list[Any]]:
    """Every group's names parsed by its parser; raises one InputError for all the bad names of all groups."""
    parsed: list[list[Any]] = [[] for _ in groups]
    problems = []
    for done, (parse, names) in zip(parsed, groups, strict=True):
        for name in names:
            try:
                done.append(parse(name))
            except InputError as error:
                problems += str(error).splitlines()
    if problems:
        raise InputError("\n".join(dict.fromkeys(problems)))
    return parsed


def _nearest_context(name: str) -> str:
    """`Did you mean …? ` with the numbers of `name`, or nothing where no context is near."""
    first, second = [*re.findall(_COUNT, name), "3", "4"][:2]
    known = ("zero-shot", f"few-shot-{first}", f"rag-{first}", f"rag-{first}:bm25", f"rag-{first}+few-shot-{second}")
    nearest = get_close_matches(name, known, n=1)
    return f"Did you mean {nearest[0]!r}? " if nearest else ""
