"""How long the prompts of a suite are for a model, or roughly. Knows nothing of passages and shots."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.pipeline.suite_prompts import base_of, prompt_builder
from harness.prompting import Wording
from harness.suite import Suite
from harness.suite.doubts import examples, of
from harness.suite.findings import Finding
from harness.weights import window

CHARACTERS_A_TOKEN = 4
COMMON_WINDOW = 2048  # tokens: the smallest window that bases of today have


@dataclass(frozen=True)
class Ruler:
    """Counts the tokens of a question's zero-shot prompt with the room for its answer; `window` is what there is."""

    name: str
    window: int
    count: Callable[[str], int]


def make_ruler(suite: Suite, model: str | None) -> Ruler:
    """Counts by the tokenizer of `model`, or else of the suite's own base, or else roughly.

    Raises InputError for a model that can't be had, and for templates that can't be used.
    """
    answer = suite.decoding.max_new_tokens
    if model is None and suite.base is None:
        wording = Wording(suite.prompt.instruction, suite.prompt.passage, suite.prompt.question)
        fixed = len(wording.instruction)
        return Ruler(
            f"{CHARACTERS_A_TOKEN} characters a token (name a --model for its own)",
            COMMON_WINDOW,
            lambda question: answer + (fixed + len(wording.render_question(question))) // CHARACTERS_A_TOKEN,
        )
    base = base_of(suite, model)
    builder = prompt_builder(suite, base)
    return Ruler(
        f"the tokenizer of {base.name}",
        window(base) or COMMON_WINDOW,
        lambda question: answer + len(builder.build(question, answer_tokens=answer).ids),
    )


def too_long(suite: Suite, lengths: Mapping[str, Sequence[int]], ruler: Ruler) -> Iterator[Finding]:
    """Cases that don't fit the window even without shots and passages; `lengths` by split, a number a case."""
    for split in suite.splits.values():
        long = [case.id for case, length in zip(split.cases, lengths[split.name], strict=True) if length > ruler.window]
        if long:
            yield Finding(
                "lengths",
                f"{of(len(long), len(split.cases))} cases of {split.name} need more than {ruler.window} tokens even "
                f"without passages ({examples(long)}; by {ruler.name}), so they would be unscored or not "
                "learnt; shorten them",
            )
