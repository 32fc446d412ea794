import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from harness.errors import CacheError, InputError
from harness.inference import Engine
from harness.weights import (
    Base,
    Example,
    Hardware,
    Recipe,
    Stage,
    derive,
    load_model,
    load_tokenizer,
    method_of,
    restore,
)
from harness.weights.methods.soft_prompt import ENCODER
from harness.weights.training import collate

TOKENS = 5
SETTINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "prompt": ("prompt", {}),
    "p-tuning-mlp": ("p-tuning", {"hidden": 8}),
    "p-tuning-lstm": ("p-tuning", {"hidden": 8, "encoder": "lstm"}),
    "prefix": ("prefix", {}),
    "prefix-projected": ("prefix", {"hidden": 8, "projection": True}),
}
SIZES = {"vocab_size": 300, "num_hidden_layers": 2, "hidden_size": 16, "num_attention_heads": 2}
GROUPED = {**SIZES, "intermediate_size": 32, "num_key_value_heads": 1}
BASES = {
    "llama": lambda: LlamaForCausalLM(LlamaConfig(**GROUPED)),
    "wide-heads": lambda: Qwen3ForCausalLM(Qwen3Config(**GROUPED, head_dim=32)),
    "sliding-window": lambda: MistralForCausalLM(MistralConfig(**GROUPED, sliding_window=64)),
    "learned-positions": lambda: GPT2LMHeadModel(GPT2Config(vocab_size=300, n_layer=2, n_embd=16, n_head=2)),
}
PROMPTS = [[7], [20, 21, 22, 30, 5, 9, 11, 100, 4, 8], [40, 41], [5, 6, 7, 8, 9], list(range(50, 80))]
CHOICES = [[[4], [5, 6, 7], [4, 9]], [[5, 6]], [[1], [2], [250, 251]], [[9, 9, 9, 9], [8]], [[3], [4]]]


@pytest.fixture(params=SETTINGS)
def recipe(request: pytest.FixtureRequest) -> Recipe:
    """Each way of making a soft prompt."""
    return small(request.param)


def small(case: str, **changes: Any) -> Recipe:
    name, settings = SETTINGS[case]
    training = {"learning_rate": 0.1, "epochs": 2, "batch_size": 4}
    return Recipe(name=name, method=name, settings={"tokens": TOKENS, **settings, **changes}, training=training)


def adapted(recipe: Recipe, base: Any) -> Any:
    """The `base` with a soft prompt so strong that nothing which goes wrong with it is lost in rounding."""
    method, settings = method_of(recipe)
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in base.parameters():
            parameter *= 6 if parameter.dim() > 1 else 1
        model: Any = method.attach(base, settings)
        for parameter in model.prompt_encoder.parameters():
            parameter *= 3
    return model.eval()


@pytest.fixture(params=BASES)
def model(request: pytest.FixtureRequest, recipe: Recipe) -> Any:
    """A random model of each architecture with each soft prompt."""
    torch.manual_seed(0)
    return adapted(recipe, BASES[request.param]())


def alone(model: Any, ids: list[int]) -> torch.Tensor:
    """The logits `(time, vocab)` of one row by plain transformers, with peft's virtual tokens and no mask at all."""
    base, tokens = model.get_base_model(), torch.tensor([ids])
    prompt = model.get_prompt(1)
    with torch.no_grad():
        if not isinstance(prompt, torch.Tensor):
            return base(input_ids=tokens, past_key_values=prompt).logits[0]
        embeddings = torch.cat([prompt, base.get_input_embeddings()(tokens)], 1)
        return base(inputs_embeds=embeddings).logits[0, TOKENS:]


def test_choices_of_a_batch_are_those_of_each_row_alone(model: Any, base: Base) -> None:
    """Rows of unequal lengths have together the log-likelihoods of one plain forward each, within 1e-4 nats."""
    scored = Engine(model, load_tokenizer(base)).choose(PROMPTS, CHOICES)
    for prompt, choices, scores in zip(PROMPTS, CHOICES, scored, strict=True):
        for choice, ours in zip(choices, scores.loglikelihoods, strict=True):
            each = alone(model, [*prompt, *choice]).log_softmax(-1)[len(prompt) - 1 : -1]
            assert ours == pytest.approx(each.gather(-1, torch.tensor(choice)[:, None]).sum().item(), abs=1e-4)


def test_cached_steps_of_a_batch_have_the_logits_of_each_row_alone(model: Any) -> None:
    """A prefill with padding on the left and three steps from its cache give each row's own logits."""
    width = max(map(len, PROMPTS))
    ids = torch.tensor([[*[0] * (width - len(row)), *row] for row in PROMPTS])
    mask = torch.tensor([[*[0] * (width - len(row)), *[1] * len(row)] for row in PROMPTS])
    rows, cache = [list(row) for row in PROMPTS], None
    for step in range(4):
        with torch.no_grad():
            output = model(input_ids=ids, attention_mask=mask, past_key_values=cache, use_cache=True, logits_to_keep=1)
        cache = output.past_key_values
        assert output.logits.shape[1] == 1
        torch.testing.assert_close(output.logits[:, 0], torch.stack([alone(model, row)[-1] for row in rows]))
        ids = torch.tensor([[60 + step + number] for number in range(len(rows))])
        rows = [[*row, *new] for row, new in zip(rows, ids.tolist(), strict=True)]
        mask = torch.cat([mask, torch.ones_like(ids)], 1)


def test_generated_text_does_not_depend_on_the_batch(model: Any, base: Base) -> None:
    """Greedy text is the same in one batch, one by one, and without a cache."""
    tokenizer = load_tokenizer(base)
    together, single = (Engine(model, tokenizer, batch_rows=n).generate(PROMPTS, max_new_tokens=6) for n in (9, 1))
    assert [(g.text, g.tokens) for g in together] == [(g.text, g.tokens) for g in single]
    uncached = []
    for prompt, answer in zip(PROMPTS, together, strict=True):
        ids = list(prompt)
        for _ in range(answer.tokens):
            ids.append(int(alone(model, ids)[-1].argmax()))
        uncached.append(tokenizer.decode(ids[len(prompt) :], skip_special_tokens=True))
    assert [g.text for g in together] == uncached


def test_logits_line_up_with_the_input(model: Any) -> None:
    """The output has logits for the row's own tokens only, whichever side the padding is on."""
    row = PROMPTS[1]
    padding = [0] * 4
    with torch.no_grad():
        left = model(input_ids=torch.tensor([padding + row]), attention_mask=torch.tensor([[0] * 4 + [1] * len(row)]))
        right = model(input_ids=torch.tensor([row + padding]), attention_mask=torch.tensor([[1] * len(row) + [0] * 4]))
    assert left.logits.shape == right.logits.shape == (1, len(row) + 4, 300)
    for ours in (left.logits[0, 4:], right.logits[0, :-4]):
        torch.testing.assert_close(ours, alone(model, row))


def test_the_loss_is_on_the_completions_of_rows_with_the_soft_prompt(model: Any, examples: list[Example]) -> None:
    """A training batch, padded on the right, has the mean loss of its rows computed alone."""
    ids, mask, labels = collate(examples[:4])
    with torch.no_grad():
        loss = model(input_ids=ids, attention_mask=mask, labels=labels).loss
    nats = []
    for example in examples[:4]:
        row = [*example.prompt, *example.completion]
        each = alone(model, row).log_softmax(-1)
        nats += [-each[place - 1, row[place]].item() for place in range(len(example.prompt), len(row))]
    assert loss.item() == pytest.approx(sum(nats) / len(nats), abs=1e-4)


def test_a_call_leaves_nothing_to_the_next(model: Any) -> None:
    """A cache that one call filled is its own: the same call again has the same logits to the bit."""
    ids = torch.tensor([PROMPTS[1], PROMPTS[1]])
    with torch.no_grad():
        first = model(input_ids=ids, use_cache=True)
        model(input_ids=ids[:, :1], past_key_values=first.past_key_values, use_cache=True)
        assert torch.equal(model(input_ids=ids, use_cache=True).logits, first.logits)


def test_only_the_soft_prompt_learns(recipe: Recipe) -> None:
    """Every parameter of the network that makes the prompt has a gradient, and no parameter of the base."""
    torch.manual_seed(0)
    model = adapted(recipe, BASES["llama"]()).train()
    model(input_ids=torch.tensor([[1, 2, 3]]), labels=torch.tensor([[-100, 2, 3]])).loss.backward()
    learning = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert learning == {name for name, _ in model.named_parameters() if name.startswith("prompt_encoder.")}


def test_plain_peft_loads_what_was_saved(
    recipe: Recipe, base: Base, hardware: Hardware, examples: list[Example], tmp_path: Path
) -> None:
    """`PeftModel.from_pretrained` gives, for a row alone, the logits that the harness computes."""
    derive(recipe, base, hardware, examples, tmp_path, seed=0)
    plain = PeftModel.from_pretrained(load_model(base, dtype=hardware.dtype, device=hardware.device), tmp_path).eval()
    ours = restore([Stage(recipe, tmp_path)], base, hardware)
    ids = torch.tensor(PROMPTS[-1:])
    with torch.no_grad():
        torch.testing.assert_close(plain(input_ids=ids).logits[:, -ids.shape[1] :], ours(input_ids=ids).logits)


def test_half_a_soft_prompt_is_refused(
    recipe: Recipe, base: Base, hardware: Hardware, examples: list[Example], tmp_path: Path
) -> None:
    """An alpha other than 1 is an error that says why, and what to use instead."""
    derive(recipe, base, hardware, examples, tmp_path, seed=0)
    for alpha in (0.0, 0.5):
        with pytest.raises(InputError, match=r"can't be interpolated.*no line to the base.*Use lora@ALPHA"):
            restore([Stage(recipe, tmp_path)], base, hardware, alpha)
    method, _ = method_of(recipe)
    with pytest.raises(InputError, match="can't be interpolated"):
        method.restore(load_model(base, dtype=hardware.dtype, device=hardware.device), tmp_path, 0.5)


def test_the_window_shrinks_by_the_virtual_tokens(recipe: Recipe) -> None:
    """What the plan subtracts from the window is as many tokens as fit no more: learned positions end there."""
    method, settings = method_of(recipe)
    assert method.virtual_tokens(settings) == TOKENS
    torch.manual_seed(0)
    positions = GPT2Config(vocab_size=300, n_layer=1, n_embd=16, n_head=2, n_positions=20)
    model = adapted(recipe, GPT2LMHeadModel(positions))
    with torch.no_grad():
        model(input_ids=torch.ones(1, 20 - TOKENS, dtype=torch.long))
        with pytest.raises(IndexError):
            model(input_ids=torch.ones(1, 21 - TOKENS, dtype=torch.long))


def test_training_goes_on_from_an_earlier_one(
    recipe: Recipe, base: Base, hardware: Hardware, examples: list[Example], tmp_path: Path
) -> None:
    """Reloaded into a fresh model, every learnt parameter is what it was, the network that peft leaves out too."""
    derive(recipe, base, hardware, examples, tmp_path, seed=0)
    method, settings = method_of(recipe)
    reloaded = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        model: Any = method.attach(load_model(base, dtype=hardware.dtype, device=hardware.device), settings)
        assert all(p.requires_grad for p in model.prompt_encoder.parameters())
        method.reload(model, tmp_path)
        assert all(p.requires_grad for p in model.prompt_encoder.parameters())
        reloaded.append(model)
    for one, other in zip(*(model.prompt_encoder.parameters() for model in reloaded), strict=True):
        assert torch.equal(one, other)
    restored = restore([Stage(recipe, tmp_path)], base, hardware)
    ids = torch.tensor(PROMPTS[:1])
    with torch.no_grad():
        assert torch.equal(reloaded[0].eval()(input_ids=ids).logits, restored(input_ids=ids).logits)


def test_going_on_without_the_network_is_an_error(
    base: Base, hardware: Hardware, examples: list[Example], tmp_path: Path
) -> None:
    """What peft stores can't be trained on where a network made it."""
    recipe = small("p-tuning-mlp")
    derive(recipe, base, hardware, examples, tmp_path, seed=0)
    (tmp_path / ENCODER).unlink()
    method, settings = method_of(recipe)
    model = method.attach(load_model(base, dtype=hardware.dtype, device=hardware.device), settings)
    with pytest.raises(CacheError, match=ENCODER):
        method.reload(model, tmp_path)


def test_a_prompt_begins_with_its_text(base: Base, hardware: Hardware, tmp_path: Path, examples: list[Example]) -> None:
    """The virtual tokens start as the text's tokens, over and over, and no path of this machine is stored."""
    recipe = small("prompt", initial="text", text="the ship")
    method, settings = method_of(recipe)
    model: Any = method.attach(load_model(base, dtype=hardware.dtype, device=hardware.device), settings)
    ids = load_tokenizer(base)("the ship", add_special_tokens=False)["input_ids"]
    wanted = torch.tensor((ids * TOKENS)[:TOKENS])
    assert torch.equal(model.get_prompt(1)[0], model.get_base_model().get_input_embeddings()(wanted))
    derive(recipe, base, hardware, examples, tmp_path, seed=0)
    assert str(base.path) not in (tmp_path / "adapter_config.json").read_text()


@pytest.mark.parametrize("changes", [{"initial": "text"}, {"text": "the ship"}])
def test_a_text_that_says_nothing_is_refused(changes: dict[str, str]) -> None:
    """A text that isn't used, or a start with a text that isn't given, is told."""
    with pytest.raises(InputError, match="give both or neither"):
        method_of(small("prompt", **changes))


def test_a_base_without_a_tokenizer_cannot_begin_with_a_text() -> None:
    """A text needs the base's tokenizer: where there is none, the error says what else to begin with."""
    method, settings = method_of(small("prompt", initial="text", text="the ship"))
    with pytest.raises(InputError, match=r"no tokenizer.*Set initial: vocabulary"):
        method.attach(BASES["llama"](), settings)


def test_a_prefix_that_checkpointing_would_drop_is_refused() -> None:
    """Gradient checkpointing takes the cache away, and the prefix with it: that is an error and no silence."""
    torch.manual_seed(0)
    model = adapted(small("prefix"), BASES["llama"]())
    model.get_base_model().gradient_checkpointing_enable()
    model(input_ids=torch.tensor([[1, 2]]))
    with pytest.raises(InputError, match="prefix: gradient checkpointing drops"):
        model.train()(input_ids=torch.tensor([[1, 2]]))


def test_a_prefix_out_of_the_sliding_window_is_refused() -> None:
    """Where the base would not look back to the prefix, rows of a batch would differ from the same rows alone."""
    torch.manual_seed(0)
    model = adapted(small("prefix"), BASES["sliding-window"]())
    with torch.no_grad():
        model(input_ids=torch.ones(1, 64 - TOKENS, dtype=torch.long))
        with pytest.raises(InputError, match="65 tokens with the prefix are more than the base's sliding window of 64"):
            model(input_ids=torch.ones(1, 65 - TOKENS, dtype=torch.long))


def test_virtual_tokens_stay_beside_a_row_in_a_short_sliding_window(base: Base) -> None:
    """Embeddings stand directly before the row, so that padding doesn't push them out of sight."""
    torch.manual_seed(0)
    model = adapted(small("prompt"), MistralForCausalLM(MistralConfig(**GROUPED, sliding_window=8)))
    scored = Engine(model, load_tokenizer(base)).choose(PROMPTS, [[[4]]] * len(PROMPTS))
    for prompt, scores in zip(PROMPTS, scored, strict=True):
        assert scores.loglikelihoods[0] == pytest.approx(alone(model, prompt).log_softmax(-1)[-1, 4].item(), abs=1e-4)


def test_bfloat16_can_be_trained_and_proved(
    recipe: Recipe, base: Base, examples: list[Example], tmp_path: Path
) -> None:
    """The proofs are exact in another number format too; what is learnt is kept in float32."""
    derive(recipe, base, Hardware(torch.device("cpu"), torch.bfloat16), examples, tmp_path, seed=0)
    proofs = json.loads((tmp_path / "training.json").read_text())["proofs"]
    assert len(proofs) == 4
    assert all(proof["holds"] for proof in proofs)


def test_switched_off_nothing_is_left(recipe: Recipe) -> None:
    """Inside `switched_off` a batch with padding has the base's logits to the bit, and afterwards its own again."""
    torch.manual_seed(0)
    model = adapted(recipe, BASES["llama"]())
    base = copy.deepcopy(model.get_base_model())
    row = {"input_ids": torch.tensor([[0, 5, 6, 7]]), "attention_mask": torch.tensor([[0, 1, 1, 1]])}
    method, _ = method_of(recipe)
    with torch.no_grad():
        on = model(**row).logits
        off = method.switched_off(model)
        assert off is not None
        with off:
            assert torch.equal(model(**row).logits, base(**row).logits)
        assert torch.equal(model(**row).logits, on)
        assert not torch.equal(on, base(**row).logits)
