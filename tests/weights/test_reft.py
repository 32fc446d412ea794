"""Interventions act on the right positions, whatever the padding, the batches and the cache, and peft handles them."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel, get_peft_model
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache

from harness.errors import InputError
from harness.inference import Engine
from harness.weights import Base, Example, Hardware, Recipe, Stage, derive, restore
from harness.weights.base import load_model
from harness.weights.methods.reft import Loreft, ReftSettings
from harness.weights.peft_methods.reft_config import ReftConfig
from harness.weights.peft_methods.reft_layer import ReftLayer, orthonormal
from harness.weights.peft_methods.reft_places import Call, at_first_and_last, prompt_tokens
from harness.weights.training import LossOn, TrainingSettings
from harness.weights.training.loss import Loss
from harness.weights.training.processes import Part

PROMPTS = [[20, 21, 22, 30, 31, 40], [40], [5, 6, 7, 8, 9, 10, 11, 12, 13], [60, 61, 62]]
KINDS = ("loreft", "direft")


def llama(folder: Path) -> Any:
    """The random Llama with larger weights, so that what one position holds matters to those that see it."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    for number, parameter in enumerate(parameter for parameter in model.parameters() if parameter.ndim == 2):
        torch.nn.init.normal_(parameter, std=0.3, generator=torch.Generator().manual_seed(number))
    return model


def strong(folder: Path, seed: int = 1, **settings: Any) -> Any:
    """The random Llama with interventions that change its logits by much."""
    torch.manual_seed(seed)
    chosen = {"rank": 3, "first": 2, "last": 2, **settings}
    model = get_peft_model(llama(folder), ReftConfig(task_type="CAUSAL_LM", **chosen)).eval()
    for name, parameter in model.named_parameters():
        if "reft_source" in name:
            torch.nn.init.normal_(parameter, std=1.0)
    return model


@pytest.fixture(params=KINDS)
def model(request: pytest.FixtureRequest, llama_folder: Path) -> Any:
    return strong(llama_folder, kind=request.param)


def alone(model: Any, prompt: list[int]) -> torch.Tensor:
    """Logits of a prompt without padding, `(time, vocab)`."""
    with torch.no_grad():
        return model(input_ids=torch.tensor([prompt])).logits[0]


def padded(rows: list[list[int]], side: str) -> tuple[torch.Tensor, torch.Tensor]:
    width = max(map(len, rows))
    filler = [[0] * (width - len(row)) for row in rows]
    joined = [more + row if side == "left" else row + more for row, more in zip(rows, filler, strict=True)]
    mask = [
        [0] * len(more) + [1] * len(row) if side == "left" else [1] * len(row) + [0] * len(more)
        for row, more in zip(rows, filler, strict=True)
    ]
    return torch.tensor(joined), torch.tensor(mask)


def positions(mask: torch.Tensor) -> torch.Tensor:
    return (mask.cumsum(-1) - 1).clamp_min(0)


@pytest.mark.parametrize(("first", "last"), [(1, 1), (3, 1), (0, 2), (4, 4), (2, 0)])
@pytest.mark.parametrize("length", range(1, 9))
def test_a_short_prompt_gives_its_last_positions_first(length: int, first: int, last: int) -> None:
    """No position is both first and last; a prompt too short for all keeps the last ones."""
    prompt = torch.tensor([[False] * 2 + [True] * length + [False] * 3])
    begins, ends = (mask[0, 2 : 2 + length].tolist() for mask in at_first_and_last(prompt, first, last))
    kept = min(last, length)
    assert ends == [False] * (length - kept) + [True] * kept
    assert begins == [place < first and not end for place, end in enumerate(ends)]


@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_changes_nothing(model: Any, side: str) -> None:
    """A batch of unequal prompts, padded on either side, gives each what it gives alone, to 1e-5."""
    ids, mask = padded(PROMPTS, side)
    with torch.no_grad():
        logits = model(input_ids=ids, attention_mask=mask, position_ids=positions(mask)).logits
    for row, keep, prompt in zip(logits, mask.bool(), PROMPTS, strict=True):
        assert (row[keep] - alone(model, prompt)).abs().max() <= 1e-5


def test_only_the_chosen_positions_are_changed(llama_folder: Path) -> None:
    """Behind the last layer, what isn't among the first two and the last one of the prompt is as the base has it."""
    model = strong(llama_folder, layers=[1], first=2, last=1)
    prompt = PROMPTS[2]
    with model.disable_adapter():
        base = alone(model, prompt)
    changed = ((alone(model, prompt) - base).abs().amax(-1) > 0).tolist()
    assert changed == [place in (0, 1, len(prompt) - 1) for place in range(len(prompt))]


def test_tied_weights_are_one_set(llama_folder: Path) -> None:
    """Tied, the same intervention acts on first and last positions; untied there are two, and they differ."""
    tied, untied = strong(llama_folder, tied=True), strong(llama_folder)
    sizes = [sum(p.numel() for name, p in m.named_parameters() if "reft_" in name) for m in (tied, untied)]
    assert 2 * sizes[0] == sizes[1]
    hidden = torch.randn(1, 16)
    layer = untied.base_model.model.model.layers[0]
    assert not torch.allclose(layer.intervene("default", 0, hidden), layer.intervene("default", 1, hidden))


def test_the_rows_of_r_are_orthonormal_and_their_gradient_is_right() -> None:
    """QR of a tall matrix with a positive diagonal, whose gradient agrees with finite differences."""
    free = torch.randn(2, 7, 3, dtype=torch.float32)
    rotation = orthonormal(free)
    assert torch.allclose(rotation.mT @ rotation, torch.eye(3).expand(2, 3, 3), atol=1e-6)
    assert torch.allclose(orthonormal(5 * free), rotation, atol=1e-6)
    weights = torch.randn(2, 7, 3)
    free.requires_grad_()
    (orthonormal(free) * weights).sum().backward()
    step = torch.randn_like(free) * 1e-3
    with torch.no_grad():
        slope = ((orthonormal(free + step) - orthonormal(free - step)) * weights).sum() / 2
        assert torch.isclose((free.grad * step).sum(), slope, rtol=2e-2, atol=1e-5)


def test_labels_say_where_the_prompt_ends(model: Any) -> None:
    """With labels the tokens from the first label on aren't prompt, as with the prompt's mask."""
    ids, mask = padded([[*prompt, 50, 51] for prompt in PROMPTS], "right")
    labels = ids.masked_fill(mask == 0, -100)
    prompt_mask = torch.zeros_like(mask)
    for row, prompt in enumerate(PROMPTS):
        labels[row, : len(prompt)] = -100
        prompt_mask[row, : len(prompt)] = 1
    with torch.no_grad():
        told, seen, whole = (
            model(input_ids=ids, attention_mask=mask, **more).logits
            for more in ({"prompt_mask": prompt_mask}, {"labels": labels}, {})
        )
    assert torch.equal(told, seen)
    assert not torch.allclose(told, whole, atol=1e-2)


def test_a_mask_is_needed_where_labels_leave_no_prompt(model: Any) -> None:
    """A loss on the prompt needs the prompt's mask: without it nothing would be learnt, so it is an error."""
    ids = torch.tensor([PROMPTS[0]])
    with pytest.raises(ValueError, match=r"no prompt to intervene on.*Give prompt_mask"):
        model(input_ids=ids, labels=ids)
    mask = torch.ones_like(ids)
    assert torch.equal(model(input_ids=ids, labels=ids, prompt_mask=mask).logits[0], alone(model, PROMPTS[0]))


@pytest.mark.parametrize("loss_on", ["completion", "all"])
def test_training_acts_where_inference_does(model: Any, examples: list[Example], loss_on: LossOn) -> None:
    """Whatever has a loss, a completion's loss is minus the log-likelihood that scoring it gives."""
    training = TrainingSettings(learning_rate=1e-3)
    for example in examples[:3]:
        ids = [*example.prompt, *example.completion]
        mask = torch.tensor([[place < len(example.prompt) for place in range(len(ids))]])
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([ids]), prompt_mask=mask).logits[0]
        begins = 1 if loss_on == "all" else len(example.prompt)
        nats = torch.nn.functional.cross_entropy(logits[begins - 1 : -1], torch.tensor(ids[begins:])).item()
        loss = Loss(model, training, loss_on)
        assert abs(loss.mean([Part([example])], loss.count([example])) - nats) <= 1e-5


def test_padding_is_never_prompt() -> None:
    """A prompt mask that covers padding is cut to what is attended."""
    ids, mask = padded([[1, 2, 3], [4]], "left")
    call = Call(2, 3, 0, ids.device, attention_mask=mask, prompt_mask=torch.ones_like(mask))
    assert torch.equal(prompt_tokens(call), mask.bool())


@pytest.mark.parametrize("cut", [1, 4, 8])
def test_a_prompt_in_chunks_needs_its_whole_mask(model: Any, cut: int) -> None:
    """Cached in two passes it gives what it gives in one; without the mask the second pass is an error."""
    prompt = PROMPTS[2]
    ids, mask = torch.tensor([prompt]), torch.ones(1, len(prompt), dtype=torch.long)
    with torch.no_grad():
        cache = DynamicCache(config=model.config)
        logits = [
            model(input_ids=chunk, past_key_values=cache, prompt_mask=mask).logits[0]
            for chunk in (ids[:, :cut], ids[:, cut:])
        ]
        assert (torch.cat(logits) - alone(model, prompt)).abs().max() <= 1e-5
        cache = DynamicCache(config=model.config)
        model(input_ids=ids[:, :cut], past_key_values=cache)
        if cut < len(prompt) - 1:
            with pytest.raises(ValueError, match="Give prompt_mask"):
                model(input_ids=ids[:, cut:], past_key_values=cache)


def test_a_mask_of_the_wrong_shape_is_an_error(model: Any) -> None:
    """A prompt mask covers the cached tokens too, as an attention mask does."""
    with pytest.raises(ValueError, match="prompt_mask: its shape is"):
        model(input_ids=torch.tensor([[1, 2, 3]]), prompt_mask=torch.ones(1, 2))


def test_decoding_steps_are_not_intervened_on(model: Any) -> None:
    """A token after a cached prompt is computed as the same row in one pass with the prompt's mask."""
    prompt, mask = PROMPTS[0], torch.tensor([[1] * len(PROMPTS[0]) + [0]])
    with torch.no_grad():
        cache = model(input_ids=torch.tensor([prompt]), use_cache=True).past_key_values
        step = model(input_ids=torch.tensor([[50]]), past_key_values=cache).logits[0, -1]
        whole = model(input_ids=torch.tensor([[*prompt, 50]]), prompt_mask=mask).logits[0, -1]
    assert (step - whole).abs().max() <= 1e-5


def by_hand(model: Any, prompt: list[int], new: int) -> list[int]:
    """Greedy decoding without padding and cache, with the prompt's mask."""
    ids = list(prompt)
    for _ in range(new):
        mask = torch.tensor([[1] * len(prompt) + [0] * (len(ids) - len(prompt))])
        with torch.no_grad():
            ids.append(int(model(input_ids=torch.tensor([ids]), prompt_mask=mask).logits[0, -1].argmax()))
    return ids[len(prompt) :]


@pytest.mark.parametrize(
    "more",
    [{}, {"use_cache": False}, {"prefill_chunk_size": 4}, {"cache_implementation": "static"}],
    ids=["cache", "no-cache", "chunks", "static"],
)
def test_transformers_generates_the_same(model: Any, more: dict[str, Any]) -> None:
    """Left-padded and in one batch, transformers' generate gives each prompt what it gives alone, with any cache."""
    ids, mask = padded(PROMPTS, "left")
    settings = {"do_sample": False, "max_new_tokens": 5, "min_new_tokens": 5, "pad_token_id": 0, "eos_token_id": None}
    written = model.generate(input_ids=ids, attention_mask=mask, **settings, **more)[:, ids.shape[1] :].tolist()
    expected = [by_hand(model, prompt, 5) for prompt in PROMPTS]
    assert written == expected
    assert len({tuple(row) for row in expected}) > 1


def test_beams_keep_their_rows(model: Any) -> None:
    """Beam search of a padded batch gives each prompt what it gives alone."""
    ids, mask = padded(PROMPTS, "left")
    settings = {"do_sample": False, "num_beams": 3, "max_new_tokens": 4, "pad_token_id": 0, "eos_token_id": None}
    written = model.generate(input_ids=ids, attention_mask=mask, **settings)[:, ids.shape[1] :]
    for row, prompt in zip(written, PROMPTS, strict=True):
        single = model.generate(
            input_ids=torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt), dtype=torch.long), **settings
        )
        assert row.tolist() == single[0, len(prompt) :].tolist()


def test_the_engine_generates_what_each_prompt_gives_alone(model: Any, llama_folder: Path) -> None:
    """In batches, one at a time, and without a cache the answers are the same."""
    tokenizer = AutoTokenizer.from_pretrained(llama_folder)
    together, single = (
        [answer.text for answer in Engine(model, tokenizer, batch_rows=rows).generate(PROMPTS, max_new_tokens=5)]
        for rows in (4, 1)
    )
    assert together == single
    texts = [tokenizer.decode(by_hand(model, prompt, 5)).split("<end>")[0] for prompt in PROMPTS]
    assert together == texts


def test_choices_are_scored_after_the_prompt_alone(model: Any, llama_folder: Path) -> None:
    """Log-likelihoods don't depend on the batches, and a choice's own tokens are never intervened on."""
    tokenizer = AutoTokenizer.from_pretrained(llama_folder)
    choices = [[[50], [51, 52, 53], [51, 52, 54], [60, 61]] for _ in PROMPTS]
    together, single = (
        [score.loglikelihoods for score in Engine(model, tokenizer, batch_rows=rows).choose(PROMPTS, choices)]
        for rows in (16, 1)
    )
    assert torch.allclose(torch.tensor(together), torch.tensor(single), atol=1e-4)
    for prompt, options, scores in zip(PROMPTS, choices, together, strict=True):
        for choice, score in zip(options, scores, strict=True):
            mask = torch.tensor([[1] * len(prompt) + [0] * len(choice)])
            with torch.no_grad():
                logits = model(input_ids=torch.tensor([[*prompt, *choice]]), prompt_mask=mask).logits[0]
            each = logits.log_softmax(-1)[len(prompt) - 1 : -1].gather(-1, torch.tensor(choice)[:, None])
            assert abs(each.sum().item() - score) <= 1e-4


def test_gradient_checkpointing_gives_the_same_gradients(model: Any) -> None:
    """Layers that are computed again on the way back are intervened on at the same positions."""
    ids, mask = padded([[*prompt, 50] for prompt in PROMPTS], "right")
    labels = ids.masked_fill(mask == 0, -100)
    for row, prompt in enumerate(PROMPTS):
        labels[row, : len(prompt)] = -100

    def gradients() -> list[torch.Tensor]:
        model.zero_grad()
        model.train()(input_ids=ids, attention_mask=mask, labels=labels).loss.backward()
        return [p.grad.clone() for name, p in model.named_parameters() if "reft_" in name]

    plain = gradients()
    model.gradient_checkpointing_enable({"use_reentrant": False})
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(plain, gradients(), strict=True))
    assert all(gradient.abs().max() > 0 for gradient in plain)


def test_a_layer_called_without_the_model_is_an_error(model: Any) -> None:
    """Where nobody says what the prompt is, nothing is silently left out."""
    with pytest.raises(RuntimeError, match="without the whole model around it"):
        model.base_model.model.model(input_ids=torch.tensor([[1, 2]]))


def test_plain_peft_loads_it_to_the_bit(model: Any, llama_folder: Path, tmp_path: Path) -> None:
    """What save_pretrained writes is what comes back, orthonormal rows included, also on the meta device first."""
    model.save_pretrained(tmp_path)
    for more in ({}, {"low_cpu_mem_usage": True}):
        loaded = PeftModel.from_pretrained(llama(llama_folder), tmp_path, **more).eval()
        assert torch.equal(alone(loaded, PROMPTS[0]), alone(model, PROMPTS[0]))
    names = {name.rpartition(".")[2] for name in load_file(tmp_path / "adapter_model.safetensors")}
    assert names <= {"reft_rotation", "reft_projection", "reft_source_weight", "reft_source_bias"}


def test_several_adapters_are_kept_apart(llama_folder: Path, tmp_path: Path) -> None:
    """One model holds both kinds, with positions and layers of their own, and each gives what it gives alone."""
    prompt, folders = PROMPTS[2], [tmp_path / kind for kind in KINDS]
    settings: list[dict[str, Any]] = [{"first": 1, "last": 3}, {"first": 0, "last": 1, "layers": [1], "rank": 2}]
    expected = []
    for kind, folder, chosen in zip(KINDS, folders, settings, strict=True):
        single = strong(llama_folder, kind=kind, **chosen)
        single.save_pretrained(folder)
        expected.append(alone(single, prompt))
    both = PeftModel.from_pretrained(llama(llama_folder), folders[0], adapter_name=KINDS[0])
    both.load_adapter(folders[1], KINDS[1])
    both.eval()
    for kind, wanted in zip(KINDS, expected, strict=True):
        both.set_adapter(kind)
        assert torch.equal(alone(both, prompt), wanted)
    with both.disable_adapter():
        assert torch.equal(alone(both, prompt), alone(llama(llama_folder), prompt))
    both.delete_adapter(KINDS[1])
    both.set_adapter(KINDS[0])
    assert torch.equal(alone(both, prompt), expected[0])


def test_the_rows_of_a_batch_may_have_adapters_of_their_own(llama_folder: Path, tmp_path: Path) -> None:
    """With peft's `adapter_names`, each row gives what it gives with its adapter alone, in one pass and generated."""
    strong(llama_folder, kind="direft", first=0, last=1, layers=[1]).save_pretrained(tmp_path)
    model = strong(llama_folder, seed=2)
    model.load_adapter(tmp_path, "other")
    model.eval()
    names = ["default", "other", "__base__", "other"]
    ids, mask = padded(PROMPTS, "left")
    settings = {"do_sample": False, "num_beams": 2, "max_new_tokens": 4, "pad_token_id": 0, "eos_token_id": None}
    with torch.no_grad():
        mixed = model(input_ids=ids, attention_mask=mask, position_ids=positions(mask), adapter_names=names).logits
    texts = model.generate(input_ids=ids, attention_mask=mask, adapter_names=names, **settings)[:, ids.shape[1] :]
    for name, prompt, logits, text in zip(names, PROMPTS, mixed, texts, strict=True):
        whole = torch.ones(1, len(prompt), dtype=torch.long)
        if name == "__base__":
            with model.disable_adapter():
                wanted = alone(model, prompt)
                single = model.generate(input_ids=torch.tensor([prompt]), attention_mask=whole, **settings)
        else:
            model.set_adapter(name)
            wanted = alone(model, prompt)
            single = model.generate(input_ids=torch.tensor([prompt]), attention_mask=whole, **settings)
        assert (logits[-1] - wanted[-1]).abs().max() <= 1e-5
        assert text.tolist() == single[0, len(prompt) :].tolist()
    with pytest.raises(ValueError, match="no adapter third"):
        model(input_ids=ids, adapter_names=["third"] * 4)


def test_unloading_gives_the_base_back(model: Any, llama_folder: Path) -> None:
    """Without the adapters no layer and no hook of theirs is left, and merging is refused."""
    with pytest.raises(ValueError, match="can't be merged"):
        model.merge_and_unload()
    base = model.unload()
    assert not any(isinstance(module, ReftLayer) for module in base.modules())
    assert torch.equal(alone(base, PROMPTS[0]), alone(llama(llama_folder), PROMPTS[0]))
    assert not base._forward_pre_hooks
    assert not base._forward_hooks


def test_an_alpha_scales_the_change(llama_folder: Path) -> None:
    """At 0.5 the last layer's hidden state moves half as far, which is not a point between weights."""
    model = strong(llama_folder, layers=[1])
    layer = model.base_model.model.model.layers[1]
    hidden = torch.randn(3, 16)
    whole = layer.intervene("default", 0, hidden)
    Loreft().scale(model, 0.5)
    assert torch.allclose(layer.intervene("default", 0, hidden), (hidden + whole) / 2, atol=1e-6)


def test_a_line_gives_what_restore_gives(
    base: Base, hardware: Hardware, examples: list[Example], tmp_path: Path
) -> None:
    """Moved to and fro, the one loaded model is to the bit the one that is restored at that alpha."""
    recipe = Recipe.model_validate(
        {
            "name": "loreft",
            "method": "loreft",
            "settings": {"rank": 2},
            "training": {"learning_rate": 1e-2, "epochs": 1, "batch_size": 4, "weight_decay": 0.5},
        }
    )
    derive(recipe, base, hardware, examples, tmp_path, seed=0)
    at = Loreft().line(load_model(base, dtype=hardware.dtype, device=hardware.device), tmp_path)
    assert at is not None
    alphas = (0.5, 1.0, 0.0, 0.5)
    moved = [alone(at(alpha), PROMPTS[0]) for alpha in alphas]
    for alpha, logits in zip(alphas, moved, strict=True):
        assert torch.equal(logits, alone(restore([Stage(recipe, tmp_path)], base, hardware, alpha), PROMPTS[0]))
    assert all((a - b).abs().max() > 0 for a, b in pairwise(moved))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layers": [0, 2]}, r"layers: this base has no layers \[2\].*from 0 to 1"),
        ({"rank": 17}, "rank: there are no 17 orthonormal rows of 16"),
        ({"act_fn": "swoosh"}, "act_fn: transformers has no 'swoosh'"),
    ],
)
def test_settings_that_do_not_fit_the_base_are_told(llama_folder: Path, settings: dict[str, Any], message: str) -> None:
    """What can't be built on this base is an error that says what to give."""
    with pytest.raises(InputError, match=message):
        Loreft().attach(llama(llama_folder), ReftSettings(**settings))


def test_no_position_is_an_error() -> None:
    """Interventions on no position change nothing, so they are refused by the recipe and by peft's configuration."""
    for kind in (ReftSettings, ReftConfig):
        with pytest.raises(ValueError, match="first"):
            kind(first=0, last=0)


def test_two_passes_do_not_mix(model: Any) -> None:
    """Each pass has its own positions: a longer prompt before changes nothing."""
    before = alone(model, PROMPTS[3])
    alone(model, PROMPTS[2])
    assert torch.equal(alone(model, PROMPTS[3]), before)
