"""Finds, identifies and loads the base language model and its tokenizer.

A local path never touches a hub. No pickle is read, and no code from a model's folder is run unless it is trusted by
name.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness._hub import commit_of, fetch
from harness._quiet import quiet_transformers
from harness.errors import InputError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

FILES = ("*.safetensors", "*.safetensors.index.json", "*.json", "*.model", "*.txt", "*.jinja")
INDEX = "model.safetensors.index.json"
WEIGHTS = ("model.safetensors", INDEX)
_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?(@[\w./-]+)?")


@dataclass(frozen=True)
class Base:
    """A base model on this disk: how it was named, where it lies, and the SHA-256 of its files.

    `revision` is the commit of the hub that it was fetched from; None for a local folder. `trusted` models may run the
    Python code in their folder, which is then part of the hash.
    """

    name: str
    path: Path
    hash: str
    revision: str | None = None
    trusted: bool = False


def locate_base(model: str, *, trusted: bool = False) -> Base:
    """The model in the local folder `model`, or else the hub model of that id, downloaded.

    `OWNER/NAME@REVISION` pins a commit, tag or branch of the hub. Raises InputError if there is neither, or if what is
    there holds no safetensors weights.
    """
    path = Path(model)
    if path.is_dir():
        _check(path, model)
        return Base(path.resolve().name, path.resolve(), _hash(path, trusted), trusted=trusted)
    if path.exists() or not _HUB_ID.fullmatch(model) or model.startswith("."):
        raise InputError(
            f"{model}: there is no such model folder, and it is no hub id (OWNER/NAME) either, so there is no base to "
            "adapt. Check the spelling, or give the path of a folder that save_pretrained wrote."
        )
    path = _download(model, trusted)
    _check(path, model)
    return Base(model, path, _hash(path, trusted), commit_of(path), trusted)


def _check(folder: Path, named: str) -> None:
    """Raises InputError if `folder` can't be a base model that is read without pickle."""
    if not (folder / "config.json").is_file() or not any((folder / name).is_file() for name in WEIGHTS):
        pickled = sorted(path.name for pattern in ("*.bin", "*.pt", "*.pth") for path in folder.glob(pattern))
        refused = f" Pickled weights ({pickled[0]}) are not read, since they can run code." if pickled else ""
        raise InputError(
            f"{named}: no base model: a config.json and {' or '.join(WEIGHTS)} are needed there.{refused} "
            "Give a folder that save_pretrained wrote, or a hub id."
        )
    if (folder / "adapter_config.json").is_file():
        raise InputError(
            f"{named}: holds an adapter (adapter_config.json), which transformers would load into the base, so that "
            "it would not be one. Give the folder of the model without its adapter."
        )
    if elsewhere := _weights_elsewhere(folder / INDEX):
        raise InputError(
            f"{named}: its {INDEX} takes weights from {elsewhere!r}, which is no file of that folder, so the model "
            "could change without its name. Give a folder that save_pretrained wrote."
        )


def _weights_elsewhere(index: Path) -> str | None:
    """The first file in an index of weights that doesn't lie beside it; None if there is none."""
    try:
        files = json.loads(index.read_bytes())["weight_map"].values() if index.is_file() else ()
        return next((str(name) for name in files if Path(name).name != name), None)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None  # transformers tells what is wrong with it


def _download(model: str, trusted: bool) -> Path:
    """The local snapshot of a hub model; raises InputError if the hub doesn't give it."""
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return fetch(model, wanted=_files(trusted))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise InputError(
            f"{model}: there is no such model folder, and the hub gave no model of that id ({_reason(error)}). "
            "Check the spelling or the network, or give the path of a local model."
        ) from error


def _files(trusted: bool) -> tuple[str, ...]:
    """The files that a model consists of."""
    return (*FILES, "*.py") if trusted else FILES


def _hash(folder: Path, trusted: bool) -> str:
    """SHA-256 over the names and bytes of the model's files."""
    digest = hashlib.sha256()
    for path in sorted({path for pattern in _files(trusted) for path in folder.glob(pattern)}):
        digest.update(f"{path.name}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as file:
            while block := file.read(1 << 22):
                digest.update(block)
    return digest.hexdigest()


def load_tokenizer(base: Base) -> "PreTrainedTokenizerBase":
    """The tokenizer of `base`; raises InputError."""
    from transformers import AutoTokenizer

    try:
        with quiet_transformers():
            return AutoTokenizer.from_pretrained(base.path, local_files_only=True, trust_remote_code=base.trusted)
    except Exception as error:  # the files are anybody's, and for broken ones the libraries raise anything
        raise InputError(
            f"{base.path}: its tokenizer can't be loaded ({_reason(error)}), so no prompt can be made for it. "
            "Put the tokenizer's files (tokenizer.json, tokenizer_config.json) into the folder."
        ) from error


def load_model(
    base: Base, *, dtype: "torch.dtype", device: "torch.device", placed: Mapping[str, Any] | None = None
) -> "PreTrainedModel":
    """A fresh copy of the base in `dtype` on `device`, in evaluation mode, whatever number format its files have.

    With `placed`, arguments of `from_pretrained`, its weights stay where, and as, these put them. Raises InputError if
    it is no causal language model, or if its files don't hold every weight of it.
    """
    from transformers import AutoModelForCausalLM

    try:
        with quiet_transformers():
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                base.path,
                dtype=dtype,
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=base.trusted,
                ignore_mismatched_sizes=True,  # told by `_refuse_random_weights`, tensor by tensor
                output_loading_info=True,
                **(placed or {}),
            )
    except Exception as error:  # the files are anybody's, and for broken ones the libraries raise anything
        raise InputError(
            f"{base.path}: can't be loaded as a causal language model ({_reason(error)}). Give the folder of one, "
            "complete and of an architecture that transformers knows. Code of the model's own is run only for a model "
            "that --trust-code names."
        ) from error
    model, report = loaded
    _refuse_random_weights(base, report)
    return (model if placed else model.to(device)).eval()  # type: ignore[no-any-return]


def _refuse_random_weights(base: Base, report: Mapping[str, Any]) -> None:
    """Raises InputError if transformers filled weights at random because the files lack or contradict them."""
    missing = sorted(report["missing_keys"])
    mismatched = sorted(
        f"{name} is {tuple(here)}, not {tuple(there)}" for name, here, there in report["mismatched_keys"]
    )
    told = [f"{len(missing)} weights are absent ({missing[0]}, …)"] if missing else []
    told += (
        [f"{len(mismatched)} weights have another shape than config.json says ({mismatched[0]})"] if mismatched else []
    )
    if told:
        raise InputError(
            f"{base.path}: {' and '.join(told)}, so a part of the base would be random numbers, other ones each time. "
            "Give a complete checkpoint of a causal language model whose config.json is its own."
        )


def window(base: Base) -> int | None:
    """How many tokens the base can see at once, or None where its configuration doesn't say; raises InputError."""
    config = _config(base).get_text_config()
    size = getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None)
    return int(size) if size else None


def parameters(base: Base) -> int:
    """How many parameters the base has (tied weights count once, buffers not at all); raises InputError.

    Counted on an empty model of its configuration: files can hold tied weights twice, and buffers too.
    """
    return sum(parameter.numel() for parameter in empty_model(base).parameters())


def empty_model(base: Base) -> "PreTrainedModel":
    """The base's architecture without its weights (on the meta device); raises InputError."""
    import torch
    from transformers import AutoModelForCausalLM

    config = _config(base)
    try:
        with torch.device("meta"), quiet_transformers():
            return AutoModelForCausalLM.from_config(  # type: ignore[no-any-return, no-untyped-call]
                config, trust_remote_code=base.trusted
            )
    except (ValueError, KeyError, ImportError) as error:
        raise InputError(
            f"{base.path}: is no causal language model ({_reason(error)}), so it can't answer. Give the folder of one."
        ) from error


def _config(base: Base) -> "PreTrainedConfig":
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(  # type: ignore[no-any-return]
            base.path, local_files_only=True, trust_remote_code=base.trusted
        )
    except Exception as error:  # the file is anybody's, and for a broken one the libraries raise anything
        raise InputError(
            f"{base.path}: its config.json can't be read ({_reason(error)}), so the model can't be built. "
            "Mend that file, or give another model. Code of a model is run only if --trust-code names it."
        ) from error


def _reason(error: Exception) -> str:
    """The first line of an error, or its kind where it says nothing."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(" .:") if lines else type(error).__name__
