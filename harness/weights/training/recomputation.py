"""Gradient checkpointing (Chen et al. 2016, arXiv:1604.06174), shown to change nothing but time and memory."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from harness.errors import InputError

TOLERANCE = 1e-4  # relative to a loss of some nats; the forward pass is the same, operation by operation


@contextmanager
def recomputation(model: Any, loss: Callable[[], float]) -> Iterator[None]:
    """Computes the layers' activations again in the backward pass instead of keeping them.

    `loss` computes a loss of `model` in training mode, the same at every call. Raises InputError if the model can't do
    it, or if `loss` comes out otherwise: with recomputation transformers' layers drop the keys and values that some
    adapters put before the prompt.
    """
    plain = loss()
    try:
        enable = getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable
        enable({"use_reentrant": False})
        model.disable_input_require_grads()  # else all layers go through the backward pass, the frozen lowest ones too
        again = loss()
    except (AttributeError, ValueError, RuntimeError) as error:
        _disable(model)
        raise InputError(
            f"training: this model can't do gradient checkpointing ({error}). "
            "Write `gradient_checkpointing: false`; a smaller `micro_batch_size` saves memory too."
        ) from error
    try:
        if not abs(again - plain) <= TOLERANCE * max(1.0, abs(plain)):
            raise InputError(
                f"training: with gradient checkpointing the loss is {again:.6g} and without {plain:.6g}, so another "
                "model would be trained than is used. Write `gradient_checkpointing: false`; a smaller "
                "`micro_batch_size` saves memory too."
            )
        yield
    finally:
        _disable(model)


def _disable(model: Any) -> None:
    for name in ("activation_checkpointing_disable", "gradient_checkpointing_disable"):
        if hasattr(model, name):
            getattr(model, name)()
            return
