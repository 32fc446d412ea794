"""The whole examination, topic by topic. Each part looks by itself, and what goes wrong in one is told by it."""

from collections.abc import Callable, Iterable

from harness.pipeline.doctor.check import Check
from harness.pipeline.doctor.libraries import extras, required
from harness.pipeline.doctor.machine import environment, machine
from harness.pipeline.doctor.models import base_model, embedder, hub, pocket, server
from harness.pipeline.doctor.storage import folders
from harness.pipeline.doctor.torch_build import torch_build


def examine(model: str | None = None, url: str | None = None) -> list[Check]:
    """Everything that a default comparison needs, and, where they are given, a base model and a server at `url`.

    Nothing is downloaded and no model is loaded. Of the network, the model hub is asked for a sign of life and about
    `model`, for some seconds at most.
    """
    parts: list[tuple[str, Callable[[], Iterable[Check]]]] = [
        ("machine", machine),
        ("libraries", required),
        ("torch", torch_build),
        ("extras", extras),
        ("folders", folders),
        ("models", pocket),
        ("models", embedder),
        ("models", hub),
        ("environment", environment),
    ]
    if model is not None:
        parts.append(("asked for", lambda: base_model(model)))
    if url is not None:
        parts.append(("asked for", lambda: server(url)))
    return [check for topic, part in parts for check in _looked(topic, part)]


def _looked(topic: str, part: Callable[[], Iterable[Check]]) -> list[Check]:
    """What `part` finds; an error that it didn't expect is a finding too, since whoever asks has trouble already."""
    try:
        return list(part())
    except Exception as error:
        name = getattr(part, "__name__", topic).replace("_", " ")
        told = f"can't be looked at: {type(error).__name__}: {' '.join(str(error).split())}"
        return [Check(topic, name, "wrong", told, "Mend what the error names, or report it with the block below.")]
