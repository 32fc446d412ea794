"""A text and what follows it as token ids, divided exactly as lm-evaluation-harness 0.4 divides them.

Scores can be compared only if the same tokens are scored, and tokenising context and continuation by themselves gives
other tokens wherever a word spans both. Control tokens that are written in a text count as such: untrusted text goes
through `harness.prompting`. Knows nothing of models.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from harness.errors import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_SHOWN_CHARACTERS = 60


class Pair(NamedTuple):
    """Token ids of a context and of what continues it; `cut` counts those that were dropped on the context's left."""

    context: tuple[int, ...]
    continuation: tuple[int, ...]
    cut: int


def encode_pair(
    tokenizer: "PreTrainedTokenizerBase", context: str, continuation: str, *, window: int | None = None
) -> Pair:
    """The token ids of `context` and of the `continuation` that is to be scored after it.

    The continuation's ids are those of the whole text that come after as many as the context alone has. White space at
    the end of the context belongs to the continuation. The tokenizer's own beginning-of-sequence token is not added to
    a text that begins with it already. A context of nothing is that token, or the end token where there is none.

    `window` is how many tokens the model can read. It reads all but the continuation's last, so the context's left
    is cut where context and continuation together have more than one token above it. Raises InputError where the
    continuation adds no token or doesn't fit the window, and for an empty context if the tokenizer has neither token.
    """
    return encode_pairs(tokenizer, [(context, continuation)], window=window)[0]


def encode_pairs(
    tokenizer: "PreTrainedTokenizerBase", pairs: Iterable[tuple[str, str]], *, window: int | None = None
) -> list[Pair]:
    """`encode_pair` of each context and continuation; every distinct context is tokenised once."""
    prefix = _prefix(tokenizer)
    pairs = list(pairs)
    both = [(context.rstrip(), context + continuation) for context, continuation in pairs if context]
    ids = _whole(tokenizer, [text for pair in both for text in pair], prefix)
    alone = _ids(tokenizer, [continuation for context, continuation in pairs if not context], special=False)
    encoded = []
    for context, continuation in pairs:
        head = ids[context.rstrip()] if context else ()
        tail = ids[context + continuation][len(head) :] if context else alone[continuation]
        if not head:
            head, tail = _begun(prefix, tail)
        encoded.append(_fitted(head, tail, window, continuation))
    return encoded


def encode_prompts(
    tokenizer: "PreTrainedTokenizerBase", texts: Sequence[str], *, room: int
) -> list[tuple[tuple[int, ...], int]]:
    """The token ids of each text that is to be continued, and how many were cut on its left to leave `room` of them."""
    ids = _whole(tokenizer, texts, tokenizer.bos_token_id)
    return [(ids[text][-room:], max(0, len(ids[text]) - room)) for text in texts]


def encode_windows(tokenizer: "PreTrainedTokenizerBase", text: str, *, window: int) -> list[Pair]:
    """A whole text, in parts that fill the `window` and are to be scored one by one; every token is in one of them.

    The first part comes after the beginning-of-sequence token (or the end token, where there is none), each other one
    after as much of the text before it as there is room for, one token at least. Nothing for a text without tokens;
    raises InputError if the tokenizer has neither token.
    """
    prefix = _prefix(tokenizer)
    ids = _whole(tokenizer, [text], prefix)[text]
    if not ids:
        return []
    head, _ = _begun(prefix, ())
    parts = [Pair(head, ids[:window], 0)]
    for begin in range(window, len(ids), window):
        end = min(begin + window, len(ids))
        parts.append(Pair(ids[end - window - 1 : begin], ids[begin:end], 0))
    return parts


def _prefix(tokenizer: "PreTrainedTokenizerBase") -> int | None:
    """The token that stands for a context of nothing, if there is one."""
    first: int | None = tokenizer.eos_token_id if tokenizer.bos_token_id is None else tokenizer.bos_token_id
    return first


def _whole(
    tokenizer: "PreTrainedTokenizerBase", texts: Iterable[str], prefix: int | None
) -> dict[str, tuple[int, ...]]:
    """The token ids of each text, with the tokenizer's special ones unless it begins with that of `prefix` already."""
    written = None if prefix is None else str(tokenizer.decode(prefix))
    distinct = dict.fromkeys(texts)
    begun = {text for text in distinct if written is not None and text.startswith(written)}
    return {
        **_ids(tokenizer, [text for text in distinct if text not in begun], special=True),
        **_ids(tokenizer, [text for text in distinct if text in begun], special=False),
    }


def _ids(tokenizer: "PreTrainedTokenizerBase", texts: Sequence[str], *, special: bool) -> dict[str, tuple[int, ...]]:
    """The token ids of each text."""
    if not texts:
        return {}
    rows = tokenizer(texts, add_special_tokens=special, verbose=False, return_attention_mask=False)["input_ids"]
    return dict(zip(texts, map(tuple, rows), strict=True))


def _begun(prefix: int | None, tail: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """A context where there is none: the `prefix` token, unless the continuation's `tail` begins with it."""
    if prefix is None:
        raise InputError(
            "the context is empty and the tokenizer has no token for the beginning or end of a text, so there is "
            "nothing that the continuation could be scored after. Give a context."
        )
    return (tail[:1], tail[1:]) if tail[:1] == (prefix,) else ((prefix,), tail)


def _fitted(context: tuple[int, ...], continuation: tuple[int, ...], window: int | None, text: str) -> Pair:
    """The pair with its context cut on the left to fit the window; raises InputError if it can't."""
    shown = f"the continuation {text[:_SHOWN_CHARACTERS]!r}"
    if not continuation:
        raise InputError(
            f"{shown} adds no token to its context, so it would be certain whatever the model says. Give one that does."
        )
    if window is None:
        return Pair(context, continuation, 0)
    if len(continuation) > window:
        raise InputError(
            f"{shown}… has {len(continuation)} tokens and the model's window holds {window}, so a part of it could not "
            "be scored. Shorten it, or take a model with a larger window."
        )
    cut = max(0, len(context) + len(continuation) - window - 1)
    return Pair(context[cut:], continuation, cut)
