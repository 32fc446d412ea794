"""When is a generated answer over, and what is its text? Knows nothing of how it is computed."""

from collections.abc import Sequence
from typing import Any

from harness.errors import InputError


class Endings:
    """The end tokens of a model and its tokenizer, and the stop texts of one call."""

    def __init__(self, model: Any, tokenizer: Any, stop: Sequence[str]) -> None:
        """Raises InputError for a stop text of nothing, which stands at the beginning of every answer."""
        for number, text in enumerate(stop, start=1):
            if not text:
                raise InputError(
                    f"stop text {number} of {len(stop)} is empty, so every answer would be. Remove it from the suite."
                )
        self._tokenizer, self._stop = tokenizer, stop
        self._tokens = _end_tokens(model, tokenizer)
        self._longest = max((len(text.encode()) for text in stop), default=0)

    @property
    def tokens(self) -> list[int]:
        """The ids of the end tokens, ascending."""
        return sorted(self._tokens)

    def ended(self, ids: Sequence[int]) -> bool:
        """Whether the newest of `ids` ends the answer.

        Only the last tokens are decoded to look for a stop text: a token has at least one byte, so it can't begin
        earlier. What is found there counts if it stands in the whole text.
        """
        if ids[-1] in self._tokens:
            return True
        if not self._stop:
            return False
        return self._first(self._decode(ids[-self._longest :])) is not None and self.cut(ids)[1]

    def cut(self, ids: Sequence[int]) -> tuple[str, bool]:
        """The text of `ids` up to the first end token or stop text, and whether there was one."""
        end = next((place for place, token in enumerate(ids) if token in self._tokens), None)
        text = self._decode(ids[:end])
        stopped = self._first(text)
        return text[:stopped], end is not None or stopped is not None

    def _first(self, text: str) -> int | None:
        """Where the first stop text begins in `text`, or None."""
        return min((place for stop in self._stop if (place := text.find(stop)) >= 0), default=None)

    def _decode(self, ids: Sequence[int]) -> str:
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=True))


def _end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """The token ids that end an answer, by the model's generation settings and the tokenizer."""
    configured = getattr(getattr(model, "generation_config", None), "eos_token_id", None)
    listed = configured if isinstance(configured, list) else [configured]
    return frozenset(token for token in [*listed, tokenizer.eos_token_id] if token is not None)
