"""What the engine's benchmarks compute on: a random Llama of 32 million parameters, and questions in made-up words.

A word is a token, so that lengths are known; the texts say nothing. All is drawn from fixed seeds.
"""

import random
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

WORDS = 8_192
END = "<end>"
LETTERS = ("A", "B", "C", "D")


class Item(NamedTuple):
    """A question as the model sees it, with what may follow; `right` is the place of the right option."""

    context: str
    options: tuple[str, ...]
    right: int


def random_llama() -> Any:
    """A Llama of 32 million parameters with grouped-query attention and a vocabulary of 8,192, float32."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=WORDS,
        hidden_size=512,
        num_hidden_layers=8,
        num_attention_heads=8,
        num_key_value_heads=4,
        intermediate_size=1_408,
        max_position_embeddings=4_096,
        bos_token_id=None,
        eos_token_id=0,
        tie_word_embeddings=False,
    )
    return LlamaForCausalLM(config).eval()


def word_tokenizer() -> PreTrainedTokenizerFast:
    """A tokenizer of 8,192 tokens: one to end with, the letters of options, and made-up words."""
    words = [END, *LETTERS, *(f"w{number}" for number in range(WORDS - 1 - len(LETTERS)))]
    inner = Tokenizer(models.WordLevel({word: place for place, word in enumerate(words)}, unk_token=END))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=inner, eos_token=END, pad_token=END)


class Writer:
    """Draws texts of made-up words; the same `seed` writes the same."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)

    def words(self, least: int, most: int) -> str:
        """Between `least` and `most` words."""
        drawn = self._random.choices(range(WORDS - 1 - len(LETTERS)), k=self._random.randint(least, most))
        return " ".join(f"w{number}" for number in drawn)

    def place(self, count: int) -> int:
        """One of `count` places."""
        return self._random.randrange(count)

    def shuffled(self, items: Sequence[Item]) -> list[Item]:
        """The items in another order."""
        return self._random.sample(items, len(items))


def with_full_text(count: int, shots: int, options: int = 4) -> list[Item]:
    """Questions of 60 to 100 words and options of 8 to 15, after the same `shots` of 70 to 100 words."""
    writer = Writer()
    shown = " ".join(writer.words(70, 100) for _ in range(shots))
    return [
        Item(
            f"{shown} {writer.words(60, 100)}".strip(),
            tuple(f" {writer.words(8, 15)}" for _ in range(options)),
            writer.place(options),
        )
        for _ in range(count)
    ]


def with_letters(count: int, shots: int) -> list[Item]:
    """Questions of 60 to 100 words, their four options among them; what is scored is a letter each."""
    answers = tuple(f" {letter}" for letter in LETTERS)
    return [Item(item.context, answers, item.right) for item in with_full_text(count, shots)]


def with_passages(passages: int, options: int = 4, questions: int = 5, shown: int = 1) -> list[Item]:
    """Five questions of 20 to 30 words about each of `passages`, of 280 to 320 words; options of 3 to 6 words.

    `shown` passages stand in each prompt, the first ones of which it shares. Questions about one passage stand apart.
    """
    writer = Writer()
    items = []
    for _ in range(passages):
        passage = " ".join(writer.words(280, 320) for _ in range(shown))
        items += [
            Item(
                f"{passage} {writer.words(20, 30)}",
                tuple(f" {writer.words(3, 6)}" for _ in range(options)),
                writer.place(options),
            )
            for _ in range(questions)
        ]
    return writer.shuffled(items)
