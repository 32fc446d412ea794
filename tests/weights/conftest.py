"""A two-layer random Llama on disk, with a real tokenizer, and what is needed to train it."""

from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from harness.weights import Base, Example, Hardware, Recipe, locate_base


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def llama_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Llama of two layers with tied weights, as save_pretrained writes it. Don't change it: copy it."""
    folder = tmp_path_factory.mktemp("random-llama")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(special_tokens=["<end>"], initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(["the ship is at home"], trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>")
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(fast),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=64,
        tie_word_embeddings=True,
        eos_token_id=0,
        bos_token_id=None,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def base(llama_folder: Path) -> Base:
    return locate_base(str(llama_folder))


@pytest.fixture(scope="session")
def hardware() -> Hardware:
    return Hardware(torch.device("cpu"), torch.float32)


@pytest.fixture(scope="session")
def examples() -> list[Example]:
    """Ten questions of different lengths, each with an answer and a worse one: a few tokens and the end token."""
    return [
        Example(
            prompt=(*range(20, 23 + number % 4), 30 + number),
            completion=(50 + number, *([70 + number] * (number % 2)), 0),
            rejected=(90 + number, *([110 + number] * (number % 3)), 0),
        )
        for number in range(10)
    ]


SMALL: dict[str, dict[str, Any]] = {
    "full": {"training": {"learning_rate": 1e-3}},
    "freeze": {"settings": {"layers": 1}, "training": {"learning_rate": 1e-3}},
    "lora": {"settings": {"rank": 4, "alpha": 6}},
    "rslora": {"settings": {"rank": 4, "alpha": 3}},
    "dora": {"settings": {"rank": 4, "alpha": 6}},
    "qlora": {"settings": {"rank": 4, "alpha": 6}},
    "prompt": {"settings": {"tokens": 3}},
    "p-tuning": {"settings": {"tokens": 3, "hidden": 8}},
    "prefix": {"settings": {"tokens": 3}},
    "dpo": {"settings": {"rank": 4, "alpha": 6}},
    "bottleneck-serial": {"settings": {"size": 4}},
    "bottleneck-parallel": {"settings": {"size": 4}},
    "loreft": {"settings": {"rank": 2, "first": 1, "last": 2}},
    "direft": {"settings": {"rank": 2, "first": 1, "last": 2}},
}
"""Each method with settings for the random Llama: a new method is one line here, and the contract tests hold it too."""


def small(name: str) -> Recipe:
    """A recipe of the method called `name` that trains in a moment."""
    training = {"learning_rate": 1e-2, "epochs": 2, "batch_size": 4, **SMALL[name].get("training", {})}
    return Recipe(name=name, method=name, settings=SMALL[name].get("settings", {}), training=training)


@pytest.fixture(scope="session")
def recipes() -> dict[str, Recipe]:
    """A small recipe of each method, by name."""
    return {name: small(name) for name in SMALL}


@pytest.fixture(params=sorted(SMALL))
def recipe(request: pytest.FixtureRequest) -> Recipe:
    """A small recipe of each method."""
    return small(request.param)


@pytest.fixture(scope="session")
def full() -> Recipe:
    return small("full")


@pytest.fixture(scope="session")
def lora() -> Recipe:
    return small("lora")
