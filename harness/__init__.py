"""Settles, with evidence, whether to prompt, retrieve, fine-tune, combine them, or interpolate weights."""

from importlib.metadata import version

from harness._after_import import after_import

__version__ = version("harness")
__all__ = ["__version__"]


def _register_peft_methods() -> None:
    from harness.weights.peft_methods.registration import register

    register()


after_import("peft", _register_peft_methods)  # so that plain peft loads what the harness trained, and this stays light
