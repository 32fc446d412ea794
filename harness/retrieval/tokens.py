"""What the tokenizer of an embedder makes of texts: how many tokens, and where they begin.

Texts are tokenized in blocks, so that memory is bounded whatever there is to count. Knows nothing of vectors.
"""

import re
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_AT_ONCE = 1 << 18  # characters that are tokenized together: each token takes hundreds of bytes on the way
_CHARACTERS = 4  # of a token, where there is no tokenizer to ask
_UNKNOWN = 100  # characters of a single token that can't be a word that the tokenizer knows
_PROMPTS = ("document", "passage", "corpus")  # the names and the order in which sentence-transformers looks for one
_SURROGATE = re.compile("[\ud800-\udfff]")
_PIECE = re.compile(rf".{{1,{_AT_ONCE}}}(?:\Z|(?=\s))|.{{1,{_AT_ONCE}}}", re.DOTALL)


def token_counts(model: "SentenceTransformer", texts: Sequence[str]) -> list[int]:
    """How many tokens of each text `model` reads: the special ones too, its prompt not, and no more than it can."""
    limit = model.max_seq_length or sys.maxsize
    return [min(length, limit) for length in token_lengths(model, texts)]


def token_lengths(model: "SentenceTransformer", texts: Sequence[str]) -> list[int]:
    """How many tokens each text has, the special ones too, whether `model` can read them or not.

    A model without a tokenizer of transformers' kind is taken to read one token for four characters.
    """
    from transformers import PreTrainedTokenizerBase

    tokenizer = model.tokenizer
    if not isinstance(tokenizer, PreTrainedTokenizerBase):
        return [1 + len(text) // _CHARACTERS for text in texts]
    lengths: list[int] = []
    for block in _blocks(texts):
        ids = tokenizer(block, verbose=False)["input_ids"]  # verbose would warn of each text that is truncated
        lengths += map(len, ids)
    return lengths


def token_starts(model: "SentenceTransformer", texts: Sequence[str]) -> Iterator[NDArray[np.int64]]:
    """For each text the characters at which its tokens begin, `(tokens,) int64`, special tokens left out.

    Where the tokenizer can't say, and inside a long word that it doesn't know, a token is four characters.
    """
    pieces = [[match.span() for match in _PIECE.finditer(text)] for text in texts]
    flat = (text[start:end] for text, spans in zip(texts, pieces, strict=True) for start, end in spans)
    found = _piece_starts(model, flat)
    for spans in pieces:
        parts = [next(found) + start for start, _ in spans]
        yield np.maximum.accumulate(np.concatenate([np.empty(0, np.int64), *parts]))


def document_prompt(model: "SentenceTransformer") -> str:
    """What `model` puts before every document."""
    return next((model.prompts[name] or "" for name in _PROMPTS if name in model.prompts), "")


def readable(text: str) -> str:
    """The text with U+FFFD for each half of a surrogate pair, which no tokenizer takes; nothing else moves."""
    return _SURROGATE.sub("\ufffd", text)


def _piece_starts(model: "SentenceTransformer", pieces: Iterator[str]) -> Iterator[NDArray[np.int64]]:
    from transformers import PreTrainedTokenizerBase

    tokenizer = model.tokenizer
    if not isinstance(tokenizer, PreTrainedTokenizerBase) or not tokenizer.is_fast:
        yield from (np.arange(0, len(piece), _CHARACTERS) for piece in pieces)
        return
    for block in _blocks(pieces):
        encoded = tokenizer(block, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        for piece, spans in zip(block, encoded["offset_mapping"], strict=True):
            starts = [place for start, end in spans for place in _places(piece, start, end)]
            yield np.array(starts, dtype=np.int64)


def _places(piece: str, start: int, end: int) -> Sequence[int]:
    if end - start > _UNKNOWN:
        return range(start, end, _CHARACTERS)
    # some tokenizers count the space before a word as a part of it
    return (start + 1,) if end - start > 1 and piece[start].isspace() else (start,)


def _blocks(texts: Sequence[str] | Iterator[str]) -> Iterator[list[str]]:
    """The texts in their order, as many together as may be tokenized at once, and as the tokenizer can take them."""
    block: list[str] = []
    characters = 0
    for text in texts:
        if block and characters + len(text) > _AT_ONCE:
            yield block
            block, characters = [], 0
        block.append(readable(text))
        characters += len(text)
    if block:
        yield block
