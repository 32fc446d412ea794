"""How a batch goes through a model: which tokens are computed, and for which of them logits.

All layouts give the same loss to within rounding. A model takes the first of them that it is seen to be exact in.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from inspect import signature
from typing import TYPE_CHECKING, Any, Literal

from harness._memory import out_of_memory
from harness.weights.training.examples import IGNORED, Example, LossOn, collate
from harness.weights.training.packing import UNPACKED, pack, packed_attention

if TYPE_CHECKING:
    import torch

Layout = Literal["packed", "answers", "padded"]
"""One row without padding and logits where there is a loss; rows with padding and such logits; rows with all logits."""

Inputs = dict[str, Any]
Call = Callable[[Layout, Sequence[Example]], Any]
"""Calls the model, in evaluation mode, with examples that are laid out so, and gives its output."""

TOLERANCE = (
    1e-4  # of logits in float32 or more, relative to the largest; a token too many or too few moves them by more
)
SHORT_TOLERANCE = 0.05  # of logits in 16 bits


def _padded(batch: Sequence[Example], loss_on: LossOn) -> Inputs:
    return dict(zip(("input_ids", "attention_mask", "labels"), collate(batch, loss_on), strict=True))


def _answers(batch: Sequence[Example], loss_on: LossOn) -> Inputs:
    inputs = _padded(batch, loss_on)
    kept, targets = _with_loss(inputs["labels"])
    return {**inputs, "logits_to_keep": kept, "shift_labels": targets, "use_cache": False}


def _packed(batch: Sequence[Example], loss_on: LossOn) -> Inputs:
    return {**pack(batch, loss_on), "use_cache": False}


LAYOUTS: Mapping[Layout, Callable[[Sequence[Example], LossOn], Inputs]] = {
    "packed": _packed,
    "answers": _answers,
    "padded": _padded,
}


def _with_loss(labels: "torch.Tensor") -> "tuple[torch.Tensor, torch.Tensor]":
    """Where the next token has a loss, `(batch, time) bool`, and these tokens, row by row, `(tokens,) int64`."""
    import torch

    nexts = torch.nn.functional.pad(labels[:, 1:], (0, 1), value=IGNORED)
    return nexts != IGNORED, nexts[nexts != IGNORED]


def exact_layout(model: Any, examples: Sequence[Example], loss_on: LossOn, call: Call) -> Layout:
    """The first layout in which `model` computes what it does with padding, to within rounding.

    It is tried with the shortest and the longest of the `examples`; or with the two shortest, where memory doesn't
    suffice for all logits of the longest, which only that comparison needs.
    """
    ordered = sorted(examples, key=_length)
    for probe in ([ordered[0], ordered[-1]], ordered[:2]):
        found = _within_memory(model, probe, loss_on, call)
        if found is not None:
            return found
    return "padded"


def _within_memory(model: Any, probe: Sequence[Example], loss_on: LossOn, call: Call) -> Layout | None:
    """None if memory was too small. A function: the error, and all that it holds, is gone when it returns."""
    try:
        return _exact_for(model, probe, loss_on, call)
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
        return None


def _exact_for(model: Any, probe: Sequence[Example], loss_on: LossOn, call: Call) -> Layout:
    base = _base(model)
    if not _takes_logits_to_keep(model, base) or (expected := _outcome("padded", probe, loss_on, call)) is None:
        return "padded"
    if _may_be_packed(model, base):
        with packed_attention(base) as layers:
            packed = _outcome("packed", probe, loss_on, call)
        if _equal(packed, expected) and len(layers) == base.config.get_text_config().num_hidden_layers:
            return "packed"
    return "answers" if _equal(_outcome("answers", probe, loss_on, call), expected) else "padded"


def ready_for(model: Any, layout: Layout) -> AbstractContextManager[object]:
    """While entered, `model` can be called with what is laid out so."""
    return packed_attention(_base(model)) if layout == "packed" else nullcontext()


def _base(model: Any) -> Any:
    """The model inside peft's."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def _length(example: Example) -> int:
    return len(example.prompt) + len(example.completion)


def _takes_logits_to_keep(model: Any, base: Any) -> bool:
    """Whether the model is one of transformers, or peft's around such a one, without virtual tokens of its own."""
    from transformers import PreTrainedModel

    virtual = getattr(getattr(model, "active_peft_config", None), "is_prompt_learning", False)
    return isinstance(base, PreTrainedModel) and "logits_to_keep" in signature(base.forward).parameters and not virtual


def _may_be_packed(model: Any, base: Any) -> bool:
    """Whether it may be tried: on the CPU, where a row after the other costs nothing, and without a prompt's mask."""
    own = base.config._attn_implementation == UNPACKED
    return own and base.device.type == "cpu" and not getattr(model, "takes_prompt_mask", False)


def _outcome(
    layout: Layout, probe: Sequence[Example], loss_on: LossOn, call: Call
) -> "tuple[torch.Tensor, torch.Tensor] | None":
    """The logits where there is a loss, `(tokens, vocab)`, and the loss; None where the model can't compute them."""
    try:
        output = call(layout, probe)
    except Exception as error:  # any model's code may raise anything, and will again in training if it isn't the layout
        if out_of_memory(error):
            raise
        return None
    logits = output.logits
    if layout == "padded":
        logits = logits[_with_loss(_padded(probe, loss_on)["labels"])[0].to(logits.device)]
    return logits.reshape(-1, logits.shape[-1]), output.loss


def _equal(ours: "tuple[torch.Tensor, torch.Tensor] | None", expected: "tuple[torch.Tensor, torch.Tensor]") -> bool:
    """Whether both are the same to within rounding."""
    if ours is None or ours[0].shape != expected[0].shape:
        return False
    tolerance = TOLERANCE if expected[0].dtype.itemsize >= 4 else SHORT_TOLERANCE
    pairs = zip(ours, expected, strict=True)
    return all(bool((own - whole).abs().max() <= tolerance * whole.abs().max()) for own, whole in pairs)
