"""Model repositories are anybody's: what lies in one runs nothing, unless its name was given twice."""

import json
import pickle
import shutil
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

OWN_CODE = """
from pathlib import Path

from transformers import LlamaConfig, LlamaForCausalLM

Path({ran!r}).touch()


class OwnConfig(LlamaConfig):
    model_type = "own"


class OwnModel(LlamaForCausalLM):
    config_class = OwnConfig
"""
ESCAPES = (
    "{{ messages.__class__.__base__.__subclasses__() }}",
    "{{ cycler.__init__.__globals__.os.system('touch RAN') }}",
    "{% include '/etc/passwd' %}",
    "{{ messages.append(1) }}",
)


class Touches:
    """A pickle that touches a file as it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.fixture
def ran(tmp_path: Path) -> Path:
    """A file that is there only if something hostile was run."""
    return tmp_path / "RAN"


@pytest.fixture
def model(tiny_base: Path, tmp_path: Path) -> Path:
    """A copy of the base to be made hostile."""
    return shutil.copytree(tiny_base, tmp_path / "model")


@pytest.fixture
def with_code(model: Path, ran: Path) -> Path:
    """A base that can't be built without the Python code in its folder."""
    (model / "own.py").write_text(OWN_CODE.format(ran=str(ran)), encoding="utf-8")
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.OwnConfig", "AutoModelForCausalLM": "own.OwnModel"}}
    (model / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return model


def test_code_of_a_base_is_not_run(harness, suite, with_code, ran):
    """A base with code of its own is refused, and the message says how it could be trusted."""
    code, _, told = harness("compare", suite, "--model", with_code, "--contexts", "zero-shot", "--weights", "base")
    assert (code, "--trust-code" in told) == (2, True)
    assert not ran.exists()


def test_code_of_a_base_that_is_trusted_by_name_is_run_and_recorded(harness, suite, with_code, ran):
    """Named once more it runs, the run's record says so, and no export repeats it."""
    asked = ("--model", with_code, "--contexts", "zero-shot", "--weights", "base", "--limit", "1")
    assert harness("compare", suite, *asked, "--trust-code", with_code, "--out", "run")[0] == 0
    assert ran.exists()
    recorded = json.loads(Path("run/run.json").read_text(encoding="utf-8"))
    assert recorded["config"]["trust_code"] == [str(with_code)]
    ran.unlink()
    code, _, told = harness("export", "run", "base/zero-shot", "exported")
    assert (code, "code of its own" in told) == (2, True)
    assert not ran.exists()


def test_no_other_model_is_trusted(harness, suite, with_code, ran):
    """A name that isn't exactly the base's is a mistake that is told."""
    code, _, told = harness("compare", suite, "--model", with_code, "--trust-code", "model")
    assert (code, "not the base model" in told) == (2, True)
    assert not ran.exists()


def test_pickled_weights_are_never_read(harness, suite, model, ran):
    """Weights that are a pickle are refused, whatever it would do."""
    (model / "model.safetensors").unlink()
    (model / "pytorch_model.bin").write_bytes(pickle.dumps(Touches(ran)))
    code, _, told = harness("compare", suite, "--model", model)
    assert (code, "Pickled weights" in told) == (2, True)
    assert not ran.exists()


@pytest.mark.parametrize("template", ESCAPES, ids=["classes", "globals", "include", "change"])
def test_a_chat_template_stays_in_its_sandbox(harness, suite, model, ran, template):
    """A template that reaches for more than its messages is an error; nothing is run, nothing read."""
    (model / "chat_template.jinja").write_text(template.replace("RAN", str(ran)), encoding="utf-8")
    code, _, told = harness("compare", suite, "--model", model, "--contexts", "zero-shot", "--weights", "base")
    assert code == 2, told
    assert "root:" not in told
    assert not ran.exists()


def test_weights_lie_in_the_folder_of_the_model(harness, suite, model, tmp_path):
    """An index can't take weights from elsewhere: they would be no part of the model's hash."""
    save_file(load_file(model / "model.safetensors"), tmp_path / "elsewhere.safetensors", metadata={"format": "pt"})
    names = list(load_file(model / "model.safetensors"))
    (model / "model.safetensors").unlink()
    index = {"metadata": {}, "weight_map": dict.fromkeys(names, "../elsewhere.safetensors")}
    (model / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    code, _, told = harness("compare", suite, "--model", model)
    assert (code, "no file of that folder" in told) == (2, True)


def test_a_suite_brings_its_base_or_none(harness, suite, model):
    """The base that a suite names lies inside of it, wherever its path would lead."""
    settings = yaml.safe_load((suite / "suite.yaml").read_text(encoding="utf-8"))
    settings["base"] = {"model": f"../{model.name}"}
    (suite / "suite.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    code, _, told = harness("compare", suite, "--contexts", "zero-shot", "--weights", "base")
    assert (code, "lies outside the suite" in told) == (2, True)


@pytest.mark.parametrize("what", ["code", "pickle"])
def test_an_embedder_runs_nothing(harness, suite, tiny_base, tmp_path, ran, what):
    """Neither code nor pickles of an embedder are run."""
    folder = tmp_path / "embedder"
    folder.mkdir()
    (folder / "config.json").write_text("{}", encoding="utf-8")
    kind = "evil.Module" if what == "code" else "sentence_transformers.models.Transformer"
    (folder / "modules.json").write_text(json.dumps([{"idx": 0, "name": "0", "path": "", "type": kind}]))
    (folder / "evil.py").write_text(OWN_CODE.format(ran=str(ran)), encoding="utf-8")
    if what == "pickle":
        torch.save({"weight": Touches(ran)}, folder / "pytorch_model.bin")
    Path("ask.yaml").write_text(yaml.safe_dump({"embedder": str(folder)}), encoding="utf-8")
    code, _, told = harness("compare", suite, "--model", tiny_base, "--contexts", "rag-1", "--config", "ask.yaml")
    assert code == 2, told
    assert not ran.exists()
