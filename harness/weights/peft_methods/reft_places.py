"""Which positions of a forward pass ReFT intervenes on: the prompt's first and last, whatever padding and cache.

Knows nothing of what an intervention computes. What is here is shared by all layers of a model: the tuner says what
the model is called with, and every layer then asks for its places.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

BASE = "__base__"  # what peft calls the base where each row of a batch names its adapter
IGNORED = -100  # what transformers leaves out of the loss
REMEDY = "Give prompt_mask, (batch, tokens from the first one on, cached ones included), true at the prompt's tokens."

Place = tuple[int, torch.Tensor, torch.Tensor]
"""Which weights act (0, or 1 for the last positions' own) and where: rows and columns, each `(positions,) int64`."""


@dataclass
class Call:
    """What a model is called with, as far as it says where the prompt is. `past` counts the tokens in the cache."""

    batch: int
    time: int
    past: int
    device: torch.device
    attention_mask: Any = None
    labels: torch.Tensor | None = None
    prompt_mask: torch.Tensor | None = None


class Places:
    """Where the interventions of the current forward pass act; computed when the first layer asks."""

    def __init__(self) -> None:
        self.adapter_names: Sequence[str] | None = None
        self._call: Call | None = None
        self._generation: _Generation | None = None
        self._prompt: torch.Tensor | None = None
        self._found: dict[Any, list[Place]] = {}

    def begin(self, call: Call) -> None:
        """A forward pass begins."""
        self._call, self._prompt, self._found = call, None, {}

    def end(self) -> None:
        """The forward pass is over: who asks now asks by mistake."""
        self._call, self._prompt, self._found = None, None, {}

    @contextmanager
    def generating(self, width: int, attention_mask: Any, prompt_mask: torch.Tensor | None) -> Iterator[None]:
        """In it all passes belong to one generation from prompts of `width` tokens, padding included."""
        before, self._generation = self._generation, _Generation(width, attention_mask, prompt_mask)
        try:
            yield
        finally:
            self._generation = before

    def adapters(self, active: Sequence[str]) -> list[str]:
        """The adapters that act in this pass, in order: the active ones, or those that the batch's rows name."""
        return [name for name in dict.fromkeys(self.adapter_names or active) if name != BASE]

    def of(self, adapter: str, first: int, last: int, sides: int) -> list[Place]:
        """The places of `adapter`, at most one for each of its `sides`; raises ValueError or RuntimeError."""
        key = adapter if self.adapter_names else None, first, last, sides
        if key not in self._found:
            self._found[key] = self._compute(adapter, first, last, sides)
        return self._found[key]

    def _compute(self, adapter: str, first: int, last: int, sides: int) -> list[Place]:
        if self._call is None:
            raise RuntimeError(
                "reft: a decoder layer was called without the whole model around it, so it isn't known which tokens "
                "are the prompt. Call the model itself; to save memory use transformers' own gradient checkpointing."
            )
        call = self._call
        if self._prompt is None:
            self._prompt = prompt_tokens(call, self._generation)
        begins, ends = at_first_and_last(self._prompt, first, last)
        if self.adapter_names:
            names = [name for name in self.adapter_names for _ in range(call.batch // len(self.adapter_names))]
            ours = torch.tensor([name == adapter for name in names], device=call.device)[:, None]
            begins, ends = begins & ours, ends & ours
        wanted = [begins | ends] if sides == 1 else [begins, ends]
        columns = slice(call.past, call.past + call.time)
        found: list[Place] = []
        for side, mask in enumerate(wanted):
            rows, places = mask[:, columns].nonzero(as_tuple=True)
            if len(rows):
                found.append((side, rows, places))
        return found


@dataclass
class _Generation:
    width: int
    attention_mask: Any
    prompt_mask: torch.Tensor | None

    def prompt(self, call: Call) -> torch.Tensor:
        """The whole prompt, which the first of its passes may not see (chunked prefill), repeated for beams."""
        if self.prompt_mask is None:
            mask = self.attention_mask
            if mask is None and not call.past:
                mask = call.attention_mask  # which transformers made from the padding token
            mask = _two_dimensional(mask, call, self.width)[:, : self.width].bool()
            self.prompt_mask = _widened(mask, self.width, True)
        return self.prompt_mask.repeat_interleave(call.batch // len(self.prompt_mask), 0)


def prompt_tokens(call: Call, generation: _Generation | None = None) -> torch.Tensor:
    """True at the prompt's tokens, `(batch, tokens from the first one on, cached ones included) bool`.

    They are those of `prompt_mask`, if it is given; in a generation what it started from; with labels the attended
    tokens before a row's first label; else all attended tokens of a pass without a cache, and none of one that adds a
    single token to it. Raises ValueError where that leaves it open.
    """
    if call.prompt_mask is not None:
        mask = call.prompt_mask.to(call.device).bool()
        if mask.ndim != 2 or len(mask) != call.batch or mask.shape[1] < call.past + call.time:
            raise ValueError(
                f"prompt_mask: its shape is {tuple(mask.shape)}, where there are {call.batch} rows of {call.past} "
                f"cached and {call.time} new tokens, so it doesn't say which are the prompt's. "
                "Let it cover all of them."
            )
        attended = call.attention_mask
        if torch.is_tensor(attended) and attended.ndim == 2:
            mask = mask & _widened(attended.bool(), mask.shape[1], True)[:, : mask.shape[1]]
        return mask
    if generation is not None:
        return _widened(generation.prompt(call).to(call.device), call.past + call.time, False)
    if call.past:
        if call.time > 1:
            raise ValueError(
                f"prompt_mask: {call.time} tokens follow {call.past} cached ones, so it isn't known whether they are "
                f"the prompt's. {REMEDY}"
            )
        return torch.zeros(call.batch, call.past + call.time, dtype=torch.bool, device=call.device)
    prompt = _two_dimensional(call.attention_mask, call, call.time).bool()
    if call.labels is not None:
        prompt = prompt & ((call.labels != IGNORED).cumsum(-1) == 0)
        if not prompt.any(-1).all():
            raise ValueError(
                f"labels: they begin with the first token of a row, so it has no prompt to intervene on. {REMEDY}"
            )
    return prompt


def at_first_and_last(prompt: torch.Tensor, first: int, last: int) -> tuple[torch.Tensor, torch.Tensor]:
    """True at the `first` and at the `last` tokens of each row's prompt, both `(batch, time) bool`; never both."""
    order = prompt.cumsum(-1)
    ends = prompt & (order > order[:, -1:] - last)
    return prompt & (order <= first) & ~ends, ends


def _two_dimensional(mask: Any, call: Call, width: int) -> torch.Tensor:
    if mask is None:
        return torch.ones(call.batch, width, dtype=torch.bool, device=call.device)
    if torch.is_tensor(mask) and mask.ndim == 2:
        return mask
    raise ValueError(f"attention_mask: it isn't (batch, time), so it isn't known which tokens are padding. {REMEDY}")


def _widened(mask: torch.Tensor, width: int, filler: bool) -> torch.Tensor:
    """`mask`, `(batch, time) bool`, with columns of `filler` up to `width`."""
    more = max(width - mask.shape[1], 0)
    return torch.nn.functional.pad(mask, (0, more), value=filler)
