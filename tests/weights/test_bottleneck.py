"""Bottleneck adapters: what they compute, on which models, and that peft's own machinery works with them."""

import copy
import json
import runpy
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel, get_peft_model
from torch import nn
from transformers import (
    AutoModelForCausalLM,
    BloomConfig,
    FalconConfig,
    Gemma2Config,
    GPT2Config,
    GPTNeoXConfig,
    LlamaConfig,
    MixtralConfig,
    Olmo2Config,
    OPTConfig,
    PhiConfig,
)

from harness.errors import InputError
from harness.weights import (
    METHODS,
    Base,
    Example,
    Hardware,
    Recipe,
    TrainingSettings,
    derive,
    load_model,
    load_recipe,
    method_of,
)
from harness.weights.peft_methods.bottleneck_config import BottleneckConfig
from harness.weights.peft_methods.bottleneck_layer import BottleneckLayer
from harness.weights.training import train

IDS = torch.tensor([[20, 21, 22, 30], [24, 20, 31, 33]])
TRAINING = TrainingSettings(learning_rate=1e-2, epochs=2, batch_size=4)
ORACLES = Path(__file__).parent / "oracles"
KINDS = [{"mode": mode, "reads": reads} for mode in ("serial", "parallel") for reads in ("sublayer", "stream")]
kinds = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind['mode']}-{kind['reads']}")


def fresh(folder: Path, dtype: torch.dtype = torch.float32) -> Any:
    return AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).eval()


def shake(model: nn.Module, adapter: str = "default", seed: int = 0) -> None:
    """Gives an adapter random weights, large enough to matter."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if f".{adapter}." in name:
                parameter.normal_(std=0.3)


def adapted(folder: Path, seed: int = 0, dtype: torch.dtype = torch.float32, **settings: Any) -> Any:
    """The random Llama with random adapters."""
    config = BottleneckConfig(task_type="CAUSAL_LM", size=4, **settings)
    model = get_peft_model(fresh(folder, dtype), config).eval()
    shake(model, seed=seed)
    return model


def logits(model: Any, ids: torch.Tensor = IDS, **inputs: Any) -> torch.Tensor:
    with torch.no_grad():
        return model(input_ids=ids, **inputs).logits


OURS: dict[str, dict[str, Any]] = {
    "houlsby": {"nonlinearity": "swish"},
    "pfeiffer": {"reads": "stream", "places": ["feed-forward"]},
    "pfeiffer-everywhere": {"reads": "stream", "nonlinearity": "gelu", "scale": 2.0},
    "serial-feed-forward": {"places": ["feed-forward"]},
    "parallel": {"mode": "parallel", "reads": "stream", "places": ["feed-forward"], "scale": 4.0},
    "parallel-everywhere": {"mode": "parallel", "reads": "stream", "scale": 0.5, "nonlinearity": "tanh"},
}
"""What AdapterHub's configurations of the same names are here."""


@pytest.mark.parametrize("case", OURS)
def test_logits_are_those_of_adapterhub(case: str) -> None:
    """With the same weights they agree to 1e-5, where the adapters move them by more than 1."""
    oracle = runpy.run_path(str(ORACLES / "bottleneck_adapterhub.py"))
    theirs = json.loads((ORACLES / "bottleneck_adapterhub.json").read_text(encoding="utf-8"))
    model = AutoModelForCausalLM.from_config(LlamaConfig(**oracle["MODEL"])).eval()
    for name, parameter in model.named_parameters():
        parameter.data = torch.tensor(oracle["weights"](name, tuple(parameter.shape)))
    ids = torch.tensor(oracle["IDS"])
    base = logits(model, ids)
    assert (base - torch.tensor(theirs["base"])).abs().max() <= 1e-5
    model = get_peft_model(model, BottleneckConfig(size=oracle["SIZE"], **OURS[case])).eval()
    for name, parameter in model.named_parameters():
        if "bottleneck_" in name:
            layer, sublayer, part, _, kind = name.split("layers.")[1].split(".")
            place = {"self_attn": "attention", "mlp": "feed-forward"}[sublayer]
            key = f"{layer}.{place}.{part.removeprefix('bottleneck_')}.{kind}"
            parameter.data = torch.tensor(oracle["weights"](key, tuple(parameter.shape)))
    ours = logits(model, ids)
    assert (ours - torch.tensor(theirs["cases"][case])).abs().max() <= 1e-5
    assert (ours - base).abs().max() > 1


def test_the_adapter_is_what_the_paper_says() -> None:
    """Serial: s + scale up(f(down(s))). Parallel: the same of the sublayer's input. The rest of a tuple passes."""

    class Sublayer(nn.Linear):
        def forward(self, hidden_states: torch.Tensor) -> Any:
            return super().forward(hidden_states), "weights"

    torch.manual_seed(0)
    sublayer, x = Sublayer(6, 6), torch.randn(2, 3, 6)
    s = sublayer(x)[0]
    for mode, read in (("serial", s), ("parallel", x)):
        layer = BottleneckLayer(sublayer, 6)
        layer.update_layer("default", BottleneckConfig(mode=mode, size=2, scale=3.0, nonlinearity="tanh"), None)
        assert torch.equal(layer(x)[0], s), "it starts as the base"
        shake(layer)
        down, up = layer.bottleneck_down["default"], layer.bottleneck_up["default"]
        added = torch.tanh(read @ down.weight.T + down.bias) @ up.weight.T + up.bias
        for given in (layer(x), layer(hidden_states=x)):
            torch.testing.assert_close(given[0], s + 3 * added)
            assert given[1] == "weights"


@kinds
def test_padding_batches_and_the_cache_change_nothing(kind: dict[str, str], llama_folder: Path) -> None:
    """A prompt has the same logits alone, and with padding at either side; its continuation the same without cache."""
    model = adapted(llama_folder, **kind)
    prompt = IDS[:1]
    alone = logits(model, prompt)
    padding, ones, zeros = torch.tensor([[9, 9]]), torch.ones_like(prompt), torch.zeros(1, 2, dtype=torch.long)
    right = logits(model, torch.cat([prompt, padding], 1), attention_mask=torch.cat([ones, zeros], 1))
    left = logits(model, torch.cat([padding, prompt], 1), attention_mask=torch.cat([zeros, ones], 1))
    torch.testing.assert_close(right[:, :4], alone, atol=1e-5, rtol=0)
    torch.testing.assert_close(left[:, 2:], alone, atol=1e-5, rtol=0)
    torch.testing.assert_close(logits(model)[:1], alone, atol=1e-5, rtol=0)
    settings = {"max_new_tokens": 6, "do_sample": False, "output_logits": True, "return_dict_in_generate": True}
    cached, uncached = (model.generate(input_ids=prompt, use_cache=use, **settings) for use in (True, False))
    assert torch.equal(cached.sequences, uncached.sequences)
    for one, other in zip(cached.logits, uncached.logits, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=0)


@kinds
def test_gradient_checkpointing_gives_the_same_gradients(kind: dict[str, str], llama_folder: Path) -> None:
    """What is computed again in the backward pass is what was computed in the forward pass."""
    gradients = []
    for checkpointing in (False, True):
        model = adapted(llama_folder, **kind).train()
        if checkpointing:
            model.gradient_checkpointing_enable()
            model.enable_input_require_grads()
        model(input_ids=IDS, labels=IDS).loss.backward()
        gradients.append([parameter.grad for parameter in model.parameters() if parameter.requires_grad])
    assert len(gradients[0]) == 2 * 2 * 4, "down and up, each with weight and bias, in two sublayers of two layers"
    for one, other in zip(*gradients, strict=True):
        assert one.abs().max() > 0
        torch.testing.assert_close(one, other)


@kinds
def test_adapters_on_a_bfloat16_base_are_float32_and_learn(
    kind: dict[str, str], llama_folder: Path, examples: list[Example]
) -> None:
    """As with peft's LoRA: small steps are not rounded away; the stream keeps the base's format."""
    model = adapted(llama_folder, dtype=torch.bfloat16, **kind)
    assert {p.dtype for p in model.parameters() if p.requires_grad} == {torch.float32}
    assert logits(model).dtype == torch.bfloat16
    record = train(model, examples, TRAINING, seed=0)
    assert record.losses[-1] < record.losses[0]


def test_dropout_is_off_when_the_model_evaluates(llama_folder: Path) -> None:
    """In training it draws, in evaluation it doesn't."""
    model = adapted(llama_folder, dropout=0.5)
    assert torch.equal(logits(model), logits(model))
    model.train()
    assert not torch.equal(logits(model), logits(model))


@kinds
def test_unloading_leaves_the_base_as_it_was(kind: dict[str, str], llama_folder: Path) -> None:
    """To the bit, without a wrapped module or a hook, however many adapters there were."""
    base = fresh(llama_folder)
    model = adapted(llama_folder, **kind)
    model.add_adapter("second", BottleneckConfig(task_type="CAUSAL_LM", size=3, **kind))
    assert not torch.equal(logits(model), logits(base))
    with model.disable_adapter():
        assert torch.equal(logits(model), logits(base))
    plain = model.unload()
    assert torch.equal(logits(plain), logits(base))
    assert [name for name, _ in plain.named_modules()] == [name for name, _ in base.named_modules()]
    assert not any(module._forward_pre_hooks for module in plain.modules())


@pytest.mark.parametrize("mode", ["serial", "parallel"])
def test_an_earlier_stream_is_never_read(mode: str, llama_folder: Path) -> None:
    """A sublayer that is called without the norm before it is an error, also after a whole forward."""
    model = adapted(llama_folder, mode=mode, reads="stream")
    logits(model)
    with pytest.raises(RuntimeError, match="the stream is unknown"):
        model.get_base_model().model.layers[0].mlp(torch.zeros(2, 4, 16))


@kinds
def test_a_copy_is_independent(kind: dict[str, str], llama_folder: Path) -> None:
    """A deep copy computes the same, and goes on doing so when the original changes."""
    model = adapted(llama_folder, **kind)
    before, twin = logits(model), copy.deepcopy(model)
    shake(model, seed=1)
    assert torch.equal(logits(twin), before)
    assert not torch.equal(logits(model), before)


def test_merging_is_refused(llama_folder: Path) -> None:
    """Both of peft's ways say why, and what to do; the model stays as it is."""
    model = adapted(llama_folder)
    before = logits(model)
    for merge in (model.merge_and_unload, model.merge_adapter):
        with pytest.raises(ValueError, match=r"non-linearity, so it can't be merged.*train lora"):
            merge()
    assert torch.equal(logits(model), before)


def two(folder: Path, reads: str = "stream") -> tuple[Any, torch.Tensor, torch.Tensor]:
    """A model with two adapters of different kinds, and the logits of each alone."""
    second = {"mode": "parallel", "reads": reads, "places": ["feed-forward"], "nonlinearity": "tanh"}
    model = adapted(folder)
    model.add_adapter("second", BottleneckConfig(task_type="CAUSAL_LM", size=3, **second))
    shake(model, "second", seed=1)
    other = get_peft_model(fresh(folder), BottleneckConfig(size=3, **second)).eval()
    shake(other, seed=1)
    return model, logits(adapted(folder)), logits(other)


def test_several_adapters_are_switched_between(llama_folder: Path) -> None:
    """Each alone computes what it does in a model of its own, and a deleted one leaves the other."""
    model, first, second = two(llama_folder)
    torch.testing.assert_close(logits(model), first)
    assert all(".default." in name for name, parameter in model.named_parameters() if parameter.requires_grad)
    model.set_adapter("second")
    torch.testing.assert_close(logits(model), second)
    assert not torch.allclose(first, second)
    model.delete_adapter("second")
    model.set_adapter("default")
    torch.testing.assert_close(logits(model), first)


@pytest.mark.parametrize("reads", ["sublayer", "stream"])
def test_rows_of_a_batch_have_adapters_of_their_own(reads: str, llama_folder: Path) -> None:
    """`adapter_names` gives each row what its adapter alone would, the base too, and in generation with beams."""
    model, first, second = two(llama_folder, reads)
    base = logits(fresh(llama_folder))
    ids = IDS[[0, 0, 0, 1]]
    mixed = logits(model, ids, adapter_names=["second", "__base__", "default", "second"])
    for row, expected in zip(mixed, (second[0], base[0], first[0], second[1]), strict=True):
        torch.testing.assert_close(row, expected, atol=1e-5, rtol=0)
    beams = {"max_new_tokens": 4, "do_sample": False, "num_beams": 2, "attention_mask": torch.ones(2, 4)}
    texts = model.generate(input_ids=IDS[[0, 0]], adapter_names=["second", "default"], **beams)
    model.set_adapter("second")
    alone = model.generate(input_ids=IDS[[0, 0]], **beams)
    assert torch.equal(texts[0], alone[0])


def test_rows_that_name_no_adapter_of_the_model_are_told(llama_folder: Path) -> None:
    """A misspelt name is an error, not the base; and training on mixed batches is refused."""
    model = adapted(llama_folder)
    with pytest.raises(ValueError, match=r"there is no adapter defualt"):
        logits(model, adapter_names=["defualt", "__base__"])
    with pytest.raises(ValueError, match=r"1 names for 2 rows"):
        logits(model, adapter_names=["default"])
    with pytest.raises(ValueError, match=r"in training"):
        logits(model.train(), adapter_names=["default", "__base__"])


def test_a_saved_adapter_loads_under_another_name_and_trains_on(llama_folder: Path, tmp_path: Path) -> None:
    """Peft's own format: two files, loaded beside another adapter by plain peft."""
    model = adapted(llama_folder, reads="stream")
    model.save_pretrained(tmp_path)
    assert json.loads((tmp_path / "adapter_config.json").read_text(encoding="utf-8"))["peft_type"] == "BOTTLENECK"
    other = PeftModel.from_pretrained(fresh(llama_folder), tmp_path, adapter_name="mine", is_trainable=True)
    assert torch.equal(logits(other.eval()), logits(model))
    assert all("bottleneck_" in name for name, p in other.named_parameters() if p.requires_grad)
    assert any(p.requires_grad for p in other.parameters())


@pytest.mark.parametrize("name", ["bottleneck-serial", "bottleneck-parallel"])
def test_the_shipped_recipe_states_the_defaults(name: str) -> None:
    """It is valid, and whoever leaves a setting out gets what stands there."""
    method, settings = method_of(load_recipe(name))
    assert method is METHODS[name]
    assert settings == method.settings()


@pytest.mark.parametrize("name", ["bottleneck-serial", "bottleneck-parallel"])
def test_alpha_scales_the_output(
    name: str, base: Base, hardware: Hardware, examples: list[Example], tmp_path: Path
) -> None:
    """`@alpha` is the model whose scale is alpha times as large; a sweep by `line` gives the same to the bit."""
    method = METHODS[name]
    recipe = Recipe(name=name, method=name, settings={"size": 4}, training=TRAINING)
    derive(recipe, base, hardware, examples, tmp_path, seed=0)

    def model() -> Any:
        return load_model(base, dtype=hardware.dtype, device=hardware.device)

    config = json.loads((tmp_path / "adapter_config.json").read_text(encoding="utf-8"))
    sweep = method.line(model(), tmp_path)
    assert sweep is not None
    found = {alpha: logits(sweep(alpha)) for alpha in (0.5, 1.0, 0.0, 0.5)}
    for alpha, swept in found.items():
        assert torch.equal(swept, logits(method.restore(model(), tmp_path, alpha)))
    assert torch.equal(found[0.0], logits(model()))
    config["scale"] *= 0.5
    (tmp_path / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")
    assert torch.equal(found[0.5], logits(method.restore(model(), tmp_path)))
    assert not torch.equal(found[0.5], found[1.0])


SIZES = {"vocab_size": 64, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "pad_token_id": 0}
WIDE = {**SIZES, "intermediate_size": 32, "max_position_embeddings": 64, "bos_token_id": 1, "eos_token_id": 2}
MODELS = {
    "gpt2": GPT2Config(vocab_size=64, n_embd=16, n_layer=2, n_head=2, bos_token_id=1, eos_token_id=2),
    "gpt-neox": GPTNeoXConfig(**WIDE),  # both sublayers read the stream beside each other
    "phi": PhiConfig(**WIDE),  # one norm for both
    "falcon": FalconConfig(**SIZES, bos_token_id=1, eos_token_id=2),
    "gemma2": Gemma2Config(**WIDE, num_key_value_heads=2, head_dim=8),
    "mixtral": MixtralConfig(**WIDE, num_key_value_heads=2, num_local_experts=2),
}


@kinds
@pytest.mark.parametrize("config", MODELS.values(), ids=MODELS)
def test_other_architectures_are_adapted_by_name(config: Any, kind: dict[str, str]) -> None:
    """Every sublayer of every decoder layer gets an adapter, which matters, and switched off is not there."""
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config).eval()
    base = logits(model)
    model = get_peft_model(model, BottleneckConfig(size=4, **kind)).eval()
    assert sum(isinstance(module, BottleneckLayer) for module in model.modules()) == 4
    assert torch.equal(logits(model), base)
    shake(model)
    assert (logits(model) - base).abs().max() > 1e-3
    with model.disable_adapter():
        assert torch.equal(logits(model), base)


@pytest.mark.parametrize(
    ("config", "settings", "message"),
    [
        (OPTConfig(**SIZES, ffn_dim=32, word_embed_proj_dim=16), {}, r"no feed-forward sublayer is called mlp"),
        (BloomConfig(vocab_size=64, hidden_size=16, n_layer=2, n_head=2), {}, r"self_attention adds the residual"),
        (
            Olmo2Config(**WIDE),
            {"reads": "stream", "places": ["feed-forward"]},
            r"before mlp in Olmo2.*Set reads to sublayer",
        ),
        (MODELS["phi"], {"target_modules": ["fc1"]}, r"fc1 gives 32 values a position and the stream has 16"),
        (MODELS["phi"], {"target_modules": ["c_attn"]}, r"no module called \['c_attn'\].*Give names of its sublayers"),
        (MODELS["phi"], {"nonlinearity": "reul"}, r"nonlinearity: transformers has no 'reul'.*relu"),
    ],
    ids=["no-mlp", "residual-inside", "normalises-last", "wrong-width", "no-such-module", "no-such-nonlinearity"],
)
def test_what_does_not_fit_is_told(config: Any, settings: dict[str, Any], message: str) -> None:
    """Before anything is wrapped, with what to write instead."""
    method = METHODS["bottleneck-serial"]
    model = AutoModelForCausalLM.from_config(config)
    with pytest.raises(InputError, match=rf"^bottleneck-serial: .*{message}"):
        method.attach(model, method.settings(**settings))
    assert not any(isinstance(module, BottleneckLayer) for module in model.modules())


@pytest.mark.parametrize("settings", [{"mode": "beside"}, {"reads": "both"}, {"places": ["mlp"]}, {"size": 0}])
def test_a_config_with_an_unknown_value_is_an_error(settings: dict[str, Any]) -> None:
    """It names the key."""
    with pytest.raises(ValueError, match=rf"^{next(iter(settings))}: "):
        BottleneckConfig(**settings)
