"""Is what the engine computed what the model says? A row again, alone in one plain forward pass.

Sharing prefixes is exact where a model sees by masks and positions and by nothing else. Some don't, and would be wrong
without a word: so no number goes out unchecked. Imports torch.
"""

from collections.abc import Callable, Iterator, Sequence

import torch

from harness._memory import out_of_memory, release
from harness.errors import InputError
from harness.inference.causal_lm import CausalLM
from harness.inference.choices import ChoiceRow
from harness.inference.outputs import Written
from harness.inference.room import REMEDY, SMALLEST
from harness.kernels import fast_linear

_EXACT = (1e-3, 1e-5)  # nats, and the share of the value, that float32 may differ by; a lost token costs some nats
_ROUNDED = (1.0, 2e-2)  # the same for 16-bit numbers, in which a batch of another size already moves values by 0.25


def scores_differ(lm: CausalLM, row: ChoiceRow, found: Sequence[float]) -> str:
    """How the log-likelihoods `found` for the choices of `row` differ from a plain forward; nothing if they agree.

    Raises InputError where memory doesn't suffice for that row by itself.
    """

    def differ(piece: int) -> str:
        before, begin = 0.0, 0
        for logits in _plain(lm, row.ids, len(row.head) + 1, len(row.prompt), piece):
            each = torch.log_softmax(logits, -1)
            before += sum(each[place, token].item() for place, token in enumerate(row.head[begin : begin + len(each)]))
            begin += len(each)
        return _difference(lm, found, [before + each[-1, last].item() for last in row.lasts])

    return _fitting(lm, len(row.ids), differ)


def answer_differs(lm: CausalLM, prompt: Sequence[int], written: Written) -> str:
    """How what was `written` after `prompt` differs from a plain forward; nothing if it agrees.

    Each token must have the greatest logit there, and the logit that it was written with. Raises InputError where
    memory doesn't suffice for that row by itself.
    """
    row, ids = [*prompt, *written.ids[:-1]], torch.tensor(written.ids, device=lm.device)

    def differ(piece: int) -> str:
        taken, greatest = list[float](), list[float]()
        for logits in _plain(lm, row, len(ids), len(prompt), piece):
            here = ids[len(taken) : len(taken) + len(logits), None]
            taken += logits.gather(-1, here)[:, 0].tolist()
            greatest += logits.amax(-1).tolist()
        return _difference(lm, taken, greatest) or _difference(lm, written.logits, taken)

    return _fitting(lm, len(row), differ)


def _fitting(lm: CausalLM, length: int, differ: Callable[[int], str]) -> str:
    """What `differ` says with a row at once, or in pieces of as many tokens as memory suffices for."""
    piece = length
    while (told := _attempt(differ, piece)) is None:
        release(lm.device)
        if lm.refuses_trees or piece <= SMALLEST["chunk"]:
            raise InputError(
                f"out of memory with one row of {length} tokens in a plain forward pass, by which what was computed in "
                f"another way is checked. {REMEDY}"
            )
        piece = max(SMALLEST["chunk"], piece // 2)
    return told


def _attempt(differ: Callable[[int], str], piece: int) -> str | None:
    """None if memory was too small. A function: the error, and all that it holds, is gone when it returns."""
    try:
        return differ(piece)
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
        return None


def _plain(lm: CausalLM, ids: Sequence[int], keep: int, prompt: int, piece: int) -> Iterator[torch.Tensor]:
    """The last `keep` logits of one row alone, `(tokens, vocab) float32`, by slices of bounded size.

    A row that is longer than `piece` goes through the model piece by piece, after the keys and values of those before,
    as the model's own decoding does.
    """
    row = torch.tensor([list(ids)], device=lm.device)
    mask = torch.ones_like(row)
    in_prompt = (torch.arange(row.shape[1], device=lm.device) < prompt).long()[None]
    with torch.inference_mode(), fast_linear():
        if piece >= len(ids):
            for logits in lm.on_rows_in_slices(row, mask, keep=keep, prompt=in_prompt, most=lm.logits_at_once):
                yield logits[0].float()
            return
        cache, begin, first = None, 0, len(ids) - keep
        while begin < len(ids):
            end = min(begin + piece, len(ids))
            end = first if begin < first < end else min(end, begin + lm.logits_at_once) if begin >= first else end
            here = (row[:, begin:end], mask[:, :end])
            kept = end - begin if begin >= first else 1
            logits, cache = lm.on_rows(*here, keep=kept, prompt=in_prompt[:, :end], cache=cache)
            if begin >= first:
                yield logits[0].float()
            begin = end


def _difference(lm: CausalLM, found: Sequence[float], right: Sequence[float]) -> str:
    absolute, relative = _EXACT if lm.type == torch.float32 else _ROUNDED
    for one, other in zip(found, right, strict=True):
        if not abs(one - other) <= absolute + relative * abs(other):
            return f"{one:.6g} where a plain forward pass gives {other:.6g}"
    return ""
