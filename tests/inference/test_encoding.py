from pathlib import Path
from typing import Any

import pytest
import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from harness.errors import InputError
from harness.inference.encoding import encode_pair, encode_pairs

Divided = tuple[tuple[int, ...], tuple[int, ...]]

POCKET = Path(__file__).parents[2] / "suites" / "pocket" / "base"
TEXTS = (
    "Once upon a time, there was a little girl named Lily.  She didn't like rain; her cat (Tom) did!",
    "Question: what's 12 x 12,5 % of $1,000.50?\nAnswer: about 18,000 — or so\n\nQuestion: who?\nAnswer:   no one",
    "Zürich's café, naïve façade: 東京タワー, Привет мир… مرحبا 👩‍👩‍👧 e\u0301 and a\u00a0no-break space\u2009thin",
    "def f(x):\n\treturn x ** 2  # squared\n\n\nprint(f(3))\r\n   indented\t\ttabs ",
    "aaaaaaaaaa bbbb    cccc\n \n \nunbelievably-long-compound_word's ...,,,;;;!!!??? end",
    "<s>Once it begins with control tokens</s> and <|end|> has some within <s>",
    "<|end|>The Marigold's captain is Ada.\nThe harbour: Port Elm\nQ: Where?\nA: Port Elm",
)

WINDOW = 48


class Peer(HFLM):
    """lm-evaluation-harness, which notes how it divides texts and what it gives the model."""

    def divide(self, pairs: list[tuple[str, str]]) -> list[Divided]:
        self.divided: list[Divided] = []
        requests = [Instance("loglikelihood", {}, pair, place) for place, pair in enumerate(pairs)]
        self.loglikelihood(requests, disable_tqdm=True)
        return self.divided

    def feed(self, pairs: list[Divided]) -> set[tuple[int, ...]]:
        self.fed: set[tuple[int, ...]] = set()
        requests = [(("", ""), list(context), list(continuation)) for context, continuation in pairs]
        super()._loglikelihood_tokens(requests, disable_tqdm=True)
        return self.fed

    def _loglikelihood_tokens(self, requests: Any, **options: Any) -> list[tuple[float, bool]]:
        self.divided = [(tuple(context), tuple(continuation)) for _, context, continuation in requests]
        return [(0.0, False)] * len(requests)

    def _model_call(self, inps: torch.Tensor, **options: Any) -> torch.Tensor:
        self.fed.update(tuple(row) for row in inps.tolist())
        logits: torch.Tensor = super()._model_call(inps, **options)
        return logits


@pytest.fixture(scope="module", params=["stories260K", "pocket"])
def tokenizer(request: pytest.FixtureRequest) -> Any:
    """stories260K begins every text with a token of its own and prepends a space; pocket does neither."""
    if request.param == "pocket":
        return AutoTokenizer.from_pretrained(POCKET)
    return request.getfixturevalue("stories_tokenizer")


@pytest.fixture(scope="module")
def peer(tokenizer: Any) -> Peer:
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        num_hidden_layers=1,
        hidden_size=8,
        intermediate_size=8,
        num_attention_heads=1,
        num_key_value_heads=1,
        max_position_embeddings=WINDOW,
    )
    # a copy of the tokenizer, since lm-eval gives it a padding token
    copied = AutoTokenizer.from_pretrained(tokenizer.name_or_path)
    return Peer(pretrained=LlamaForCausalLM(config), tokenizer=copied)


@pytest.fixture(scope="module")
def cuts() -> list[tuple[str, str]]:
    """Every text divided everywhere: inside words, after spaces, around punctuation, at newlines, between accents.

    Where the context is white space alone, lm-eval stops with an error if the tokenizer adds no token of its own.
    """
    found = [(text[:place], text[place:]) for text in TEXTS for place in range(len(text))]
    found = [(context, rest) for context, rest in found if context.strip() or not context]
    assert len(found) > 500
    return found


def divided(tokenizer: Any, context: str, continuation: str) -> Divided | None:
    """What the harness makes of them; None where it says that the continuation adds no token."""
    try:
        return encode_pair(tokenizer, context, continuation)[:2]
    except InputError:
        return None


def test_pairs_are_divided_as_lm_eval_divides_them(tokenizer: Any, peer: Peer, cuts: list[tuple[str, str]]) -> None:
    """At every cut both have the tokens that lm-evaluation-harness gives them; what it can't score is refused."""
    expected = [pair if pair[1] else None for pair in peer.divide(cuts)]
    assert [divided(tokenizer, *cut) for cut in cuts] == expected
    assert sum(pair is not None for pair in expected) > 500


def test_tokenising_by_themselves_would_give_other_tokens(
    tokenizer: Any, peer: Peer, cuts: list[tuple[str, str]]
) -> None:
    """The cuts are adversarial: at more than a third of them context and continuation apart have other tokens."""
    apart = [
        (tuple(tokenizer.encode(context)), tuple(tokenizer.encode(rest, add_special_tokens=False)))
        for context, rest in cuts
    ]
    assert sum(one != other for one, other in zip(apart, peer.divide(cuts), strict=True)) > len(cuts) / 3


def test_long_contexts_are_cut_as_lm_eval_cuts_them(tokenizer: Any, peer: Peer) -> None:
    """The model reads the same last tokens, at every length around its window, and what was cut is counted."""
    words = "The quick brown fox, it seems, jumps over 13 lazy dogs - or so they say! ".split(" ")
    pairs = [(" ".join((words * 9)[:length]), " and the rest") for length in range(1, 9 * len(words))]
    whole, fitted = encode_pairs(tokenizer, pairs), encode_pairs(tokenizer, pairs, window=WINDOW)
    expected = peer.divide(pairs)
    assert {(*pair.context, *pair.continuation[:-1]) for pair in fitted} == peer.feed(expected)
    assert [pair.continuation for pair in fitted] == [continuation for _, continuation in expected]
    assert [pair.cut for pair in fitted] == [
        len(all_of_it.context) - len(pair.context) for all_of_it, pair in zip(whole, fitted, strict=True)
    ]
    assert {pair.cut == 0 for pair in fitted} == {True, False}
    assert all(len(pair.context) + len(pair.continuation) == WINDOW + 1 for pair in fitted if pair.cut)


def test_many_pairs_are_encoded_as_each_alone(tokenizer: Any) -> None:
    """Contexts that are tokenised once for several continuations change nothing."""
    pairs = [(context, rest) for context in ("Who? ", "Who?", "") for rest in ("Ada", " Ada", " Bob\n")]
    assert encode_pairs(tokenizer, pairs) == [encode_pair(tokenizer, *pair) for pair in pairs]


def test_white_space_alone_is_no_context(tokenizer: Any) -> None:
    """It moves to the continuation, and the first token stands in its place, where lm-evaluation-harness may fail."""
    prefix = tokenizer.eos_token_id if tokenizer.bos_token_id is None else tokenizer.bos_token_id
    pair = encode_pair(tokenizer, " \n", "Ada")
    assert pair.context == (prefix,)
    assert tokenizer.decode(pair.continuation).endswith("\nAda")


def test_the_first_token_never_stands_twice(stories_tokenizer: Any) -> None:
    """A text that begins with it gets no other one, with a context and without."""
    with_context = encode_pair(stories_tokenizer, "<s>Once upon", " a time")
    assert with_context.context.count(1) == 1
    assert with_context == encode_pair(stories_tokenizer, "Once upon", " a time")
    without = encode_pair(stories_tokenizer, "", "<s>Once upon a time")
    assert (without.context, without.continuation.count(1)) == ((1,), 0)


@pytest.mark.parametrize(("context", "continuation"), [("Who?", ""), ("", "")])
def test_a_continuation_of_no_tokens_is_refused(tokenizer: Any, context: str, continuation: str) -> None:
    """It would be certain whatever the model says."""
    with pytest.raises(InputError, match="adds no token"):
        encode_pair(tokenizer, context, continuation)


def test_a_continuation_longer_than_the_window_is_refused(tokenizer: Any) -> None:
    """A part of it could not be scored; exactly the window fits, after one token of the context."""
    rest = encode_pair(tokenizer, "Who?", " Ada Bob Cleo").continuation
    assert len(encode_pair(tokenizer, "Who?", " Ada Bob Cleo", window=len(rest)).context) == 1
    with pytest.raises(InputError, match=f"has {len(rest)} tokens and the model's window holds {len(rest) - 1}"):
        encode_pair(tokenizer, "Who?", " Ada Bob Cleo", window=len(rest) - 1)


def test_an_empty_context_needs_a_token_to_begin_with() -> None:
    """A tokenizer that knows no token for beginning or end can't score a text after nothing."""
    tokenizer = AutoTokenizer.from_pretrained(POCKET)
    tokenizer.eos_token = None
    with pytest.raises(InputError, match="context is empty and the tokenizer has no token"):
        encode_pair(tokenizer, "", "Ada")
