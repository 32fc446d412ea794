"""A batch as one row without padding: its examples one after another, each of which attends to its own tokens alone.

What transformers calls packed sequences, for models whose attention goes through its interface. Nothing is computed
for padding, which there isn't.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any

from harness.weights.training.examples import IGNORED, Example, LossOn

if TYPE_CHECKING:
    import torch

NAME = "harness_packed"
UNPACKED = "sdpa"  # which computes each example


def pack(batch: Sequence[Example], loss_on: LossOn = "completion") -> "dict[str, torch.Tensor]":
    """What a model is called with: ids, positions and labels, each `(1, tokens) int64`, without a mask.

    Positions begin with 0 in each example. Logits are asked for where the next token has a loss, `logits_to_keep`,
    `(losses,) int64`, and these tokens are `shift_labels`, `(1, losses) int64`. `cu_seq_lens_q`, `(batch + 1,) int32`,
    says where examples begin and the last one ends, under the name that transformers has for it.
    """
    import torch

    rows = [[*example.prompt, *example.completion] for example in batch]
    begins = [*accumulate(map(len, rows), initial=0)]
    ids = torch.tensor([[token for row in rows for token in row]], dtype=torch.long)
    first = [1 if loss_on == "all" else len(example.prompt) for example in batch]
    wanted = [
        begin + place
        for begin, row, start in zip(begins, rows, first, strict=False)
        for place in range(start, len(row))
    ]
    targets = torch.tensor(wanted, dtype=torch.long)
    labels = torch.full_like(ids, IGNORED)
    labels[0, targets] = ids[0, targets]
    return {
        "input_ids": ids,
        "position_ids": torch.tensor([[place for row in rows for place in range(len(row))]], dtype=torch.long),
        "labels": labels,
        "logits_to_keep": targets - 1,
        "shift_labels": ids[:, targets],
        "cu_seq_lens_q": torch.tensor(begins, dtype=torch.int32),
    }


@contextmanager
def packed_attention(model: Any) -> Iterator[set[Any]]:
    """While entered, the attention of `model` (of transformers) takes what `pack` made, and nothing else.

    The set that it gives holds the attention layers that were computed so. The model is one whose attention is torch's
    own (`sdpa`).
    """
    from transformers import AttentionInterface
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    layers: set[Any] = set()

    def attend(
        module: Any, query: "torch.Tensor", key: "torch.Tensor", value: "torch.Tensor", mask: Any, **more: Any
    ) -> "tuple[torch.Tensor, None]":
        import torch

        layers.add(module)
        ends = more.pop("cu_seq_lens_q").tolist()
        lengths = [end - begin for begin, end in pairwise(ends)]
        window = more.get("sliding_window")
        dtype = torch.promote_types(value.dtype, torch.float32)  # in bfloat16 the gradient takes CPUs twice as long
        parts = [torch.split(states.to(dtype), lengths, 2) for states in (query, key, value)]
        rows: dict[int, torch.Tensor] = {}
        with torch.autocast(query.device.type, enabled=False):
            for places in _alike(lengths):
                q, k, v = (torch.cat([states[place] for place in places]) for states in parts)
                seen = sdpa_attention_forward(module, q, k, v, _window(q, window), **more)[0]
                rows.update(zip(places, torch.split(seen, 1), strict=True))
        return torch.cat([rows[place] for place in range(len(lengths))], 1).to(value.dtype), None

    AttentionInterface.register(NAME, attend)
    model.set_attn_implementation(NAME)
    try:
        yield layers
    finally:
        model.set_attn_implementation(UNPACKED)


def _alike(lengths: Sequence[int]) -> list[list[int]]:
    """The places of rows of the same length, which need no padding to be computed together."""
    places: dict[int, list[int]] = {}
    for place, length in enumerate(lengths):
        places.setdefault(length, []).append(place)
    return list(places.values())


def _window(query: "torch.Tensor", window: int | None) -> "torch.Tensor | None":
    """What a row may see through a sliding window that is shorter than it, `(1, 1, time, time) bool`."""
    import torch

    time = query.shape[2]
    if not window or time <= window:
        return None
    seen = torch.ones(time, time, dtype=torch.bool, device=query.device)
    return seen.tril().triu(1 - window)[None, None]
