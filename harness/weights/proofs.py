"""Proofs, on real prompts, that trained weights are what their name says. They come before any score.

1. The trained logits differ from the base's, and from those before training (some methods don't begin as the base).
2. Switched off, they equal the base's (where the method has something to switch off).
3. Saved and loaded again, at alpha 1, they are bit-identical to the trained ones.
4. At alpha 0 they are bit-identical to the base's (where the method can interpolate).
5. Merged into the base's weights, the log-probabilities agree with the trained ones (where it can be merged): to
   1e-3 nats in float32; in a shorter number format the gap is only reported.

The base is what the method trains from: quantised where the method quantises it, and with the recipes that came first.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import ProofError
from harness.weights.methods import Method

if TYPE_CHECKING:
    import torch
    from torch import nn


MERGED_NATS = 1e-3  # what merging may change in float32


@dataclass(frozen=True)
class Proof:
    """One claim with the largest absolute difference of logits that was measured for it (nan: no numbers).

    For the merged model it is one of log-probabilities, in nats.
    """

    claim: str
    largest_difference: float
    holds: bool


def prove(
    method: Method[Any],
    trained: "nn.Module",
    folder: Path,
    fresh_base: Callable[[], "nn.Module"],
    prompts: Sequence[Sequence[int]],
    untrained: "torch.Tensor",
    *,
    merges: bool = True,
) -> list[Proof]:
    """All proofs for what `method` saved to `folder` from `trained`; raises ProofError if one fails.

    `fresh_base` loads the base anew each time; `prompts` are the token ids of at least one prompt, `untrained` the
    `logits` that the attached model had for them before it was trained. `merges` says whether the method can merge
    into this base at all: into one in few bits nothing can be merged without another rounding.
    """
    base = logits(fresh_base(), prompts)
    learnt = logits(trained, prompts)
    proofs = [
        _differ("the trained logits differ from the base's", learnt, base),
        _differ("training changed the logits", learnt, untrained),
    ]
    off = method.switched_off(trained)
    if off is not None:
        with off:
            proofs.append(_equal("switched off, the logits equal the base's", logits(trained, prompts), base))
    restored = method.restore(fresh_base(), folder)
    claim = "saved, loaded and at alpha 1, the logits equal the trained ones"
    proofs.append(_equal(claim, logits(restored, prompts), learnt))
    if method.interpolation.kind != "none":
        at_base = method.restore(fresh_base(), folder, 0.0)
        proofs.append(_equal("at alpha 0, the logits equal the base's", logits(at_base, prompts), base))
    if off is not None and method.merges and merges:
        proofs.append(_merged(logits(method.merged(restored), prompts), learnt, next(trained.parameters()).dtype))
    failed = [proof for proof in proofs if not proof.holds]
    if failed:
        told = "; ".join(f"{proof.claim}: largest difference {proof.largest_difference:.3g}" for proof in failed)
        advice = (
            f"The method {method.name} or its file is at fault: remove the folder {folder} and try again, or report it."
            if all(proof.holds for proof in proofs[:2])
            else "Train longer or with a higher learning rate (a lower one where the difference is nan)."
        )
        raise ProofError(
            f"{method.name}: these must hold and don't: {told}. The variant is not scored, since its name would be "
            f"untrue. {advice}"
        )
    return proofs


def as_rows(proofs: Sequence[Proof]) -> list[dict[str, Any]]:
    """The proofs as plain mappings, to be written to a record."""
    return [asdict(proof) for proof in proofs]


def logits(model: "nn.Module", prompts: Sequence[Sequence[int]]) -> "torch.Tensor":
    """The last position's logits of each prompt, computed alone (no padding), `(prompts, vocab) float32` on the CPU.

    Leaves the model in evaluation mode.
    """
    import torch

    device = next(model.parameters()).device
    ours: Any = model
    inner = ours.get_base_model() if hasattr(ours, "get_base_model") else ours
    last = {"logits_to_keep": 1} if "logits_to_keep" in inspect.signature(inner.forward).parameters else {}
    model.eval()
    with torch.inference_mode():
        rows = [ours(input_ids=torch.tensor([list(prompt)], device=device), **last).logits[0, -1] for prompt in prompts]
        return torch.stack(rows).float().cpu()


def _differ(claim: str, ours: "torch.Tensor", theirs: "torch.Tensor") -> Proof:
    gap = _gap(ours, theirs)
    return Proof(claim, gap, 0 < gap < float("inf"))


def _equal(claim: str, ours: "torch.Tensor", theirs: "torch.Tensor") -> Proof:
    gap = _gap(ours, theirs)
    return Proof(claim, gap, gap == 0)


def _merged(merged: "torch.Tensor", trained: "torch.Tensor", dtype: "torch.dtype") -> Proof:
    import torch

    gap = _gap(merged.log_softmax(-1), trained.log_softmax(-1))
    return Proof(
        "merged into the base's weights, the log-probabilities agree", gap, gap <= MERGED_NATS or dtype != torch.float32
    )


def _gap(ours: "torch.Tensor", theirs: "torch.Tensor") -> float:
    """The largest absolute difference; nan if there is a nan anywhere, and 0 between equal infinities."""
    return (ours - theirs).abs().masked_fill(ours == theirs, 0.0).max().item()
