"""A causal language model of transformers or peft, as the engine calls it: what it takes, and one forward pass.

Knows nothing of what is computed with it. Imports torch.
"""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch

from harness.errors import InputError
from harness.inference.last_layer import LastLayer
from harness.inference.room import LOGITS_BYTES

FULL, SLIDING = "full_attention", "sliding_attention"


class CausalLM:
    """The model in evaluation mode, on its own device (the one that takes token ids) and in its own number format."""

    def __init__(self, model: Any) -> None:
        """Raises InputError for a soft prompt of peft's own, whose numbers depend on padding and on the cache."""
        soft = getattr(getattr(model, "active_peft_config", None), "is_prompt_learning", False)
        if soft and not hasattr(model, "computes_rows_only"):
            raise InputError(
                "peft's own soft prompts say something else in a batch, and after each new token. Restore the model "
                "with harness.weights.restore."
            )
        self.model = model.eval()
        self.inner = model.get_base_model() if hasattr(model, "get_base_model") else model
        self.device = _takes_ids(self.inner)
        self.type: torch.dtype = next(floating(model)).dtype
        accepted = inspect.signature(self.inner.forward).parameters
        self._takes_positions = "position_ids" in accepted
        self._takes_cache = "past_key_values" in accepted
        self._takes_logits_to_keep = "logits_to_keep" in accepted
        self.takes_prompt_mask: bool = getattr(model, "takes_prompt_mask", False)
        config = self.inner.config.get_text_config()
        self.vocabulary = int(config.vocab_size)
        self.logits_at_once = max(1, LOGITS_BYTES // (4 * self.vocabulary))
        self.window: int | None = getattr(config, "sliding_window", None)
        kinds = set(getattr(config, "layer_types", None) or ())
        self.kinds = kinds or {SLIDING if self.window else FULL}
        self.steady = _steady(config)
        self.last_layer = LastLayer(self.inner)

    @property
    def refuses_trees(self) -> str:
        """Why this model can't be given the prefixes of many rows at once; nothing if it can, as far as one sees."""
        if reason := getattr(self.model, "computes_rows_only", ""):
            return str(reason)
        if self.takes_prompt_mask:
            return "what the model computes depends on where a row's prompt ends"
        if not (self._takes_positions and self._takes_cache and self._takes_logits_to_keep):
            return "the model takes no positions or no keys and values, or can't be asked for some logits only"
        if "local" in getattr(self.inner.config, "attention_layers", ()):
            return "the model has windows that go by places and not by positions"
        if odd := self.kinds - {FULL, SLIDING}:
            return f"the model has layers of the kind {', '.join(sorted(odd))}"
        return ""

    def forgets(self, length: int) -> bool:
        """Whether the last of `length` tokens doesn't see the first in some layer."""
        return SLIDING in self.kinds and self.window is not None and length > self.window

    def on_tree(
        self, ids: torch.Tensor, positions: torch.Tensor, masks: dict[str, torch.Tensor], keep: torch.Tensor, cache: Any
    ) -> torch.Tensor:
        """The logits at `keep` of the last axis of `ids`, `(batch, kept, vocab)`.

        `ids` and `positions` are `(batch, time) int64`; `masks` by the kind of layer are `(batch, 1, time, keys) bool`,
        True where a token is seen. Keys and values go to `cache`, of transformers.
        """
        fitting = {kind: self._as_it_adds(mask) for kind, mask in masks.items()}
        output = self.model(
            input_ids=ids,
            attention_mask=fitting if len(fitting) > 1 else next(iter(fitting.values())),
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=keep,
        )
        return output.logits  # type: ignore[no-any-return]

    def on_rows(
        self, ids: torch.Tensor, mask: torch.Tensor, *, keep: int, prompt: torch.Tensor, cache: Any = None
    ) -> tuple[torch.Tensor, Any]:
        """The logits at the last `keep` positions, `(batch, keep, vocab)`, and the cache, if the model has one.

        `ids` are the tokens that aren't in `cache`, `mask` covers all, both `(batch, time) int64`, padded on the left.
        `prompt` is 1 at the prompt's tokens, as wide as `mask`; only models that ask for it are told.
        """
        more: dict[str, Any] = {}
        if self._takes_positions and len(ids) > 1:  # a row alone has no padding, and some models don't count from 0
            more["position_ids"] = (mask.cumsum(-1) - 1).clamp_min(0)[:, -ids.shape[1] :]
        if self._takes_logits_to_keep:
            more["logits_to_keep"] = keep
        if self.takes_prompt_mask:
            more["prompt_mask"] = prompt
        if self._takes_cache:
            more["past_key_values"] = cache
        output = self.model(input_ids=ids, attention_mask=mask, **more)
        return output.logits[:, -keep:], getattr(output, "past_key_values", None) if self._takes_cache else None

    def on_rows_in_slices(
        self, ids: torch.Tensor, mask: torch.Tensor, *, keep: int, prompt: torch.Tensor, most: int
    ) -> Iterator[torch.Tensor]:
        """What `on_rows` gives without a cache, from the first of the `keep` positions on, at most `most` at once.

        All layers are computed once, and what makes logits of them once a slice, by the model's own forward: some
        models scale or cap what their output layer gives. A model whose layers are no module of their own gives all.
        """
        body = getattr(self.inner, "base_model", None)
        if keep <= most or body is None or body is self.inner:
            yield self.on_rows(ids, mask, keep=keep, prompt=prompt)[0]
            return
        made: list[Any] = []
        hook = body.register_forward_hook(lambda module, inputs, output: made.append(output))
        try:
            self.on_rows(ids, mask, keep=1, prompt=prompt)
        finally:
            hook.remove()
        hidden = made[-1].last_hidden_state[:, -keep:]
        for begin in range(0, keep, most):
            part = hidden[:, begin : begin + most]
            with _saying(body, replace(made[-1], last_hidden_state=part)):
                yield self.on_rows(ids, mask, keep=part.shape[1], prompt=prompt)[0]

    def _as_it_adds(self, mask: torch.Tensor) -> torch.Tensor:
        """The mask as the model's own attention takes it: only torch's kernels know bool."""
        if self.inner.config._attn_implementation != "eager":
            return mask
        return torch.zeros_like(mask, dtype=self.type).masked_fill(~mask, torch.finfo(self.type).min)


def _steady(config: Any) -> int | None:
    """The tokens of a row up to which rotary angles are the same for all rows, whatever others are in the batch.

    None where they always are.
    """
    stated = getattr(config, "rope_parameters", None) or {}
    for rope in [stated] if "rope_type" in stated else stated.values():
        if rope.get("rope_type") in ("longrope", "dynamic"):
            named = rope.get("original_max_position_embeddings")
            return int(named or getattr(config, "original_max_position_embeddings", config.max_position_embeddings))
    return None


def _takes_ids(model: Any) -> torch.device:
    """Where token ids go: the device of the input embeddings, even where their weights lie elsewhere meanwhile."""
    embeddings = model.get_input_embeddings() if hasattr(model, "get_input_embeddings") else None
    hook = getattr(embeddings, "_hf_hook", None)  # of accelerate, where a model is spread over devices
    device = getattr(hook, "execution_device", None)
    if device is not None:
        return torch.device(device)
    weights: torch.Tensor = next((embeddings or model).parameters())
    return weights.device


@contextmanager
def _saying(module: Any, output: Any) -> Iterator[None]:
    """While it is entered, `module` gives `output` for whatever it is asked."""
    own = vars(module).get("forward")
    module.forward = lambda *asked, **more: output
    try:
        yield
    finally:
        if own is None:
            del module.forward
        else:
            module.forward = own


def floating(model: Any) -> Any:
    """The parameters that hold floating-point numbers."""
    return (parameter for parameter in model.parameters() if parameter.is_floating_point())


def refuse_nan(numbers: torch.Tensor) -> None:
    """Raises InputError where a model's output is no number."""
    if numbers.isnan().any():
        raise InputError(
            f"the model's logits are no numbers (nan) in {numbers.dtype}, so its answers would be noise. "
            "Compute in another number format (--dtype float32), or mend the weights."
        )
