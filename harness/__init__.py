"""Settles, with evidence, whether to prompt, retrieve, fine-tune, combine them, or interpolate weights."""

from importlib.metadata import version

__version__ = version("harness")
__all__ = ["__version__"]
