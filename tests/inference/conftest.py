"""A real pretrained model and its tokenizer, for comparisons with plain transformers calls."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

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
