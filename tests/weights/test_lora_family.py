import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from harness.errors import InputError
from harness.weights import (
    Base,
    Example,
    Hardware,
    Recipe,
    Stage,
    derive,
    load_model,
    method_of,
    read_record,
    restore,
    restore_to_answer,
)
from harness.weights.methods.lora import lora_layers
from harness.weights.methods.qlora import Qlora
from harness.weights.proofs import logits
from harness.weights.quantised import dense, dequantise, is_quantised, quantise

PROMPTS = [[20, 21, 22, 30], [40], [5, 6, 7, 8, 9, 10, 11]]
NF4 = [  # appendix E of Dettmers et al. 2023
    *(-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635),
    *(-0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725),
    *(0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0),
]


@pytest.fixture(scope="module")
def folders(
    base: Base,
    hardware: Hardware,
    examples: list[Example],
    recipes: dict[str, Recipe],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Path]:
    """What was trained, by recipe."""
    made = {name: tmp_path_factory.mktemp(name) for name in ("rslora", "dora", "qlora")}
    for name, folder in made.items():
        derive(recipes[name], base, hardware, examples, folder, seed=0)
    return made


@pytest.fixture
def plain(base: Base, hardware: Hardware) -> Any:
    """A fresh base."""
    return load_model(base, dtype=hardware.dtype, device=hardware.device)


def four_bits(base: Base, hardware: Hardware, *, double: bool = True) -> Any:
    return quantise(load_model(base, dtype=hardware.dtype, device=hardware.device), double=double)


def parts(folder: Path, weight: str) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor] | None:
    """B, A and the magnitude that DoRA learnt for `weight`, float64, or None if it wasn't adapted."""
    stored = {name: tensor.double() for name, tensor in load_file(folder / "adapter_model.safetensors").items()}
    key = f"base_model.model.{weight.removesuffix('.weight')}.lora_"
    if f"{key}A.weight" not in stored:
        return None
    return stored[f"{key}B.weight"], stored[f"{key}A.weight"], stored[f"{key}magnitude_vector"]


@pytest.mark.parametrize("name", ["rslora", "dora"])
def test_answers_come_from_merged_weights(
    base: Base, hardware: Hardware, recipes: dict[str, Recipe], folders: dict[str, Path], name: str
) -> None:
    """What answers is a plain model, the same within rounding as the adapter beside the base."""
    stages = [Stage(recipes[name], folders[name])]
    answering = restore_to_answer(stages, base, hardware)
    assert not isinstance(answering, PeftModel)
    assert torch.allclose(logits(answering, PROMPTS), logits(restore(stages, base, hardware), PROMPTS), atol=1e-4)


def test_a_quantised_base_answers_as_it_is(
    base: Base, hardware: Hardware, recipes: dict[str, Recipe], folders: dict[str, Path]
) -> None:
    """QLoRA's base stays in four bits."""
    assert isinstance(restore_to_answer([Stage(recipes["qlora"], folders["qlora"])], base, hardware), PeftModel)


@pytest.mark.parametrize(("rank", "scale"), [(4, 1.5), (16, 0.75)])
def test_rslora_divides_by_the_root_of_the_rank(
    base: Base, hardware: Hardware, recipes: dict[str, Recipe], rank: int, scale: float, plain: Any
) -> None:
    """The scale of every delta is alpha / sqrt(rank), here of alpha 3, where LoRA's is alpha / rank."""
    for name, expected in (("rslora", scale), ("lora", 3 / rank)):
        method, _ = method_of(recipes[name])
        model = load_model(base, dtype=hardware.dtype, device=hardware.device)
        adapted: Any = method.attach(model, method.settings(rank=rank, alpha=3))
        assert {layer.scaling["default"] for layer in lora_layers(adapted)} == {expected}


@pytest.mark.parametrize("alpha", [0.0, 0.25, 0.5, 0.9])
def test_dora_is_on_the_line_to_its_merged_weights(
    base: Base, hardware: Hardware, recipes: dict[str, Recipe], folders: dict[str, Path], plain: Any, alpha: float
) -> None:
    """dora@alpha has the weights (1 - alpha) W + alpha m (W + s B A) / |W + s B A|, row by row (equation 5)."""
    model = restore([Stage(recipes["dora"], folders["dora"])], base, hardware, alpha)
    weights, changed = dict(model.named_parameters()), 0
    for name, parameter in plain.named_parameters():
        expected = parameter.detach().double()
        if adapted := parts(folders["dora"], name):
            up, down, magnitude = adapted
            direction = expected + 6 / 4 * up @ down
            merged = magnitude[:, None] * direction / direction.norm(dim=1, keepdim=True)
            expected = (1 - alpha) * expected + alpha * merged
            changed += 1
        tolerance = 0 if alpha == 0 else 1e-6
        torch.testing.assert_close(weights[name].double(), expected, rtol=0, atol=tolerance)
    assert changed == 14, "seven linear layers in each of two blocks"


def test_scaling_doras_parts_is_another_model(
    base: Base, hardware: Hardware, recipes: dict[str, Recipe], folders: dict[str, Path]
) -> None:
    """Half the low-rank scale (peft #1940) isn't half-way, and nothing of it gives the base: the magnitudes stay."""
    stages = [Stage(recipes["dora"], folders["dora"])]

    def naive(alpha: float) -> torch.Tensor:
        model = restore(stages, base, hardware)
        for layer in lora_layers(model):
            layer.scaling["default"] *= alpha
        return logits(model, PROMPTS)

    for alpha in (0.0, 0.5):
        ours = logits(restore(stages, base, hardware, alpha), PROMPTS)
        assert (naive(alpha) - ours).abs().max() > 1e-3
    assert torch.equal(naive(1.0), logits(restore(stages, base, hardware), PROMPTS))


def test_dora_at_alpha_1_is_not_merged(
    base: Base, hardware: Hardware, recipes: dict[str, Recipe], folders: dict[str, Path]
) -> None:
    """At 1 it is what was trained, parts and all; below it is a plain model of the base's architecture."""
    stages = [Stage(recipes["dora"], folders["dora"])]
    assert isinstance(restore(stages, base, hardware, 1.0), PeftModel)
    below = restore(stages, base, hardware, 0.5)
    assert not isinstance(below, PeftModel)
    assert {type(layer) for layer in below.modules() if "proj" in type(layer).__name__.lower()} == set()
    assert (
        below.state_dict().keys() == load_model(base, dtype=hardware.dtype, device=hardware.device).state_dict().keys()
    )


def test_linear_layers_are_in_four_bits_and_nothing_else(base: Base, hardware: Hardware, plain: Any) -> None:
    """Seven layers in each of two blocks are bytes of two weights; embeddings, norms and head keep their format."""
    model = four_bits(base, hardware)
    names = {f"{name}.weight" for name, layer in model.named_modules() if is_quantised(layer)}
    assert len(names) == 14
    for name, parameter in plain.named_parameters():
        here = model.get_parameter(name)
        if name in names:
            assert (here.dtype, here.numel()) == (torch.uint8, parameter.numel() / 2)
        else:
            assert torch.equal(here, parameter)
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight


def wide() -> Any:
    """A Llama with rows of 64 and of 96 weights: of one block of scales, and of one and a half."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 1, "num_attention_heads": 2}
    return LlamaForCausalLM(LlamaConfig(vocab_size=16, **sizes)).eval()


def test_quantised_weights_are_the_nearest_of_sixteen() -> None:
    """Each weight is the level of NF4 nearest to it, times the largest of its block of 64 (without double scales)."""
    model, levels = dequantise(quantise(wide(), double=False)), torch.tensor(NF4, dtype=torch.float64)
    for name in ("self_attn.q_proj", "mlp.up_proj", "mlp.down_proj"):
        weight = f"model.layers.0.{name}.weight"
        blocks = wide().get_parameter(weight).detach().double().reshape(-1, 64)
        largest = blocks.abs().amax(dim=1, keepdim=True)
        nearest = levels[(blocks[..., None] / largest[..., None] - levels).abs().argmin(-1)] * largest
        ours = model.get_parameter(weight).double().reshape(-1, 64)
        torch.testing.assert_close(ours, nearest, rtol=0, atol=1e-7)


def test_double_quantisation_moves_weights_a_little() -> None:
    """Scales in 8 bits change a block's weights by one factor, within a few percent."""
    single, double = (dequantise(quantise(wide(), double=double)) for double in (False, True))
    for name in ("self_attn.q_proj", "mlp.down_proj"):
        weight = f"model.layers.0.{name}.weight"
        before, after = (model.get_parameter(weight).double().reshape(-1, 64) for model in (single, double))
        factors = after.abs().amax(dim=1) / before.abs().amax(dim=1)
        torch.testing.assert_close(after, before * factors[:, None], rtol=1e-5, atol=1e-8)
        assert 0 < (factors - 1).abs().max() < 0.05


def test_quantising_twice_gives_the_same_bits(base: Base, hardware: Hardware) -> None:
    """Two fresh bases have the same bytes and logits; scales that are quantised themselves give others."""
    first, second, single = (four_bits(base, hardware, double=double) for double in (True, True, False))
    assert all(torch.equal(parameter, second.get_parameter(name)) for name, parameter in first.named_parameters())
    assert torch.equal(logits(first, PROMPTS), logits(second, PROMPTS))
    assert not torch.equal(logits(first, PROMPTS), logits(single, PROMPTS))


@pytest.mark.parametrize("name", ["up_proj", "down_proj"])
def test_a_quantised_layer_computes_as_its_dequantised(name: str) -> None:
    """In training and in evaluation, bit for bit (no other kernel in bfloat16), and so do the gradients."""
    layer = quantise(wide(), double=True).model.layers[0].mlp.get_submodule(name)
    plain = dense(layer)
    seen = torch.randn(5, layer.in_features)
    leaves = [seen.clone().requires_grad_() for _ in range(2)]
    outputs = [linear.train()(leaf) for linear, leaf in zip((layer, plain), leaves, strict=True)]
    for output in outputs:
        output.square().sum().backward()
    torch.testing.assert_close(outputs[0], outputs[1], rtol=0, atol=1e-6)
    torch.testing.assert_close(leaves[0].grad, leaves[1].grad, rtol=1e-5, atol=1e-6)
    with torch.inference_mode():
        assert torch.equal(layer.eval()(seen), outputs[0])


def test_dequantised_is_what_the_quantised_computes(base: Base, hardware: Hardware, plain: Any) -> None:
    """The plain layers made of quantised ones give the same logits; those of the base are others."""
    quantised = logits(four_bits(base, hardware), PROMPTS)
    back = dequantise(four_bits(base, hardware))
    assert not any(is_quantised(layer) for layer in back.modules())
    torch.testing.assert_close(logits(back, PROMPTS), quantised, rtol=0, atol=1e-6)
    assert (quantised - logits(plain, PROMPTS)).abs().max() > 1e-3


def test_qlora_at_0_is_the_base_in_four_bits(
    base: Base, hardware: Hardware, recipes: dict[str, Recipe], folders: dict[str, Path], plain: Any
) -> None:
    """As its note says: not the base itself."""
    at_0 = logits(restore([Stage(recipes["qlora"], folders["qlora"])], base, hardware, 0.0), PROMPTS)
    assert torch.equal(at_0, logits(four_bits(base, hardware), PROMPTS))
    assert not torch.equal(at_0, logits(plain, PROMPTS))
    assert "not the base itself" in Qlora.interpolation.note


@pytest.mark.parametrize("modules", ["all-linear", ["q_proj", "v_proj"]])
def test_merged_qlora_is_a_plain_model(
    base: Base, hardware: Hardware, recipes: dict[str, Recipe], examples: list[Example], tmp_path: Path, modules: Any
) -> None:
    """Merging gives float32 weights everywhere, also where no delta is, that say what the unmerged model says."""
    settings = {**recipes["qlora"].settings, "target_modules": modules}
    recipe = recipes["qlora"].model_copy(update={"settings": settings})
    derive(recipe, base, hardware, examples, tmp_path, seed=0)
    unmerged = logits(restore([Stage(recipe, tmp_path)], base, hardware), PROMPTS)
    merged = method_of(recipe)[0].merged(restore([Stage(recipe, tmp_path)], base, hardware))
    assert {parameter.dtype for parameter in merged.parameters()} == {torch.float32}
    assert not isinstance(merged, PeftModel)
    assert (logits(merged, PROMPTS).log_softmax(-1) - unmerged.log_softmax(-1)).abs().max() < 1e-5


@pytest.mark.parametrize("name", ["rslora", "dora", "qlora"])
def test_plain_peft_loads_what_was_saved(
    base: Base, hardware: Hardware, recipes: dict[str, Recipe], folders: dict[str, Path], plain: Any, name: str
) -> None:
    """`PeftModel.from_pretrained` gives the same logits, on a base quantised alike where the recipe quantises."""
    prepared = four_bits(base, hardware) if name == "qlora" else plain
    ours = logits(restore([Stage(recipes[name], folders[name])], base, hardware), PROMPTS)
    assert torch.equal(logits(PeftModel.from_pretrained(prepared, folders[name]), PROMPTS), ours)


def test_a_qlora_adapter_fits_the_plain_base_too(folders: dict[str, Path], plain: Any) -> None:
    """Nothing in its files asks for a quantised base."""
    without = logits(plain, PROMPTS)
    assert not torch.equal(logits(PeftModel.from_pretrained(plain, folders["qlora"]), PROMPTS), without)


def test_one_can_train_on_top_of_qlora(
    base: Base,
    hardware: Hardware,
    recipes: dict[str, Recipe],
    folders: dict[str, Path],
    examples: list[Example],
    tmp_path: Path,
) -> None:
    """qlora>lora starts from the merged weights: switched off, its proofs say, it is those."""
    before = [Stage(recipes["qlora"], folders["qlora"])]
    derive(recipes["lora"], base, hardware, examples, tmp_path, seed=0, before=before)
    assert all(proof["holds"] for proof in read_record(tmp_path)["proofs"])


@pytest.mark.parametrize("name", ["rslora", "dora", "qlora"])
def test_the_family_passes_its_proofs_in_bfloat16(
    base: Base, recipes: dict[str, Recipe], examples: list[Example], tmp_path: Path, name: str
) -> None:
    """The equalities hold to the bit in another number format too."""
    derive(recipes[name], base, Hardware(torch.device("cpu"), torch.bfloat16), examples, tmp_path, seed=0)
    assert all(proof["holds"] for proof in read_record(tmp_path)["proofs"])


def test_without_bitsandbytes_the_command_is_told(
    monkeypatch: pytest.MonkeyPatch, recipes: dict[str, Recipe], plain: Any
) -> None:
    """Before anything is loaded and also when the base is prepared; the other methods need nothing more."""
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)  # what an import of an absent package finds
    method, settings = method_of(recipes["qlora"])
    for attempt in (method.check_available, lambda: method.prepare(plain, settings)):
        with pytest.raises(InputError, match=r'bitsandbytes.*pip install "harness\[qlora\]"'):
            attempt()
    method_of(recipes["lora"])[0].check_available()


def test_a_base_without_linear_layers_is_not_called_quantised() -> None:
    """GPT-2's layers are of another kind, which is told instead of training plain LoRA under QLoRA's name."""
    model = GPT2LMHeadModel(GPT2Config(n_embd=8, n_layer=1, n_head=1, vocab_size=16))
    with pytest.raises(InputError, match=r"GPT2LMHeadModel: has no linear layers.*Use the recipe lora"):
        quantise(model, double=True)
