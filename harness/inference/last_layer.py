"""The last layer for those tokens alone whose logits are wanted: of all others nothing but their keys and values is.

So attention and what follows it are computed for fewer tokens, by the code of the layer itself, which is run twice: up
to its attention for all tokens, and then for those that are wanted. Imports torch.
"""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import torch

from harness.inference.attention import KeysKept, KeysOnly, planned
from harness.inference.pieces import Piece

_BY_TOKEN = {"hidden_states": 1, "position_ids": 1, "position_embeddings": 1, "cache_position": 0}  # the tokens' axis
_FOR_ALL = {"attention_mask", "past_key_values", "layer_past", "use_cache", "output_attentions"}
_NEVER_GIVEN = {"encoder_hidden_states", "encoder_attention_mask"}


class LastLayer:
    """The last layer of a transformers model; left as it is where it takes something that isn't known here."""

    def __init__(self, model: Any) -> None:
        self._layer = _last(model)

    @contextmanager
    def only(self, wanted: torch.Tensor, plan: list[Piece], cache: Any) -> Iterator[None]:
        """While it is entered, what the layer gives for tokens that aren't `wanted` has no meaning.

        `wanted` are places of the chunk, `(wanted,) int64`, ascending, at least one; they attend by `plan`. `cache` is
        the chunk's.
        """
        layer = self._layer
        if layer is None:
            yield
            return
        layer.forward = partial(_twice, layer.forward, wanted, plan, cache)
        try:
            yield
        finally:
            del layer.forward


def _twice(
    own: Callable[..., Any],
    wanted: torch.Tensor,
    plan: list[Piece],
    cache: Any,
    hidden_states: torch.Tensor,
    *given: Any,
    **named: Any,
) -> Any:
    """What a layer's `own` forward gives for `wanted`, and zeros for other tokens; the cache has all of them."""
    named |= inspect.signature(own).bind_partial(hidden_states, *given).arguments
    with planned(KeysOnly()), suppress(KeysKept):
        own(**named)
    for name, axis in _BY_TOKEN.items():
        if named.get(name) is not None:
            named[name] = _at(wanted, named[name], axis)
    with planned(plan), cache.layers[-1].full():
        found = own(**named)
    hidden, *more = found if isinstance(found, tuple) else (found,)
    result = torch.zeros_like(hidden_states)
    result[:, wanted] = hidden
    return (result, *more) if isinstance(found, tuple) else result


def _last(model: Any) -> Any:
    """The last of the model's layers; None if there is none that takes what is known."""
    count = model.config.get_text_config().num_hidden_layers
    lists = [part for part in model.modules() if isinstance(part, torch.nn.ModuleList) and len(part) == count]
    if len(lists) != 1 or "forward" in vars(lists[0][-1]):
        return None
    taken = inspect.signature(lists[0][-1].forward).parameters.values()
    names = {one.name for one in taken if one.kind is not inspect.Parameter.VAR_KEYWORD}
    return lists[0][-1] if names <= _BY_TOKEN.keys() | _FOR_ALL | _NEVER_GIVEN else None


def _at(wanted: torch.Tensor, given: Any, axis: int) -> Any:
    if isinstance(given, tuple):
        return tuple(_at(wanted, one, axis) for one in given)
    return given.index_select(axis, wanted)
