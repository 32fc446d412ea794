"""What it takes to compute a base model, from its configuration alone: operations, and memory for keys and values."""

from dataclasses import dataclass
from typing import Any

from harness.weights.base import Base, empty_model


@dataclass(frozen=True)
class Arithmetic:
    """The sizes that decide: `multiplied` parameters meet every token, `layers` attend with `width` numbers each.

    `kept` numbers stay of every token as keys and values, over all layers.
    """

    multiplied: int
    layers: int
    width: int
    kept: int

    def operations(self, tokens: int) -> int:
        """Floating-point operations of `tokens` computed after one another, a multiplication and an addition being two.

        2 for each parameter and token, and 4 for each layer, number of width, and token that is looked back at: queries
        with keys, then weights with values. Norms, activations and the softmax are left out. After Kaplan et al. 2020,
        "Scaling laws for neural language models", 2.1.
        """
        looked_at = tokens * (tokens + 1) // 2
        return 2 * self.multiplied * tokens + 4 * self.layers * self.width * looked_at


def arithmetic(base: Base) -> Arithmetic | None:
    """The sizes of `base`; None where its configuration doesn't tell them, as for models that don't attend."""
    model: Any = empty_model(base)
    config = model.config.get_text_config()
    layers, width = getattr(config, "num_hidden_layers", None), getattr(config, "hidden_size", None)
    heads = getattr(config, "num_attention_heads", None)
    if not (layers and width and heads):
        return None
    head_width = getattr(config, "head_dim", None) or width // heads
    kept_heads = getattr(config, "num_key_value_heads", None) or heads
    total = sum(parameter.numel() for parameter in model.parameters())
    embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
    tied = head is not None and getattr(head, "weight", None) is getattr(embedding, "weight", None)
    looked_up = 0 if tied else sum(parameter.numel() for parameter in embedding.parameters())
    return Arithmetic(total - looked_up, layers, heads * head_width, 2 * layers * kept_heads * head_width)
