import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import InputError
from harness.retrieval import DEFAULT_EMBEDDER, locate_embedder, model_hash
from harness.retrieval import locate as locate_module


def locate_in_a_new_process(name: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """huggingface_hub reads its settings when it is imported, so they are tried in a process of their own."""
    code = (
        "import sys\nfrom harness.retrieval import locate_embedder\nfrom harness.errors import InputError\n"
        "try: print(locate_embedder(sys.argv[1]))\nexcept InputError as error: sys.exit(f'InputError: {error}')"
    )
    command = [sys.executable, "-c", code, name]
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=60)


def test_default_is_the_published_model() -> None:
    """The default embedder is found in the installed package, with the published weights."""
    folder = locate_embedder()
    assert locate_module._sha256(folder / "model.safetensors") == (
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    )


def test_altered_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a byte of the package's weights differs from the published ones, the default embedder is refused."""
    copy = tmp_path / "model"
    shutil.copytree(locate_embedder(), copy)
    with (copy / "model.safetensors").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last[0] ^ 1]))
    monkeypatch.setattr(locate_module, "_packaged", lambda: copy)
    with pytest.raises(InputError, match="isn't the published"):
        locate_embedder(DEFAULT_EMBEDDER)


def test_missing_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package without its weights is told as such."""
    monkeypatch.setattr(locate_module, "_packaged", lambda: tmp_path)
    with pytest.raises(InputError, match="the file is missing"):
        locate_embedder(DEFAULT_EMBEDDER)


def test_local_path_is_used_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that exists is taken without asking a hub, also if its name could be a hub id."""
    (tmp_path / "org" / "model").mkdir(parents=True)
    (tmp_path / "org" / "model" / "config.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(locate_module, "_from_hub", lambda name: pytest.fail("asked the hub"))
    assert locate_embedder("org/model") == Path("org/model")
    assert locate_embedder(str(tmp_path / "org" / "model")) == tmp_path / "org" / "model"


def test_folder_without_a_model(tmp_path: Path) -> None:
    """A folder that holds no model is told as such."""
    with pytest.raises(InputError, match=r"no config\.json"):
        locate_embedder(str(tmp_path))


@pytest.mark.parametrize("name", ["./typo", "/no/such/folder", "~/typo", "a/b/c", "..\\typo"])
def test_path_that_is_none(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path that doesn't exist is an error at once, without asking a hub for it."""
    monkeypatch.setattr(locate_module, "_from_hub", lambda name: pytest.fail("asked the hub"))
    with pytest.raises(InputError, match="no such folder"):
        locate_embedder(name)


def test_hub_id_from_the_hub_cache(tmp_path: Path) -> None:
    """A hub id is resolved by the real hub client, here from its local cache without a network."""
    repository = tmp_path / "models--org--name"
    snapshot = repository / "snapshots" / ("0" * 40)
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("0" * 40)
    shutil.copytree(locate_embedder(), snapshot)
    answer = locate_in_a_new_process("org/name", HF_HUB_CACHE=str(tmp_path), HF_HUB_OFFLINE="1")
    assert (answer.stdout.strip(), answer.stderr) == (str(snapshot), "")
    assert model_hash(snapshot) == model_hash(locate_embedder())


@pytest.mark.parametrize("name", ["org/name", "not a name"])
def test_hub_id_that_cannot_be_had(name: str, tmp_path: Path) -> None:
    """A hub id that is neither cached nor reachable is one clear message that names the way out."""
    answer = locate_in_a_new_process(name, HF_HUB_CACHE=str(tmp_path), HF_HUB_OFFLINE="1")
    assert answer.stderr.startswith("InputError: The embedder")
    assert DEFAULT_EMBEDDER in answer.stderr
    assert "Traceback" not in answer.stderr


def test_embedder_hash_covers_every_file(tmp_path: Path) -> None:
    """A change of weights, of the configuration or of a file in a nested folder changes the embedder's hash."""
    (tmp_path / "1_Pooling").mkdir()
    hashes = []
    for name in ("model.safetensors", "config.json", "1_Pooling/config.json"):
        (tmp_path / name).write_text(json.dumps({"a": 1}))
        hashes.append(model_hash(tmp_path))
        (tmp_path / name).write_text(json.dumps({"a": 2}))
        hashes.append(model_hash(tmp_path))
    assert len(set(hashes)) == 6


def test_embedder_hash_ignores_place_and_hidden_files(tmp_path: Path) -> None:
    """Copies of a model have one hash, whatever lies hidden beside them."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")
    (tmp_path / "two" / ".cache").mkdir()
    (tmp_path / "two" / ".cache" / "lock").touch()
    assert model_hash(tmp_path / "one") == model_hash(tmp_path / "two")
