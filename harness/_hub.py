"""Fetches models from the Hugging Face hub: pinned to a revision where one is named, and telling which one it was.

Knows nothing of what a model is for. What was fetched before is found without a network.
"""

from collections.abc import Sequence
from pathlib import Path

from harness.errors import InputError


def split_revision(name: str) -> tuple[str, str | None]:
    """The hub id and the revision (commit, tag or branch) in `OWNER/NAME@REVISION`; None where none is named.

    Raises InputError for an `@` with nothing before or after it.
    """
    model, pinned, revision = name.partition("@")
    if pinned and not (model and revision):
        raise InputError(f"{name}: an @ stands between a hub id and a revision, as in OWNER/NAME@REVISION. Give both.")
    return model, revision or None


def fetch(name: str, *, wanted: Sequence[str] = (), unwanted: Sequence[str] = ()) -> Path:
    """The local snapshot of the hub model `OWNER/NAME` or `OWNER/NAME@REVISION`.

    Only files that match a pattern of `wanted` (if there are any) and none of `unwanted` are fetched. Raises OSError or
    ValueError where the hub doesn't give it.
    """
    from huggingface_hub import snapshot_download

    model, revision = split_revision(name)
    allow, ignore = list(wanted) or None, list(unwanted) or None
    return Path(snapshot_download(model, revision=revision, allow_patterns=allow, ignore_patterns=ignore))


def commit_of(snapshot: Path) -> str | None:
    """The commit that a folder of the hub's cache is a snapshot of; None for any other folder."""
    inside_cache = snapshot.parent.name == "snapshots" and snapshot.parent.parent.name.startswith("models--")
    return snapshot.name if inside_cache else None
