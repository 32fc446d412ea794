"""The tokenizer of a model behind a server, where the user says which it is."""

from copy import copy
from pathlib import Path
from typing import Any

from harness._hub import fetch
from harness.api import Endpoint
from harness.errors import InputError
from harness.weights import Base, load_tokenizer, window

_WANTED = ("*.json", "*.model", "*.txt", "*.jinja")


def tokenizer_and_window(name: str, endpoint: Endpoint) -> tuple[Any, int | None]:
    """The tokenizer in a folder or of a hub id, and how many tokens its model reads (None if its files don't say).

    It chats exactly where the `endpoint` does. Raises InputError.
    """
    base = Base(name, _folder(name), "")
    tokenizer: Any = load_tokenizer(base)
    if endpoint == "chat" and not getattr(tokenizer, "chat_template", None):
        raise InputError(
            f"{name}: this tokenizer has no chat template, so the tokens of a chat can't be counted by it. Give the "
            "tokenizer of the model that is served, or ask plain text with --endpoint completions."
        )
    if endpoint == "completions":
        tokenizer = copy(tokenizer)
        tokenizer.chat_template = None
    return tokenizer, window(base) if (base.path / "config.json").is_file() else None


def _folder(name: str) -> Path:
    if Path(name).is_dir():
        return Path(name).resolve()
    try:
        return fetch(name, wanted=_WANTED)
    except (OSError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"--tokenizer {name}: there is no such folder, and the hub gave no model of that id ({reason}). Check the "
            "spelling or the network, or leave --tokenizer out: the server counts tokens then."
        ) from error
