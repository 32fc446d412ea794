"""Work that is none, by which scaling.py measures what a task costs by itself."""

from collections.abc import Mapping
from typing import Any


def open_workshop(settings: Mapping[str, Any], progress: Any) -> Any:
    """What does nothing."""
    return lambda work, results: None


def identity() -> dict[str, str]:
    """The same in every process."""
    return {}
