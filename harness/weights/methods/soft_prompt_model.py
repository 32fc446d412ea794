"""A peft model with a soft prompt whose numbers don't depend on padding, on batches or on the key-value cache.

Peft's own forward sets the virtual tokens before the padding, drops `position_ids` and prepends anew at every decoding
step. Here a row with padding computes what it computes alone. What is learnt, stored and loaded is all peft's: this
knows nothing of settings or of training. Import it lazily: it imports torch and peft.
"""

from typing import Any

import torch
from peft import PeftModelForCausalLM

from harness.errors import InputError

IGNORED = -100  # what transformers leaves out of the loss


class SoftPromptModel(PeftModelForCausalLM):  # type: ignore[misc]
    """A frozen causal LM that sees virtual tokens before each row: as embeddings, or as keys and values per layer."""

    computes_rows_only = "virtual tokens stand before each row"

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        past_key_values: Any = None,
        labels: torch.Tensor | None = None,
        logits_to_keep: int = 0,
        **more: Any,
    ) -> Any:
        """The base's output for `input_ids`, `(batch, time) int64`, with the soft prompt before them.

        Mask, positions, labels and the output's `logits` count the row's own tokens only, padded on either side: the
        virtual tokens take the positions from 0 on, and the row's follow. With a filled cache nothing is prepended,
        and the mask covers the cached tokens too. Raises InputError where a prefix would be silently left out.
        """
        virtual = self.active_peft_config.num_virtual_tokens
        begun = past_key_values is not None and past_key_values.get_seq_length() > 0
        if attention_mask is None:
            cached = past_key_values.get_seq_length() - virtual if begun else 0
            attention_mask = input_ids.new_ones(len(input_ids), cached + input_ids.shape[1])
        if position_ids is None:
            position_ids = (attention_mask.cumsum(-1) - 1).clamp_min(0)[:, -input_ids.shape[1] :]
        prefixed = self.active_peft_config.peft_type == "PREFIX_TUNING"
        # keys and values come first in the cache, embeddings directly before the row's first token
        begins = attention_mask.argmax(-1) * (not prefixed)
        layout = _Layout(begins, virtual)
        more["attention_mask"] = layout.joined(attention_mask.new_ones(virtual), attention_mask)
        if prefixed:
            self._refuse_lost_prefix(more["attention_mask"].shape[1])
        own_logits = begun or prefixed or logits_to_keep
        if logits_to_keep:
            more["logits_to_keep"] = logits_to_keep
        if begun or prefixed:
            more |= {"input_ids": input_ids, "position_ids": position_ids + virtual, "labels": labels}
            more["past_key_values"] = past_key_values if begun else self._prefix(len(input_ids))
        else:
            embeddings = self.get_base_model().get_input_embeddings()(input_ids)
            prompt = self.get_prompt(batch_size=1)[0].to(embeddings.dtype)
            first = torch.arange(virtual, device=input_ids.device)
            more["inputs_embeds"] = layout.joined(prompt, embeddings)
            more["position_ids"] = layout.joined(first, position_ids + virtual)
            more["labels"] = None if labels is None else layout.joined(labels.new_full((virtual,), IGNORED), labels)
            more["past_key_values"] = past_key_values
        output = self.get_base_model()(**more)
        if not own_logits:
            output.logits = layout.without(output.logits)
        return output

    def _prefix(self, rows: int) -> Any:
        """A new cache, for this call alone, that holds the prefix for each of `rows`."""
        cache = self.get_prompt(batch_size=1)
        cache.batch_repeat_interleave(rows)
        return cache

    def _refuse_lost_prefix(self, length: int) -> None:
        """Raises InputError where the base would drop the prefix without a word; `length` counts virtual tokens too."""
        base = self.get_base_model()
        if self.training and any(getattr(module, "gradient_checkpointing", False) for module in base.modules()):
            raise InputError(
                "prefix: gradient checkpointing drops the keys and values that are the prefix, so nothing would be "
                "learnt. Write `gradient_checkpointing: false`, or use the method prompt."
            )
        config = base.config.get_text_config()
        window = getattr(config, "sliding_window", None)
        kinds = getattr(config, "layer_types", None) or ["sliding_attention"]
        if window and length > window and "sliding_attention" in kinds:
            raise InputError(
                f"prefix: {length} tokens with the prefix are more than the base's sliding window of {window}, so that "
                "the prefix would be out of sight, for some rows of a batch sooner than for others. Shorten the "
                "prompts, or use the method prompt."
            )


class _Layout:
    """Where virtual and own tokens lie in rows that get `virtual` tokens more, each at its own place."""

    def __init__(self, begins: torch.Tensor, virtual: int) -> None:
        """`begins`, `(batch,) int64`: how many places of each row come before its virtual tokens."""
        self._begins, self._virtual = begins[:, None], virtual
        self._rows = torch.arange(len(begins), device=begins.device)[:, None]

    def joined(self, virtual: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
        """`own`, `(batch, time, ...)`, with `virtual`, `(virtual, ...)`, in every row."""
        both = torch.cat([virtual.expand(len(own), *virtual.shape), own], 1)
        places = torch.arange(both.shape[1], device=own.device)
        after = places - self._begins
        before_them = places + self._virtual
        return both[self._rows, torch.where(after < 0, before_them, torch.where(after < self._virtual, after, places))]

    def without(self, joined: torch.Tensor) -> torch.Tensor:
        """What `joined` made, `(batch, virtual + time, ...)`, without the virtual tokens."""
        places = torch.arange(joined.shape[1] - self._virtual, device=joined.device)
        return joined[self._rows, places + self._virtual * (places >= self._begins)]
