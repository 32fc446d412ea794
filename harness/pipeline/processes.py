"""Several processes under one launcher, for the commands: the first runs the pipeline, and the others train along."""

from harness.weights import lead_or_follow

__all__ = ["lead_or_follow"]
