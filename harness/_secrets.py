"""Takes secrets out of text that is shown or kept: values of the environment, headers, and what URLs carry.

It knows nothing of who uses which secret, so it errs on the side of hiding.
"""

import getpass
import json
import os
import platform
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

HIDDEN = "***"
LEAST = 4  # characters: what is shorter would be found in ordinary words
_PLAIN = {"true", "false", "none", "null", "empty", "dummy", "unused"}  # given where a server asks for any key
_EVERYBODY = {"root", "user", "localhost"}  # names that tell nobody from others
_SECRET_NAME = re.compile(
    r"(?:^|[_-])(?:API_?KEY|KEY|TOKEN|SECRET|PASSW(?:OR)?D|PASSPHRASE|CREDENTIALS?)(?:$|[_-])", re.IGNORECASE
)
_SHAPES = tuple(  # none of which takes longer than a multiple of the text, whatever that is: it may be hostile
    re.compile(shape, re.IGNORECASE)
    for shape in (
        r"((?<![\w-])authorization[\"']?\s*[:=]\s*[\"']?)(?:(?:bearer|basic|digest|token)\s+)?[^\s\"',}]+",
        r"((?<![\w-])(?:x-)?api-?key[\"']?\s*[:=]\s*[\"']?)[^\s\"',}]+",
        r"(\bbearer\s+)[\w.~+/=-]{8,}",
        r"(\b[a-z][\w+.-]{0,30}://)[^/\s\"'?#]+(?=@)",  # user:password@host
        r"((?:key|token|secret|signature|sig|passwd|password|credential)=)[^&\s\"'#]+",  # in a query or a shell
        r"(--[\w-]{0,40}(?:api-?key|token|secret|password)\s+)(?!-)\S+",
        r"()\b(?:hf_\w{16,}|sk-[\w-]{16,}|gh[pousr]_\w{20,}|AKIA\w{16})\b",
    )
)

_SUSPECT = re.compile(r"[:=@]|--|bearer|hf_|sk-|gh[pousr]_|akia", re.IGNORECASE)  # what every shape has some of


def secret_name(name: str) -> bool:
    """Whether a variable, option or field of that name holds a secret: a word of it is key, token, password or such."""
    return _SECRET_NAME.search(name) is not None


def scrub(text: str, environment: Mapping[str, str] | None = None) -> str:
    """`text` with `***` in place of every secret that can be told.

    Those are the values of variables of `environment` (by default of this process) whose names look like a key's,
    however they are quoted; Authorization headers; the user and password of URLs and secrets in their queries; and
    tokens of well-known shapes.
    """
    return _scrubbed(text, _values(os.environ if environment is None else environment))


def scrub_all(value: Any, environment: Mapping[str, str] | None = None) -> Any:
    """The same for every text in a value of JSON, keys among them; texts under a secret's name are hidden whole."""
    secrets = _values(os.environ if environment is None else environment)

    def scrubbed(value: Any) -> Any:
        if isinstance(value, str):
            return _scrubbed(value, secrets)
        if isinstance(value, Mapping):
            return {
                _scrubbed(str(key), secrets): HIDDEN
                if isinstance(inner, str) and inner and secret_name(str(key))
                else scrubbed(inner)
                for key, inner in value.items()
            }
        return [scrubbed(inner) for inner in value] if isinstance(value, Sequence) else value

    return scrubbed(value)


def _scrubbed(text: str, secrets: Sequence[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    if _SUSPECT.search(text):
        for shape in _SHAPES:
            text = shape.sub(rf"\1{HIDDEN}", text)
    return text


def _values(environment: Mapping[str, str]) -> list[str]:
    """The secret values and the ways in which they are quoted, the longest first."""
    secrets = {
        value.strip()
        for name, value in environment.items()
        if secret_name(name) and len(value.strip()) >= LEAST and value.strip().lower() not in _PLAIN
    }
    written = {form for value in secrets for form in (value, quote(value, safe=""), json.dumps(value)[1:-1])}
    return sorted(written, key=lambda value: (-len(value), value))


def anonymous(text: str) -> str:
    """`text`, scrubbed, with `~` for the home folder, and without the names of the user and of this machine."""
    text = scrub(text)
    home = os.path.expanduser("~")
    if len(home) > 1:
        text = re.sub(rf"{re.escape(home)}(?![\w.-])", "~", text)
    host = platform.node()
    for name, shown in ((_user(), "USER"), (host, "HOST"), (host.partition(".")[0], "HOST")):
        if len(name) >= LEAST and name not in _EVERYBODY:
            text = re.sub(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", shown, text)
    return text


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a user without a name, as in some containers
        return ""
