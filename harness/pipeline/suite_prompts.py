"""The zero-shot prompts of a suite as the tokenizer of one base model writes them."""

from collections.abc import Iterable

from harness.pipeline.config import CompareConfig
from harness.pipeline.plan import locate
from harness.prompting import PromptBuilder, Wording
from harness.suite import Suite
from harness.weights import Base, load_tokenizer


def base_of(suite: Suite, model: str | None) -> Base:
    """The base model that is named, or else the suite's own; raises InputError where there is neither."""
    return locate(suite, CompareConfig(suite=suite.name, model=model))


def prompt_builder(suite: Suite, base: Base) -> PromptBuilder:
    """What writes the prompts of `suite` for `base`, however long; raises InputError for templates that can't be."""
    wording = Wording(suite.prompt.instruction, suite.prompt.passage, suite.prompt.question)
    return PromptBuilder(wording, load_tokenizer(base), None)


def zero_shot_prompts(suite: Suite, questions: Iterable[str], model: str) -> list[str]:
    """What the base called `model` is asked for each question; raises InputError for a model that can't be had."""
    builder = prompt_builder(suite, base_of(suite, model))
    return [builder.build(question, answer_tokens=suite.decoding.max_new_tokens).text for question in questions]
