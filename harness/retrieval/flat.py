"""Batches of texts for a transformers encoder without any padding: one after another, each attending to itself.

sentence-transformers lays texts out so for flash attention on GPUs; here the same is had on the CPU, with attention by
matrix products. Which models can is found out by whoever compares what comes out. Imports torch.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface, DataCollatorWithFlattening
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

NAME = "harness_flat"

_LONGEST = 512  # tokens whose scores, with each other and of all heads, are held at once
_GREATEST = 100.0  # of scores in powers of two: so far from zero a softmax needs no maximum taken off, up to 512 keys
_one_after_another: Callable[..., Any] = DataCollatorWithFlattening
_BORDERS = {"cu_seq_lens_q", "cu_seq_lens_k", "max_length_q", "max_length_k", "seq_idx"}


def can_be_flat(model: Any) -> bool:
    """Whether the encoder of a sentence-transformers model may be given texts without padding, as far as it says."""
    part = model[0]
    kinds = getattr(part, "modality_config", {})
    return (
        model.device.type == "cpu"
        and getattr(part, "transformer_task", None) == "feature-extraction"
        and getattr(part, "backend", None) == "torch"
        and getattr(part, "unpad_inputs", False) is None
        and list(kinds) == ["text"]
        and kinds["text"]["method"] == "forward"
        and part.model.is_backend_compatible()
        and part.model.config._attn_implementation == "sdpa"
        and part.model.dtype in (torch.float32, torch.bfloat16)
    )


@contextmanager
def flat(model: Any) -> Iterator[None]:
    """While it is entered, `model` lays the texts of a batch out one after another and attends by `attend`."""
    part = model[0]
    own, wanted = part.model.config._attn_implementation, part.model_forward_params
    part.model.set_attn_implementation(NAME)
    part.data_collator = _one_after_another(return_seq_idx=True, return_flash_attn_kwargs=True)
    part._flatten_position_offset = part._infer_flatten_position_offset()
    part.model_forward_params = wanted and wanted | _BORDERS
    part.can_flatten_inputs = True
    try:
        yield
    finally:
        part.can_flatten_inputs = False
        part.model_forward_params = wanted
        part.model.set_attn_implementation(own)


def attend(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    cu_seq_lens_q: torch.Tensor | None = None,
    **more: Any,
) -> tuple[torch.Tensor, None]:
    """Attention of each text to itself, `(1, tokens, heads, width)`; plain attention where there are no borders.

    `query`, `key` and `value` are `(1, heads, tokens, width)`. `cu_seq_lens_q` has the places where texts begin, and
    the end.
    """
    if cu_seq_lens_q is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **more)
    borders = cu_seq_lens_q.tolist()
    scaled = query[0] * ((query.shape[3] ** -0.5 if scaling is None else scaling) * math.log2(math.e))
    plain = (
        attention_mask is not None
        or query.shape[:3] != key.shape[:3]
        or getattr(module, "is_causal", True)
        or more.get("dropout")
        or not _small(scaled, key[0])
    )
    result = query.new_empty(1, query.shape[2], query.shape[1], value.shape[3])
    for begin, end in pairwise(borders):
        own = slice(begin, end)
        if plain or end - begin > _LONGEST:
            mask = None if attention_mask is None else attention_mask[..., own, own]
            one, its_keys, its_values = (tensor[:, :, own] for tensor in (query, key, value))
            result[:, own] = sdpa_attention_forward(module, one, its_keys, its_values, mask, scaling=scaling, **more)[0]
        else:
            shares = torch.bmm(scaled[:, own], key[0, :, own].transpose(1, 2)).exp2_()
            sums = shares.sum(-1, keepdim=True)
            result[0, own] = torch.bmm(shares, value[0, :, own]).div_(sums).transpose(0, 1)
    return result, None


def _small(query: torch.Tensor, key: torch.Tensor) -> bool:
    """Whether no score, in powers of two, can be large: none is larger than the product of the longest vectors."""
    longest = [torch.linalg.vector_norm(tensor.transpose(0, 1), dim=-1).amax(0) for tensor in (query, key)]
    return bool((longest[0] * longest[1] < _GREATEST).all())  # not where one is no number


AttentionInterface.register(NAME, attend)
AttentionMaskInterface.register(NAME, sdpa_mask)
