"""Sets on the Hugging Face hub: which files hold a split, and how they are fetched. Nothing of a set is ever run."""

import re
from pathlib import Path
from typing import Any

import yaml

from harness.errors import InputError
from harness.suite.sources.settings import Hub

CARD = "README.md"
_FRONT_MATTER = re.compile(r"---\s*\n(?P<yaml>.*?)\n---\s*(?:\n|$)", re.DOTALL)
_SUFFIXES = ("parquet", "jsonl", "json", "csv", "tsv")


def fetch(hub: Hub, file: str | None, split: str | None) -> Path:
    """The folder to which one file or one split of a set was fetched; raises InputError where that fails.

    What was fetched before is not fetched again, and found without a network too.
    """
    from huggingface_hub import snapshot_download

    try:
        folder = Path(snapshot_download(hub.id, repo_type="dataset", revision=hub.revision, allow_patterns=[CARD]))
        wanted = [file] if file else split_patterns(folder, hub.config, split or "")
        snapshot_download(hub.id, repo_type="dataset", revision=hub.revision, allow_patterns=wanted)
    except (OSError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"the set {hub.id!r} can't be fetched from the Hugging Face hub ({reason}). Check the "
            "name and the network, or put its files into a folder and give that with --data."
        ) from None
    return folder


def split_files(folder: Path, config: str | None, split: str) -> list[str]:
    """The files that hold a split of a set that lies in `folder`; raises InputError if there are none."""
    patterns = split_patterns(folder, config, split)
    try:
        files = sorted({path.relative_to(folder).as_posix() for pattern in patterns for path in folder.glob(pattern)})
    except (ValueError, NotImplementedError):  # a pattern that no file can have
        files = []
    found = [name for name in files if name.rpartition(".")[2] in _SUFFIXES]
    if not found:
        raise InputError(f"{folder}: no files of the split {split!r}, which suite.yaml names; mend it, or the `config`")
    return found


def split_patterns(folder: Path, config: str | None, split: str) -> list[str]:
    """The patterns of a split's files: as the set's card says, or else by the usual names."""
    for entry in _configs(folder / CARD):
        if entry.get("config_name") == (config or "default") or (config is None and entry.get("default")):
            return _stated(entry.get("data_files"), split)
    place = config or "data"
    return [f"{place}/{split}[-.]*", *([] if config else [f"{split}[-.]*"])]


def _configs(card: Path) -> list[dict[str, Any]]:
    """What a card says of the set's configurations; nothing where there is no readable card."""
    match = _FRONT_MATTER.match(card.read_text(encoding="utf-8", errors="replace")) if card.is_file() else None
    try:
        content = yaml.safe_load(match["yaml"]) if match else None
    except (yaml.YAMLError, ValueError, RecursionError):
        return []
    entries = content.get("configs") if isinstance(content, dict) else None
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def _stated(data_files: Any, split: str) -> list[str]:
    """The patterns of `data_files` in one of its forms: a list of splits with paths, or one pattern for all of them."""
    found: list[Any] = []
    for item in data_files if isinstance(data_files, list) else [data_files]:
        if isinstance(item, dict) and item.get("split") == split:
            found += item["path"] if isinstance(item.get("path"), list) else [item.get("path")]
        elif isinstance(item, str) and split == "train":  # a set without stated splits is one split of that name
            found.append(item)
    return [pattern for pattern in found if isinstance(pattern, str)]
