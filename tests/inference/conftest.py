"""A real pretrained model and its tokenizer, and plain transformers calls to compare with."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from harness.inference import Engine

Tokens = Sequence[Sequence[int]]

STORIES = Path(__file__).parents[2].parent / "shared" / "models" / "stories260K"


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def _stories() -> Path:
    if not STORIES.is_dir():
        pytest.skip(f"the pretrained model stories260K is not at {STORIES}")
    return STORIES


@pytest.fixture(scope="session")
def stories() -> Any:
    """stories260K: a real pretrained Llama of 260,032 parameters, float32."""
    return AutoModelForCausalLM.from_pretrained(_stories(), dtype=torch.float32).eval()


@pytest.fixture(scope="session")
def stories_tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(_stories())


@pytest.fixture(scope="session")
def prompts(stories_tokenizer: Any) -> list[list[int]]:
    """Twenty-four beginnings of stories, of 2 to about 60 tokens, not in the order of their lengths."""
    openings = [
        "Once upon a time",
        "Lily",
        "The big dog and the little cat went to the park. They",
        "Tom had a red ball. He threw it high. The ball",
        "One day, a girl named Sue found a shiny rock in the garden. She showed it to her mom and",
        "Mom said,",
    ]
    repeated = [f"{opening} " + "It was a sunny day. " * times for times in range(4) for opening in openings]
    return [stories_tokenizer(text.strip())["input_ids"] for text in repeated]


class Plain:
    """What a model says by plain forward passes of one row alone, with nothing shared, padded or kept."""

    @staticmethod
    def loglikelihood(model: Any, prompt: Sequence[int], choice: Sequence[int]) -> float:
        """Of `choice` after `prompt`, by log_softmax over all positions, in nats."""
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([[*prompt, *choice]])).logits[0]
        each = torch.log_softmax(logits.float(), -1)[len(prompt) - 1 : -1]
        return sum(each[place, token].item() for place, token in enumerate(choice))

    @staticmethod
    def answer(model: Any, prompt: Sequence[int], new: int) -> list[int]:
        """The `new` tokens of greedy decoding, each from a whole forward pass."""
        ids = list(prompt)
        for _ in range(new):
            with torch.no_grad():
                ids.append(int(model(input_ids=torch.tensor([ids])).logits[0, -1].argmax()))
        return ids[len(prompt) :]

    @classmethod
    def assert_scores(cls, engine: Engine, model: Any, prompts: Tokens, choices: Sequence[Tokens]) -> None:
        """The engine's log-likelihoods are those of plain forward passes, within 1e-4 nats."""
        for prompt, options, scores in zip(prompts, choices, engine.choose(prompts, choices), strict=True):
            right = [cls.loglikelihood(model, prompt, option) for option in options]
            assert scores.loglikelihoods == pytest.approx(right, rel=0, abs=1e-4)

    @classmethod
    def assert_answers(cls, engine: Engine, model: Any, prompts: Tokens, new: int) -> None:
        """The engine's answers are greedy decoding's, token by token; its tokenizer is `Numbers`."""
        for prompt, generation in zip(prompts, engine.generate(prompts, max_new_tokens=new), strict=True):
            assert generation.text == Numbers().decode(cls.answer(model, prompt, new))


class Numbers:
    """A tokenizer whose text is the token ids themselves, so that text says which tokens were generated."""

    eos_token_id = None

    def decode(self, ids: Sequence[int], **_: Any) -> str:
        """The ids, spaced."""
        return " ".join(map(str, ids))


@pytest.fixture(scope="session")
def oracle() -> type[Plain]:
    """What a model says by plain forward passes of one row alone."""
    return Plain


@pytest.fixture(scope="session")
def numbers() -> Numbers:
    """A tokenizer whose text is the token ids themselves."""
    return Numbers()


@pytest.fixture(scope="session")
def lively() -> Callable[[Any], Any]:
    """Gives a random model weights so large that its logits differ clearly, and no end token."""

    def enliven(model: Any) -> Any:
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.dim() > 1:
                    parameter.normal_(0, 0.15, generator=generator)
        model.generation_config.eos_token_id = None
        return model.eval()

    return enliven
