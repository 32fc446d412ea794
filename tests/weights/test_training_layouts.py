"""Batches without padding, and logits only where there is a loss: the same losses and gradients, for less."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    BloomConfig,
    Gemma2Config,
    Gemma3TextConfig,
    GPT2Config,
    GPTNeoXConfig,
    LlamaConfig,
    MambaConfig,
    MistralConfig,
    OPTConfig,
    PreTrainedConfig,
    Qwen3Config,
)

from harness.weights import Base, Example, Recipe, TrainingSettings, load_model, method_of
from harness.weights.training import LossOn, packing, train
from harness.weights.training.loss import Loss
from harness.weights.training.processes import Part, split

VOCABULARY = 200
SIZES = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
SHARED = {**SIZES, "num_key_value_heads": 1, "head_dim": 8}
CONFIGS: dict[str, tuple[PreTrainedConfig, str]] = {
    "llama": (LlamaConfig(**SHARED), "packed"),
    "gpt-2": (GPT2Config(n_embd=16, n_layer=2, n_head=2, resid_pdrop=0, embd_pdrop=0, attn_pdrop=0), "packed"),
    "gpt-neox": (GPTNeoXConfig(**SIZES), "packed"),
    "gemma 3, rows longer than the window": (Gemma3TextConfig(**SHARED, sliding_window=5), "packed"),
    "mistral, rows longer than the window": (MistralConfig(**SHARED, sliding_window=5), "packed"),
    "qwen 3": (Qwen3Config(**SHARED), "packed"),
    "opt": (
        OPTConfig(
            hidden_size=16, ffn_dim=32, num_hidden_layers=2, num_attention_heads=2, word_embed_proj_dim=16, dropout=0
        ),
        "packed",
    ),
    "gemma 2, whose softcap sdpa hasn't": (Gemma2Config(**SHARED, attn_implementation="eager"), "answers"),
    "bloom, whose positions lie in the mask": (
        BloomConfig(hidden_size=16, n_layer=2, n_head=2, hidden_dropout=0, attention_dropout=0),
        "answers",
    ),
    "mamba, which has no attention": (MambaConfig(hidden_size=16, num_hidden_layers=2, state_size=4), "answers"),
}
SETTINGS = TrainingSettings(learning_rate=1e-3, epochs=2, batch_size=4)


def random_model(config: PreTrainedConfig) -> Any:
    config.vocab_size, config.bos_token_id, config.eos_token_id, config.pad_token_id = VOCABULARY, None, 0, None
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(config)


def outcome(model: Any, loss: Loss, batch: list[Example]) -> tuple[float, torch.Tensor]:
    """The batch's loss and the gradient of all that learns."""
    model.zero_grad()
    value = loss.backward([Part(batch)], loss.count(batch))
    return value, torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


@pytest.fixture
def llama(base: Base) -> Callable[[], Any]:
    return lambda: load_model(base, dtype=torch.float32, device=torch.device("cpu"))


@pytest.fixture
def adapted(llama: Callable[[], Any]) -> Callable[[Recipe], Any]:
    """Attaches a recipe's adapter to the random Llama, moved a little so that it does something."""

    def attach(recipe: Recipe) -> Any:
        method, settings = method_of(recipe)
        torch.manual_seed(0)
        model = method.attach(method.prepare(llama(), settings), settings)
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.data += 0.02 * torch.randn_like(parameter)
        return model.train()

    return attach


@pytest.mark.parametrize("loss_on", ["completion", "all"])
@pytest.mark.parametrize("name", CONFIGS)
def test_losses_and_gradients_are_those_with_padding(name: str, loss_on: LossOn, examples: list[Example]) -> None:
    """For every architecture they are equal, in the quickest layout that it can have."""
    config, expected = CONFIGS[name]
    model = random_model(config).train()
    loss = Loss(model, SETTINGS, loss_on)
    with_padding, theirs = outcome(model, loss, examples)
    assert loss.arrange(examples) == expected
    value, ours = outcome(model, loss, examples)
    assert value == pytest.approx(with_padding, abs=1e-5)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("loss_on", ["completion", "all"])
def test_every_method_has_its_layout(
    recipe: Recipe, loss_on: LossOn, adapted: Callable[[Recipe], Any], examples: list[Example]
) -> None:
    """Soft prompts stay as they are, ReFT counts its prompt's tokens in rows, and all others are packed: all exact."""
    special = {"prompt": "padded", "p-tuning": "padded", "prefix": "padded", "loreft": "answers", "direft": "answers"}
    model = adapted(recipe)
    loss = Loss(model, SETTINGS, loss_on)
    with_padding, theirs = outcome(model, loss, examples)
    assert loss.arrange(examples) == special.get(recipe.method, "packed")
    value, ours = outcome(model, loss, examples)
    assert value == pytest.approx(with_padding, abs=1e-5)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-3)


def test_nothing_is_computed_for_padding_or_prompts(llama: Callable[[], Any], examples: list[Example]) -> None:
    """Layers see the examples' tokens and no more, and the output layer those before the tokens of completions."""
    model = llama().train()
    loss = Loss(model, SETTINGS, "completion")
    loss.arrange(examples)
    seen: list[int] = []
    for module in (model.model.layers[0].mlp, model.lm_head):
        module.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0][..., 0].numel()))
    loss.backward([Part(examples)], loss.count(examples))
    tokens = sum(len(example.prompt) + len(example.completion) for example in examples)
    assert seen == [tokens, sum(len(example.completion) for example in examples)]


def test_examples_of_one_length_go_through_attention_together(
    llama: Callable[[], Any], examples: list[Example], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each layer computes as many attentions as there are lengths, and the gradient is that of each row by itself."""
    own, calls = torch.nn.functional.scaled_dot_product_attention, 0

    def counted(*asked: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        return own(*asked, **more)

    model = llama().train()
    loss = Loss(model, SETTINGS, "completion")
    assert loss.arrange(examples) == "packed"
    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", counted)
    together = outcome(model, loss, examples)
    lengths = {len(example.prompt) + len(example.completion) for example in examples}
    assert calls == len(lengths) * model.config.num_hidden_layers
    monkeypatch.setattr(packing, "_alike", lambda lengths: [[place] for place in range(len(lengths))])
    alone = outcome(model, loss, examples)
    assert together[0] == alone[0]
    assert torch.equal(together[1], alone[1])


def test_validation_is_laid_out_too(llama: Callable[[], Any], examples: list[Example]) -> None:
    """The mean loss without a gradient is the same, however many examples are computed at once."""
    loss = Loss(llama().eval(), SETTINGS, "completion")
    whole = loss.count(examples)
    expected = loss.mean(split(examples, 3), whole)
    assert loss.arrange(examples) == "packed"
    assert [loss.mean(split(examples, size), whole) for size in (1, 3, 10)] == pytest.approx([expected] * 3, abs=1e-5)


def test_a_model_that_lets_examples_see_one_another_is_not_packed(
    llama: Callable[[], Any], examples: list[Example]
) -> None:
    """Where a layer looks at the token before without attention, packed examples would be another model's."""

    def look_back(module: Any, inputs: Any, output: torch.Tensor) -> torch.Tensor:
        return output + output.roll(1, 1) * (torch.arange(output.shape[1]) > 0)[:, None]

    model = llama()
    model.model.layers[0].mlp.register_forward_hook(look_back)
    assert Loss(model, SETTINGS, "completion").arrange(examples) == "answers"
    assert Loss(model, SETTINGS, "completion").arrange(examples[:1]) == "answers", "one example is tried twice"


def test_a_model_without_its_own_layer_of_attention_is_not_packed(
    llama: Callable[[], Any], examples: list[Example]
) -> None:
    """Every layer's attention must go through the interface: what mixes tokens otherwise may be rounded away."""
    model = llama()
    model.config.num_hidden_layers = 3
    assert Loss(model, SETTINGS, "completion").arrange(examples) == "answers"


def test_a_model_of_another_library_is_padded(examples: list[Example]) -> None:
    """What isn't transformers' is called as it always was, and never only to try."""

    class Other(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight, self.calls = torch.nn.Parameter(torch.zeros(1)), 0

        def forward(self, **_: Any) -> Any:
            self.calls += 1

    model = Other()
    assert Loss(model, SETTINGS, "completion").arrange(examples) == "padded"
    assert not model.calls


def test_trying_leaves_the_model_as_it_was(llama: Callable[[], Any], examples: list[Example]) -> None:
    """Its mode, its attention, its gradients and torch's generator are what they were."""
    model = llama().train()
    random = torch.get_rng_state()
    Loss(model, SETTINGS, "completion").arrange(examples)
    assert model.training
    assert model.config._attn_implementation == "sdpa"
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.equal(torch.get_rng_state(), random)


def test_the_record_says_the_layout(
    adapted: Callable[[Recipe], Any], recipes: dict[str, Recipe], examples: list[Example]
) -> None:
    """A training tells how its batches were laid out."""
    found = {
        name: train(adapted(recipes[name]), examples, SETTINGS, seed=0).layout for name in ("lora", "loreft", "prompt")
    }
    assert found == {"lora": "packed", "loreft": "answers", "prompt": "padded"}


def test_recomputation_takes_packed_batches(llama: Callable[[], Any], examples: list[Example]) -> None:
    """Gradient checkpointing gives the same losses and weights to the bit."""
    weights = []
    for recomputing in (False, True):
        model = llama()
        settings = SETTINGS.model_copy(update={"gradient_checkpointing": recomputing})
        assert train(model, examples, settings, seed=0).layout == "packed"
        weights.append(torch.nn.utils.parameters_to_vector(model.parameters()).detach())
    assert torch.equal(*weights)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("you tried to allocate")])
def test_too_little_memory_for_all_logits_is_no_reason_for_padding(
    error: Exception, llama: Callable[[], Any], examples: list[Example], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the longest example's logits don't all fit, layouts are compared by short ones: padding needs the most."""
    model = llama().train()
    longest = max(len(example.prompt) + len(example.completion) for example in examples)
    own = model.forward

    @wraps(own)
    def forward(input_ids: Any, *asked: Any, logits_to_keep: Any = 0, **more: Any) -> Any:
        if input_ids.shape[1] >= longest and isinstance(logits_to_keep, int):
            raise error
        return own(input_ids, *asked, logits_to_keep=logits_to_keep, **more)

    monkeypatch.setattr(model, "forward", forward)
    assert Loss(model, SETTINGS, "completion").arrange(examples) == "packed"
