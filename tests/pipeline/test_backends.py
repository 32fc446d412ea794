"""How a base is held and what answers for it: refused early where it can't be, recorded, and part of what is cached."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from harness.errors import InputError
from harness.inference.vllm_backend import Adapter
from harness.pipeline import backends, vllm_models
from harness.pipeline.backends import backend_identity, beside_base, check_backend
from harness.pipeline.config import CompareConfig
from harness.pipeline.plan import Plan, make_plan
from harness.pipeline.record import signature
from harness.pipeline.vllm_models import VllmModels
from harness.variants import Weights
from harness.weights import Example, Stage, derive, load_tokenizer, restore
from harness.weights.proofs import logits


def plan(**request: Any) -> Plan:
    return make_plan(CompareConfig(suite="pocket", contexts=("zero-shot",), **{"weights": ("base",), **request}))


@pytest.fixture
def vllm(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if vLLM were installed; nothing of it is called."""
    monkeypatch.setattr(backends, "check_vllm", lambda: None)


@pytest.mark.parametrize("how", [{"load_in": "4bit"}, {"load_in": "8bit"}, {"device_map": "auto"}])
def test_what_changes_the_bases_own_weights_is_refused(how: dict[str, str]) -> None:
    """All such variants are told at once, before anything is built."""
    pytest.importorskip("bitsandbytes")
    with pytest.raises(InputError) as caught:
        plan(weights=("base", "full", "lora>lora", "lora@soup"), seeds=2, **how)
    assert all(told in str(caught.value) for told in ("full: ", "lora>lora: ", "lora@soup: "))
    assert len(plan(weights=("base", "lora", "lora@0.5"), **how).variants) == 3


def test_how_the_base_is_held_is_recorded() -> None:
    """Bits stand in the signature and in the keys of artifacts; where layers lie does not, since it changes nothing."""
    pytest.importorskip("bitsandbytes")
    plain, few, spread = plan(), plan(load_in="4bit"), plan(device_map="auto", max_memory={"cpu": "1GiB"})
    told = [signature(one, None) for one in (plain, few, spread)]  # type: ignore[arg-type]
    assert told[0] == told[2]
    assert "load_in:4bit" in told[1]
    assert plain.hardware.identity == spread.hardware.identity != few.hardware.identity
    assert spread.hardware.spread
    assert spread.hardware.max_memory == {"cpu": "1GiB"}


def test_a_limit_without_spreading_is_refused() -> None:
    """It would be silently ignored."""
    with pytest.raises(InputError, match="Add `device_map: auto`"):
        plan(max_memory={"cpu": "1GiB"})


def test_vllm_that_is_absent_is_told() -> None:
    """With the command that installs it."""
    with pytest.raises(InputError, match=r"pip install \"harness\[vllm\]\""):
        plan(backend="vllm")


@pytest.mark.usefixtures("vllm")
def test_vllm_refuses_what_it_cannot_compute() -> None:
    """All such weights at once, and bits that it would round otherwise; plain weights and LoRA it takes."""
    with pytest.raises(InputError, match=r"prompt \(.*\), loreft \(.*\): it takes plain weights and LoRA adapters"):
        plan(backend="vllm", weights=("base", "prompt", "lora", "loreft"))
    with pytest.raises(InputError, match="Leave one of the two out"):
        plan(backend="vllm", load_in="4bit")
    made = plan(backend="vllm", weights=("base", "lora", "full@0.5", "dora"))
    check_backend("vllm", made.variants, made.recipes, made.hardware)
    assert "backend:vllm" in signature(made, None)  # type: ignore[arg-type]


def test_only_whole_lora_adapters_go_beside_vllms_base() -> None:
    """Everything else is merged."""
    recipes = plan(weights=("lora", "full", "dora", "lora>lora", "lora@soup"), seeds=2).recipes
    assert beside_base(Weights("lora"), None, recipes)
    assert beside_base(Weights("lora", 1.0), 1.0, recipes)
    others = [Weights("lora", 0.5), Weights("full"), Weights("dora"), Weights("lora>lora"), Weights("lora", "soup")]
    assert not any(beside_base(one, one.alpha if isinstance(one.alpha, float) else None, recipes) for one in others)


def test_a_backends_version_is_part_of_what_is_cached() -> None:
    """The engine's is its own code, which every key has."""
    assert backend_identity("engine") == "engine"
    assert "vllm" in str(backend_identity("vllm"))


@pytest.mark.usefixtures("vllm")
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_vllm_is_given_the_right_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Base and LoRA share one; an alpha and full weights are merged, and have one of their own, its folder gone after.

    In vLLM's place stands a function that loads the folder with transformers and keeps what it was told.
    """
    made = plan(backend="vllm", weights=("base", "lora", "lora@0.5", "full"))
    quick = {"learning_rate": 1e-3, "epochs": 1, "batch_size": 2}
    recipes = {
        name: recipe.model_copy(update={"training": recipe.training.model_copy(update=quick)})
        for name, recipe in made.recipes.items()
    }
    stages = {}
    for name, recipe in recipes.items():
        (tmp_path / name).mkdir()
        examples = [Example((5, 6, 7), (8, 9)), Example((5, 7), (10, 9))]
        derive(recipe, made.base, made.hardware, examples, tmp_path / name, seed=0)
        stages[name] = Stage(recipe, tmp_path / name)
    loads: list[dict[str, Any]] = []

    def load(folder: Path, tokenizer: Path, **told: Any) -> Any:
        loads.append({"folder": folder, **told})
        return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()

    monkeypatch.setattr(vllm_models, "load", load)
    monkeypatch.setattr(vllm_models, "_held", vllm_models._Held())
    prompts = [[5, 6, 7], [5, 7]]

    def given(weights: Weights, alpha: float | None, *trained: Stage) -> Any:
        models = VllmModels(made, load_tokenizer(made.base), weights, [list(trained)] if trained else [])
        return models.backend(alpha, [str(weights), alpha])

    base, lora = given(Weights(), None), given(Weights("lora"), None, stages["lora"])
    assert base._llm is lora._llm
    assert (base._adapter, lora._adapter) == (None, Adapter("lora", 1, tmp_path / "lora"))
    assert loads[0]["ranks"] == [recipes["lora"].settings.get("rank", 16)]
    for weights, alpha, name in ((Weights("lora", 0.5), 0.5, "lora"), (Weights("full"), None, "full")):
        found = given(weights, alpha, stages[name])
        right = restore([stages[name]], made.base, made.hardware, alpha)
        torch.testing.assert_close(logits(found._llm, prompts), logits(right, prompts), rtol=0, atol=1e-4)
        assert loads[-1]["ranks"] == ()
        assert not loads[-1]["folder"].exists()
    assert len(loads) == 3
