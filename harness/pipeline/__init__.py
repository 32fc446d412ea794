"""The whole road from a request to a verdict, and the configuration that asks for it."""

from harness.pipeline.compare import Result, run_comparison
from harness.pipeline.config import CompareConfig, load_config
from harness.pipeline.progress import Progress, Silent

__all__ = ["CompareConfig", "Progress", "Result", "Silent", "load_config", "run_comparison"]
