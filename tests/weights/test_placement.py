"""A base in few bits, or spread over devices, with everything that is trained beside it."""

from pathlib import Path
from typing import Any

import pytest
import torch

from harness.errors import InputError
from harness.inference import Engine
from harness.weights import (
    METHODS,
    Base,
    Example,
    Hardware,
    Recipe,
    Stage,
    check_placed,
    derive,
    load_base,
    load_tokenizer,
    read_record,
    restore,
    restore_to_answer,
)
from harness.weights.methods.peft_method import PeftMethod
from harness.weights.proofs import logits

CPU = torch.device("cpu")
FEW = {bits: Hardware(CPU, torch.float32, load_in=bits) for bits in ("4bit", "8bit")}
SPREAD = Hardware(CPU, torch.float32, spread=True)
TO_DISK = Hardware(CPU, torch.float32, spread=True, max_memory={"cpu": "30KB"})
REFUSED = ("dora", "dpo")
BESIDE = [name for name, method in METHODS.items() if isinstance(method, PeftMethod) and name not in REFUSED]
PROMPTS = [[20, 21, 22], [20, 33, 40, 41, 42, 43, 44]]

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")


@pytest.mark.parametrize("bits", FEW)
def test_few_bits_are_near_the_base_and_take_less(base: Base, hardware: Hardware, bits: str) -> None:
    """Linear layers are held in so many bits, the numbers move a little, and each row is computed by itself."""
    pytest.importorskip("bitsandbytes")
    plain, few = load_base(base, hardware), load_base(base, FEW[bits])
    apart = (logits(plain, PROMPTS) - logits(few, PROMPTS)).abs().max().item()
    assert 0 < apart < {"4bit": 0.3, "8bit": 0.02}[bits]
    tokenizer = load_tokenizer(base)
    assert Engine(few, tokenizer).weight_bytes < Engine(plain, tokenizer).weight_bytes
    with torch.inference_mode():
        beside = few(input_ids=torch.tensor([PROMPTS[0], [90, 91, 92]])).logits[0, -1]
    assert beside == pytest.approx(logits(few, PROMPTS[:1])[0], abs=1e-6)


@pytest.mark.parametrize("hardware", [SPREAD, TO_DISK], ids=["one device", "to disk"])
def test_a_spread_base_gives_the_same_numbers(base: Base, hardware: Hardware) -> None:
    """Where a layer lies changes no bit."""
    plain, spread = load_base(base, Hardware(CPU, torch.float32)), load_base(base, hardware)
    assert any(weight.is_meta for weight in spread.parameters()) == (hardware is TO_DISK)
    assert torch.equal(logits(plain, PROMPTS), logits(spread, PROMPTS))


@pytest.mark.parametrize("bits", FEW)
@pytest.mark.parametrize("name", BESIDE)
def test_adapters_learn_beside_few_bits(
    name: str, bits: str, base: Base, recipes: dict[str, Recipe], examples: list[Example], tmp_path: Path
) -> None:
    """Each adapter is trained, proved, stored and restored beside the base in few bits, and answers as it learnt."""
    pytest.importorskip("bitsandbytes")
    recipe, hardware = recipes[name], FEW[bits]
    if (name, bits) == ("qlora", "8bit"):
        with pytest.raises(InputError, match="loaded in other bits"):
            derive(recipe, base, hardware, examples, tmp_path, seed=0)
        return
    derive(recipe, base, hardware, examples, tmp_path, seed=0)
    proofs = read_record(tmp_path)["proofs"]
    assert all(proof["holds"] for proof in proofs)
    assert not any("merged" in proof["claim"] for proof in proofs)
    stages = [Stage(recipe, tmp_path)]
    whole, answering = restore(stages, base, hardware), restore_to_answer(stages, base, hardware)
    assert torch.equal(logits(whole, PROMPTS), logits(answering, PROMPTS))
    assert type(answering).__name__ == type(whole).__name__, "an adapter was folded into weights in few bits"
    assert not torch.equal(logits(whole, PROMPTS), logits(load_base(base, hardware), PROMPTS))


def test_an_adapter_learns_beside_a_spread_base(
    base: Base, recipes: dict[str, Recipe], examples: list[Example], tmp_path: Path
) -> None:
    """Where the devices hold the whole base, an adapter has the same bytes as beside a base on one device."""
    made = {}
    for name, hardware in {"plain": Hardware(CPU, torch.float32), "spread": SPREAD}.items():
        (tmp_path / name).mkdir()
        derive(recipes["lora"], base, hardware, examples, tmp_path / name, seed=0)
        made[name] = (tmp_path / name / "adapter_model.safetensors").read_bytes()
    assert made["plain"] == made["spread"]


def test_nothing_learns_beside_a_base_on_the_disk(
    base: Base, recipes: dict[str, Recipe], examples: list[Example], tmp_path: Path
) -> None:
    """Weights that lie on the disk meanwhile can't be trained beside: that is told with a remedy."""
    with pytest.raises(InputError, match=r"no room for the whole base.*--load-in 4bit"):
        derive(recipes["lora"], base, TO_DISK, examples, tmp_path, seed=0)


@pytest.mark.parametrize(
    ("names", "mean", "told"),
    [
        (["full"], False, "changes the base's own weights"),
        (["freeze"], False, "changes the base's own weights"),
        (["lora", "lora"], False, "merged into the base's weights"),
        (["lora"], True, "merged into the base's weights"),
        (["lora"], False, None),
        ([], False, None),
    ],
)
@pytest.mark.parametrize("hardware", [FEW["4bit"], SPREAD], ids=["few bits", "spread"])
def test_what_needs_the_bases_own_weights_is_refused(
    names: list[str], mean: bool, told: str | None, hardware: Hardware, recipes: dict[str, Recipe]
) -> None:
    """Before anything is built; beside a plain base nothing is."""
    chain = [recipes[name] for name in names]
    check_placed(chain, Hardware(CPU, torch.float32), mean=mean)
    if told is None:
        check_placed(chain, hardware, mean=mean)
        return
    with pytest.raises(InputError, match=told):
        check_placed(chain, hardware, mean=mean)


def test_qlora_beside_eight_bits_is_refused_before_anything_is_built(recipes: dict[str, Recipe]) -> None:
    """Its own four bits would be others than those that the base answers in."""
    check_placed([recipes["qlora"]], FEW["4bit"])
    with pytest.raises(InputError, match="qlora: QLoRA trains beside a base in four bits"):
        check_placed([recipes["qlora"]], FEW["8bit"])


@pytest.mark.parametrize("name", REFUSED)
def test_methods_that_few_bits_would_change_are_refused(name: str, recipes: dict[str, Recipe]) -> None:
    """With what would go wrong; spread over devices they are trained."""
    with pytest.raises(InputError, match=r"can't be trained with --load-in 8bit: .*Train lora"):
        check_placed([recipes[name]], FEW["8bit"])
    check_placed([recipes[name]], SPREAD)


def test_bitsandbytes_that_is_absent_is_told(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that installs it."""
    monkeypatch.setattr("harness.weights.quantised.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install \"harness\[qlora\]\""):
        load_base(base, FEW["4bit"])


def test_identity_is_what_numbers_depend_on() -> None:
    """Bits, device and number format, and not how the base is spread."""
    plain: Any = Hardware(CPU, torch.float32)
    assert SPREAD.identity == TO_DISK.identity == plain.identity
    assert len({str(one.identity) for one in (plain, *FEW.values(), Hardware(CPU, torch.bfloat16))}) == 4
