"""Checkpoints on disk: one file that is whole, or is not taken for one. Knows nothing of what it holds.

Tensors as safetensors, everything else as JSON in the same file's header, so that both are of the same moment.
"""

import hashlib
import json
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.runs.storage import PART, sync

if TYPE_CHECKING:
    import torch

FILE = "checkpoint.safetensors"
SECONDS = 30.0
SHARE = 0.05  # of the time, at most, that goes into checkpoints: those of a large model take long to write

logger = logging.getLogger(__name__)


class Checkpoint(NamedTuple):
    """A moment of a training: tensors, and what JSON can hold (floats come back to the bit)."""

    tensors: "dict[str, torch.Tensor]"
    content: dict[str, Any]


class Checkpoints:
    """The latest checkpoint in `folder` (made when needed), for the one training that `fingerprint` stands for."""

    def __init__(self, folder: Path, fingerprint: str, seconds: float) -> None:
        """`seconds` is the least time between two checkpoints; with 0 there is one whenever there may be one."""
        self._path = folder / FILE
        self._fingerprint = fingerprint
        self._interval = self._seconds = seconds
        self._last = time.monotonic()
        self._able = True

    def read(self) -> Checkpoint | None:
        """The checkpoint, on the CPU; None if there is none, it is another training's, or (with a warning) damaged."""
        from safetensors import SafetensorError, safe_open

        if not self._path.is_file():
            return None
        try:
            with safe_open(self._path, framework="pt") as file:
                header = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
            intact = header.get("hash") == _hash(tensors, header.get("content", ""))
        except (OSError, SafetensorError):
            intact = False
        if not intact:
            logger.warning("%s: the checkpoint is damaged, so this training begins anew.", self._path)
            return None
        content = json.loads(header["content"])
        return Checkpoint(tensors, content["state"]) if content["fingerprint"] == self._fingerprint else None

    @property
    def due(self) -> bool:
        """Whether it is time for one."""
        return self._able and time.monotonic() - self._last >= self._interval

    def offer(self, capture: Callable[[], Checkpoint]) -> None:
        """Writes what `capture` returns if it is time. Where it can't be written, that is a warning, once."""
        from safetensors import SafetensorError

        if not self.due:
            return
        begun = time.monotonic()
        try:
            self._write(capture())
        except (OSError, SafetensorError) as error:
            self._able = False
            logger.warning(
                "%s: no checkpoint can be written (%s), so an interrupted training will begin anew.", self._path, error
            )
        self._last = time.monotonic()
        self._interval = max(self._seconds, (self._last - begun) / SHARE) if self._seconds else 0.0

    def clear(self) -> None:
        """Leaves nothing in the folder."""
        with suppress(OSError):  # where nothing could be written, nothing is there
            self._path.unlink(missing_ok=True)
            self._part.unlink(missing_ok=True)

    @property
    def _part(self) -> Path:
        return self._path.with_name(FILE + PART)

    def _write(self, checkpoint: Checkpoint) -> None:
        from safetensors.torch import save_file

        self._path.parent.mkdir(parents=True, exist_ok=True)
        tensors = _plain(checkpoint.tensors)
        content = json.dumps({"fingerprint": self._fingerprint, "state": checkpoint.content})
        try:
            save_file(tensors, self._part, metadata={"content": content, "hash": _hash(tensors, content)})
            sync(self._part)
            self._part.replace(self._path)
        finally:
            self._part.unlink(missing_ok=True)


def _plain(tensors: "Mapping[str, torch.Tensor]") -> "dict[str, torch.Tensor]":
    """The tensors on the CPU, each with memory of its own, which safetensors asks for."""
    plain, seen = {}, set()
    for name, tensor in tensors.items():
        here = tensor.detach().cpu().contiguous()
        plain[name] = here.clone() if here.data_ptr() in seen else here
        seen.add(plain[name].data_ptr())
    return plain


def _hash(tensors: "Mapping[str, torch.Tensor]", content: str) -> str:
    """SHA-256 over the content and the names, types, shapes and bytes of the tensors."""
    import torch

    digest = hashlib.sha256(content.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
