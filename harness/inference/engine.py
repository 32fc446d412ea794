"""Greedy generation and choice log-likelihoods of a Hugging Face causal LM, in batches.

Knows nothing of suites, prompts' wording or metrics: token ids in, text and numbers out. What comes out does not
depend on how rows are batched (up to rounding: 1e-4 nats in float32).
"""

import inspect
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.errors import InputError
from harness.inference.batching import BATCH_ROWS, BATCH_TOKENS, batches, left_padded, positions
from harness.inference.choices import ChoiceRow, choice_rows

if TYPE_CHECKING:
    import torch

Advance = Callable[[int], None]


@dataclass(frozen=True)
class Generation:
    """One generated answer.

    `text` ends before the stop; `tokens` counts those that were generated, the end token included; `finished` says
    whether an end token or a stop text came before the limit; `seconds` is the row's equal share of its batch's time.
    """

    text: str
    tokens: int
    finished: bool
    seconds: float


@dataclass(frozen=True)
class ChoiceScores:
    """The log-likelihood of each choice of one case, in nats, summed over its tokens; `seconds` for all of them."""

    loglikelihoods: tuple[float, ...]
    seconds: float


class Engine:
    """Computes with one model and its tokenizer, on the model's device and in its number format."""

    def __init__(
        self, model: Any, tokenizer: Any, *, batch_tokens: int = BATCH_TOKENS, batch_rows: int = BATCH_ROWS
    ) -> None:
        """Puts the `model` (of transformers or peft) into evaluation mode.

        `batch_tokens` bounds the tokens of a batch with its padding, `batch_rows` its rows.
        """
        self._model = model.eval()
        self._tokenizer = tokenizer
        self._device: torch.device = next(model.parameters()).device
        self._limits = {"tokens": batch_tokens, "rows": batch_rows}
        accepted = inspect.signature(_innermost(model).forward).parameters
        self._takes_positions = "position_ids" in accepted
        self._takes_logits_to_keep = "logits_to_keep" in accepted
        self._takes_prompt_mask = getattr(model, "takes_prompt_mask", False)
        self._ends = _end_tokens(model, tokenizer)

    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        *,
        max_new_tokens: int,
        stop: Sequence[str] = (),
        advance: Advance = lambda rows: None,
    ) -> list[Generation]:
        """Greedy answers to `prompts` (token ids), in their order.

        Each goes up to an end token of the model or the tokenizer, the first text of `stop`, or `max_new_tokens`.
        `advance` is called with the number of prompts that each batch answered. Raises InputError for a prompt or a
        stop text of nothing, and where the model's logits are no numbers.
        """
        import torch

        _refuse_empty("prompt", prompts)
        _refuse_empty("stop text", stop)
        answers: dict[int, Generation] = {}
        for batch in batches([len(prompt) + max_new_tokens for prompt in prompts], **self._limits):
            started = time.perf_counter()
            with torch.inference_mode():
                written = self._continue([prompts[i] for i in batch], max_new_tokens, stop)
            seconds = (time.perf_counter() - started) / len(batch)
            for i, ids in zip(batch, written, strict=True):
                text, finished = self._cut(ids, stop)
                answers[i] = Generation(text, len(ids), finished, seconds)
            advance(len(batch))
        return [answers[i] for i in range(len(prompts))]

    def choose(
        self,
        prompts: Sequence[Sequence[int]],
        choices: Sequence[Sequence[Sequence[int]]],
        *,
        advance: Advance = lambda rows: None,
    ) -> list[ChoiceScores]:
        """For each prompt the log-likelihood of each of its choices (token ids that continue the prompt).

        `choices[i]` belong to `prompts[i]`. `advance` is called with the number of choices that each batch scored.
        Raises InputError for a prompt or a choice without tokens, and where the model's logits are no numbers.
        """
        import torch

        _refuse_empty("prompt", prompts)
        _refuse_empty("choice", [choice for options in choices for choice in options])
        rows = choice_rows(prompts, choices)
        scores = [[float("nan")] * len(options) for options in choices]
        seconds = [0.0] * len(prompts)
        for batch in batches([len(row.ids) for row in rows], **self._limits):
            started = time.perf_counter()
            with torch.inference_mode():
                found = self._loglikelihoods([rows[i] for i in batch])
            each = (time.perf_counter() - started) / len(batch)
            for i, values in zip(batch, found, strict=True):
                for place, value in zip(rows[i].places, values, strict=True):
                    scores[rows[i].case][place] = value
                seconds[rows[i].case] += each
            advance(sum(len(rows[i].places) for i in batch))
        return [ChoiceScores(tuple(row), spent) for row, spent in zip(scores, seconds, strict=True)]

    def _continue(self, prompts: Sequence[Sequence[int]], limit: int, stop: Sequence[str]) -> list[list[int]]:
        """The tokens that greedy decoding adds to each prompt, the end token included."""
        import torch

        ids, mask = left_padded(prompts, self._device)
        written: list[list[int]] = [[] for _ in prompts]
        going_on = set(range(len(prompts)))
        cache, in_prompt = None, mask
        for step in range(limit):
            output = self._forward(ids, mask, keep=1, cache=cache, use_cache=True, prompt=in_prompt)
            cache = output.past_key_values
            logits = output.logits[:, -1]
            _refuse_nan(logits)
            ids = logits.argmax(-1, keepdim=True)
            tokens = ids[:, 0].tolist()
            for row in sorted(going_on):
                written[row].append(tokens[row])
                if self._ended(written[row], stop):
                    going_on.remove(row)
            if not going_on or step + 1 == limit:
                break
            mask = torch.cat([mask, mask.new_ones(len(prompts), 1)], -1)
            in_prompt = torch.cat([in_prompt, in_prompt.new_zeros(len(prompts), 1)], -1)
        return written

    def _loglikelihoods(self, rows: Sequence[ChoiceRow]) -> list[list[float]]:
        """For each row the summed log-probability of each of its choices, given the prompt."""
        import torch

        ids, mask = left_padded([row.ids for row in rows], self._device)
        longest = max(len(row.head) for row in rows)
        lengths = torch.tensor([len(row.head) for row in rows], device=self._device)
        in_prompt = mask * (torch.arange(ids.shape[1], 0, -1, device=self._device) > lengths[:, None])
        # the logits at a position predict the next token, so those before the heads are needed too
        logits = self._forward(ids, mask, keep=longest + 1, prompt=in_prompt).logits[:, -longest - 1 :].float()
        normalisers = logits.logsumexp(-1)
        heads = ids[:, ids.shape[1] - longest :]
        each = logits[:, :-1].gather(-1, heads[..., None])[..., 0] - normalisers[:, :-1]
        in_head = torch.arange(longest, 0, -1, device=self._device) <= lengths[:, None]
        before_last = each.where(in_head, 0.0).sum(-1) - normalisers[:, -1]
        sums = [before_last[i] + logits[i, -1, row.lasts] for i, row in enumerate(rows)]
        _refuse_nan(torch.cat(sums))
        return [values.tolist() for values in sums]

    def _forward(
        self,
        ids: "torch.Tensor",
        mask: "torch.Tensor",
        *,
        keep: int,
        prompt: "torch.Tensor",
        cache: Any = None,
        use_cache: bool = False,
    ) -> Any:
        """One forward pass of the newest `ids` under the whole `mask`, both `(batch, time) int64`.

        `prompt` is 1 at the prompt's tokens, as wide as `mask`; only models that ask for it are told.
        Its `logits` are `(batch, at least keep, vocab)` and end with the last position.
        """
        more: dict[str, Any] = {}
        if self._takes_positions:
            more["position_ids"] = positions(mask)[:, -ids.shape[1] :]
        if self._takes_logits_to_keep:
            more["logits_to_keep"] = keep
        if self._takes_prompt_mask:
            more["prompt_mask"] = prompt
        return self._model(input_ids=ids, attention_mask=mask, past_key_values=cache, use_cache=use_cache, **more)

    def _ended(self, ids: Sequence[int], stop: Sequence[str]) -> bool:
        """Whether the newest of `ids` ends the answer.

        Only the last tokens are decoded to look for a stop text: a token has at least one byte, so it can't begin
        earlier. What is found there counts if it stands in the whole text.
        """
        if ids[-1] in self._ends:
            return True
        if not stop:
            return False
        longest = max(len(mark.encode()) for mark in stop)
        return _first(self._decode(ids[-longest:]), stop) is not None and self._cut(ids, stop)[1]

    def _cut(self, ids: Sequence[int], stop: Sequence[str]) -> tuple[str, bool]:
        """The text of `ids` up to the first end token or stop text, and whether there was one."""
        end = next((place for place, token in enumerate(ids) if token in self._ends), None)
        text = self._decode(ids[:end])
        stopped = _first(text, stop)
        return text[:stopped], end is not None or stopped is not None

    def _decode(self, ids: Sequence[int]) -> str:
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=True))


def _first(text: str, marks: Sequence[str]) -> int | None:
    """Where the first of `marks` begins in `text`, or None."""
    return min((place for mark in marks if (place := text.find(mark)) >= 0), default=None)


def _refuse_empty(kind: str, items: Sequence[Sequence[object]]) -> None:
    for number, item in enumerate(items, start=1):
        if not len(item):
            raise InputError(
                f"{kind} {number} of {len(items)} is empty, so nothing can be computed from it. Mend the case or the "
                "template that it comes from."
            )


def _refuse_nan(numbers: "torch.Tensor") -> None:
    if numbers.isnan().any():
        raise InputError(
            f"the model's logits are no numbers (nan) in {numbers.dtype}, so its answers would be noise. "
            "Compute in another number format (--dtype float32), or mend the weights."
        )


def _innermost(model: Any) -> Any:
    """The transformers model inside a peft model, or the model itself."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def _end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """The token ids that end an answer, by the model's generation settings and the tokenizer."""
    configured = getattr(getattr(model, "generation_config", None), "eos_token_id", None)
    listed = configured if isinstance(configured, list) else [configured]
    return frozenset(token for token in [*listed, tokenizer.eos_token_id] if token is not None)
