"""Is what the engine computed what the model says? A row again, alone in one plain forward pass.

Sharing prefixes is exact where a model sees by masks and positions and by nothing else. Some don't, and would be wrong
without a word: so no number goes out unchecked. Imports torch.
"""

from collections.abc import Sequence

import torch

from harness.inference.causal_lm import CausalLM
from harness.inference.choices import ChoiceRow
from harness.inference.outputs import Written
from harness.kernels import fast_linear

_EXACT = (1e-3, 1e-5)  # nats, and the share of the value, that float32 may differ by; a lost token costs some nats
_ROUNDED = (1.0, 2e-2)  # the same for 16-bit numbers, in which a batch of another size already moves values by 0.25


def scores_differ(lm: CausalLM, row: ChoiceRow, found: Sequence[float]) -> str:
    """How the log-likelihoods `found` for the choices of `row` differ from a plain forward; nothing if they agree."""
    head = len(row.head)
    each = torch.log_softmax(_plain(lm, row.ids, head + 1, len(row.prompt)), -1)
    before = sum(each[place, token].item() for place, token in enumerate(row.head))
    right = [before + each[head, last].item() for last in row.lasts]
    return _difference(lm, found, right)


def answer_differs(lm: CausalLM, prompt: Sequence[int], written: Written) -> str:
    """How what was `written` after `prompt` differs from a plain forward; nothing if it agrees.

    Each token must have the greatest logit there, and the logit that it was written with.
    """
    count = len(written.ids)
    logits = _plain(lm, [*prompt, *written.ids[:-1]], count, len(prompt))
    taken = logits[torch.arange(count), torch.tensor(written.ids, device=lm.device)].tolist()
    return _difference(lm, taken, logits.amax(-1).tolist()) or _difference(lm, written.logits, taken)


def _plain(lm: CausalLM, ids: Sequence[int], keep: int, prompt: int) -> torch.Tensor:
    """The last `keep` logits of one row alone, `(keep, vocab) float32`."""
    row = torch.tensor([list(ids)], device=lm.device)
    mask = torch.ones_like(row)
    in_prompt = (torch.arange(row.shape[1], device=lm.device) < prompt).long()[None]
    with torch.inference_mode(), fast_linear():
        return lm.on_rows(row, mask, keep=keep, prompt=in_prompt)[0][0].float()


def _difference(lm: CausalLM, found: Sequence[float], right: Sequence[float]) -> str:
    absolute, relative = _EXACT if lm.type == torch.float32 else _ROUNDED
    for one, other in zip(found, right, strict=True):
        if not abs(one - other) <= absolute + relative * abs(other):
            return f"{one:.6g} where a plain forward pass gives {other:.6g}"
    return ""
