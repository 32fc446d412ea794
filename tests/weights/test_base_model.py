import json
import shutil
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM
from transformers.utils import logging

from harness.errors import InputError
from harness.weights import (
    Base,
    Example,
    Hardware,
    Recipe,
    Stage,
    derive,
    load_model,
    load_tokenizer,
    locate_base,
    parameters,
    restore,
    window,
)

CPU = {"dtype": torch.float32, "device": torch.device("cpu")}


@pytest.fixture
def folder(llama_folder: Path, tmp_path: Path) -> Path:
    """A copy of the base to be broken."""
    return shutil.copytree(llama_folder, tmp_path / "broken")


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Blocks sockets and lists what was tried; the hub is not told that it is offline."""
    tried: list[Any] = []

    def refuse(*arguments: Any, **_: Any) -> None:
        tried.append(arguments)
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    return tried


def edit_config(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_local_base_needs_no_network(
    no_network: list[Any],
    llama_folder: Path,
    tmp_path: Path,
    hardware: Hardware,
    examples: list[Example],
    full: Recipe,
    lora: Recipe,
) -> None:
    """Locating, loading, training and restoring a local model opens no connection."""
    base = locate_base(str(llama_folder))
    load_tokenizer(base)
    window(base)
    parameters(base)
    for recipe in (full, lora):
        (tmp_path / recipe.name).mkdir()
        derive(recipe, base, hardware, examples, tmp_path / recipe.name, seed=0)
        restore([Stage(recipe, tmp_path / recipe.name)], base, hardware, 0.5)
    assert no_network == []


def test_an_unknown_hub_id_without_network_is_told_at_once(no_network: list[Any]) -> None:
    """A hub id that can't be fetched is an InputError within seconds, not after retries."""
    started = time.perf_counter()
    with pytest.raises(InputError, match=r"nobody/no-such-model: .*Check the spelling or the network"):
        locate_base("nobody/no-such-model")
    assert time.perf_counter() - started < 10
    assert no_network


@pytest.mark.parametrize("name", ["./absent/folder", "/absent/folder", "a/b/c", "a b"])
def test_what_is_neither_folder_nor_hub_id_is_refused(name: str, no_network: list[Any]) -> None:
    """A path that doesn't exist is never looked up on a hub."""
    with pytest.raises(InputError, match="no such model folder"):
        locate_base(name)
    assert no_network == []


@pytest.mark.parametrize("absent", ["config.json", "model.safetensors"])
def test_a_folder_without_config_or_weights_is_no_base(folder: Path, absent: str) -> None:
    """Both a config.json and safetensors weights are needed."""
    (folder / absent).unlink()
    with pytest.raises(InputError, match=r"no base model: a config\.json and model\.safetensors"):
        locate_base(str(folder))


def test_pickled_weights_are_refused(folder: Path) -> None:
    """Weights in a .bin file are not read, and the message says why."""
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(InputError, match=r"Pickled weights \(pytorch_model\.bin\) are not read"):
        locate_base(str(folder))


def test_a_base_with_an_adapter_beside_it_is_refused(folder: Path) -> None:
    """transformers would silently load the adapter, and the base would not be the base."""
    (folder / "adapter_config.json").write_text("{}")
    with pytest.raises(InputError, match="holds an adapter"):
        locate_base(str(folder))


def test_code_in_the_model_folder_is_not_run(folder: Path) -> None:
    """A model that needs its own code is refused without a question at the terminal, and its code is not run."""
    (folder / "evil.py").write_text("from pathlib import Path\nPath(__file__).with_name('ran').touch()\n")
    edit_config(folder, model_type="evil", auto_map={"AutoConfig": "evil.C", "AutoModelForCausalLM": "evil.M"})
    base = locate_base(str(folder))
    for load in (lambda: load_model(base, **CPU), lambda: window(base), lambda: parameters(base)):
        with pytest.raises(InputError):
            load()
    assert not (folder / "ran").exists()


def truncated(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:2000])


def lacking_layers(folder: Path) -> None:
    edit_config(folder, num_hidden_layers=3)


def other_shapes(folder: Path) -> None:
    edit_config(folder, intermediate_size=48)


def broken_config(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "llama"')


def unknown_architecture(folder: Path) -> None:
    edit_config(folder, model_type="unheard-of")


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (truncated, "can't be loaded as a causal language model"),
        (lacking_layers, "9 weights are absent"),
        (other_shapes, "6 weights have another shape"),
        (broken_config, "can't be loaded as a causal language model"),
        (unknown_architecture, "can't be loaded as a causal language model"),
    ],
)
def test_a_damaged_model_is_one_clear_message(folder: Path, damage: Callable[[Path], None], told: str) -> None:
    """Weights that are cut, absent or of another shape are an InputError; nothing is filled at random."""
    damage(folder)
    with pytest.raises(InputError, match=told):
        load_model(locate_base(str(folder)), **CPU)


@pytest.mark.parametrize("content", ["{}", "no json", '{"model": {"type": "BPE"}}', None])
def test_a_damaged_tokenizer_is_one_clear_message(folder: Path, content: str | None) -> None:
    """Whatever is wrong with the tokenizer's file, it is an InputError."""
    if content is None:
        (folder / "tokenizer.json").unlink()
    else:
        (folder / "tokenizer.json").write_text(content)
    with pytest.raises(InputError, match="its tokenizer can't be loaded"):
        load_tokenizer(locate_base(str(folder)))


def test_loading_is_silent(base: Base, capfd: pytest.CaptureFixture[str]) -> None:
    """Nothing is printed while a model loads, and transformers' own settings are as before."""
    bar, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
    load_model(base, **CPU)
    assert capfd.readouterr() == ("", "")
    assert (logging.is_progress_bar_enabled(), logging.get_verbosity()) == (bar, verbosity)


def test_a_loaded_model_does_not_drop_out(base: Base) -> None:
    """The base comes in evaluation mode."""
    assert not load_model(base, **CPU).training


def test_half_precision_files_load_as_float32(llama_folder: Path, tmp_path: Path) -> None:
    """Weights stored in float16 are computed with in the asked format, unchanged in value."""
    model = AutoModelForCausalLM.from_pretrained(llama_folder, dtype=torch.float16)
    model.save_pretrained(tmp_path)
    loaded = load_model(locate_base(str(tmp_path)), **CPU)
    for name, half in model.named_parameters():
        parameter = loaded.get_parameter(name)
        assert parameter.dtype == torch.float32
        assert torch.equal(parameter, half.float())


def test_parameters_count_tied_weights_once(folder: Path) -> None:
    """The count is the model's own, also where the file holds the tied output weights a second time."""
    weights = load_file(folder / "model.safetensors")
    expected = sum(tensor.numel() for tensor in weights.values())
    assert parameters(locate_base(str(folder))) == expected
    weights["lm_head.weight"] = weights["model.embed_tokens.weight"].clone()
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    assert parameters(locate_base(str(folder))) == expected


def test_the_window_is_what_the_configuration_says(base: Base) -> None:
    """The window is max_position_embeddings, in tokens."""
    assert window(base) == 64


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json", "chat_template.jinja"])
def test_every_file_that_matters_is_in_the_hash(folder: Path, name: str) -> None:
    """One byte more in weights, configuration, tokenizer or chat template is another base."""
    before = locate_base(str(folder)).hash
    with (folder / name).open("ab") as file:
        file.write(b" ")
    assert locate_base(str(folder)).hash != before


def test_the_same_files_elsewhere_are_the_same_base(folder: Path, base: Base) -> None:
    """The hash doesn't depend on where the folder lies."""
    assert locate_base(str(folder)).hash == base.hash
