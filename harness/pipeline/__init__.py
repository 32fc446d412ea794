"""The whole road from a request to a verdict, and the configuration that asks for it."""

from typing import TYPE_CHECKING, Any

from harness.pipeline.config import CompareConfig, load_config
from harness.runs.progress import Progress, Silent

if TYPE_CHECKING:
    from harness.pipeline.compare import Result, run_comparison

__all__ = ["CompareConfig", "Progress", "Result", "Silent", "load_config", "run_comparison"]


def __getattr__(name: str) -> Any:
    """What loads the model libraries, when it is asked for: a mistake in the request is told before that."""
    if name in ("Result", "run_comparison"):
        from harness.pipeline import compare

        return getattr(compare, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
