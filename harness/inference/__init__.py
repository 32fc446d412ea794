"""How is it computed, fast and exactly? Generation and log-likelihoods; knows nothing of suites and metrics."""

from harness.inference.engine import ChoiceScores, Engine, Generation

__all__ = ["ChoiceScores", "Engine", "Generation"]
