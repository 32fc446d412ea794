"""How is it computed, fast and exactly? Generation and log-likelihoods; knows nothing of suites and metrics."""

from harness.inference.backend import Backend
from harness.inference.engine import Engine
from harness.inference.modes import Mode
from harness.inference.outputs import ChoiceScores, Generation

__all__ = ["Backend", "ChoiceScores", "Engine", "Generation", "Mode"]
