"""What a gate tolerates. Knows nothing of runs."""

from dataclasses import dataclass

from harness.comparison import ALPHA

QUALITY_METRICS = frozenset({"accuracy", "exact_match", "token_f1"})


@dataclass(frozen=True)
class Rules:
    """When a check fails.

    alpha: a check is worse if its difference is below zero with an adjusted p below this.
    unscored_rise: by how much the share of unscored cases (0 to 1) may rise.
    """

    alpha: float = ALPHA
    unscored_rise: float = 0.02
