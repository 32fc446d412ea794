"""What is compared? The `weights/context` grammar and the grid; knows nothing of how anything is built."""

from harness.variants.grammar import BASE, Context, Variant, Weights
from harness.variants.grid import DEFAULT_VARIANTS, grid

__all__ = ["BASE", "DEFAULT_VARIANTS", "Context", "Variant", "Weights", "grid"]
