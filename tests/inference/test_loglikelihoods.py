import copy
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import GPT2Config, GPT2LMHeadModel

from harness.errors import InputError
from harness.inference import Engine, Mode

Choices = list[list[list[int]]]


@pytest.fixture(scope="session")
def choices(prompts: list[list[int]]) -> Choices:
    """Two to five choices a prompt, of one to six tokens."""
    generator = torch.Generator().manual_seed(0)
    sizes = torch.randint(2, 6, (len(prompts),), generator=generator).tolist()
    return [
        [torch.randint(3, 512, (1 + (row + place) % 6,), generator=generator).tolist() for place in range(size)]
        for row, size in enumerate(sizes)
    ]


def plain(model: Any, prompt: list[int], choice: list[int]) -> float:
    """The log-likelihood by one forward of the row alone, log_softmax over all positions."""
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([[*prompt, *choice]])).logits[0]
    each = torch.log_softmax(logits.float(), -1)[len(prompt) - 1 : -1]
    return sum(each[place, token].item() for place, token in enumerate(choice))


def assert_plain(engine: Engine, model: Any, prompts: list[list[int]], choices: Choices) -> None:
    scored = engine.choose(prompts, choices)
    for prompt, options, scores in zip(prompts, choices, scored, strict=True):
        assert scores.loglikelihoods == pytest.approx([plain(model, prompt, choice) for choice in options], abs=1e-4)


@pytest.mark.parametrize(("rows", "tokens"), [(128, 16_384), (3, 16_384), (128, 200), (1, 1)])
def test_loglikelihoods_are_those_of_a_plain_forward(
    stories: Any, stories_tokenizer: Any, prompts: list[list[int]], choices: Choices, rows: int, tokens: int
) -> None:
    """Batched with others of other lengths, or alone, a choice has the sum that log_softmax gives, within 1e-4."""
    engine = Engine(stories, stories_tokenizer, batch_rows=rows, batch_tokens=tokens)
    assert_plain(engine, stories, prompts, choices)


def test_the_order_of_cases_changes_no_number(
    stories: Any, stories_tokenizer: Any, prompts: list[list[int]], choices: Choices
) -> None:
    """Each case has its scores wherever it stands, within 1e-4, choices in their order."""
    engine = Engine(stories, stories_tokenizer, batch_rows=6)
    forwards = engine.choose(prompts, choices)
    backwards = engine.choose(prompts[::-1], choices[::-1])[::-1]
    for one, other in zip(forwards, backwards, strict=True):
        assert one.loglikelihoods == pytest.approx(other.loglikelihoods, abs=1e-4)


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # peft 0.21 with transformers 5.23
def test_a_peft_model_is_computed_with_its_adapter(
    stories: Any, stories_tokenizer: Any, prompts: list[list[int]], choices: Choices
) -> None:
    """Scores of a LoRA model are those of a plain forward with the deltas, and not the base's."""
    torch.manual_seed(0)
    config = LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False, task_type="CAUSAL_LM")
    adapted = get_peft_model(copy.deepcopy(stories), config).eval()
    assert_plain(Engine(adapted, stories_tokenizer), adapted, prompts[:6], choices[:6])
    base, lora = (Engine(m, stories_tokenizer).choose(prompts[:1], choices[:1])[0] for m in (stories, adapted))
    assert base.loglikelihoods != pytest.approx(lora.loglikelihoods, abs=1e-3)


def test_dropout_is_off(stories: Any, stories_tokenizer: Any) -> None:
    """The engine puts its model into evaluation mode, so that two calls agree."""
    model = GPT2LMHeadModel(GPT2Config(vocab_size=512, n_layer=1, n_embd=16, n_head=2, resid_pdrop=0.5)).train()
    engine = Engine(model, stories_tokenizer)
    first, second = (engine.choose([[1, 2, 3]], [[[4], [5, 6]]])[0].loglikelihoods for _ in range(2))
    assert first == second


@pytest.mark.parametrize("mode", [Mode.CASCADE, Mode.PADDED])
def test_progress_counts_every_prompt_once(
    stories: Any, stories_tokenizer: Any, prompts: list[list[int]], choices: Choices, mode: Mode
) -> None:
    """`advance` is told each prompt when its last choice is scored, and each has its share of the time."""
    told: list[int] = []
    engine = Engine(stories, stories_tokenizer, mode=mode, chunk_tokens=64, batch_rows=10)
    scored = engine.choose(prompts, choices, advance=told.append)
    assert len(told) > 2
    assert sum(told) == len(prompts)
    assert all(scores.seconds > 0 for scores in scored)


def test_an_empty_choice_is_refused(stories: Any, stories_tokenizer: Any) -> None:
    """A choice of no tokens would have the likelihood 1 and win every time."""
    with pytest.raises(InputError, match="choice 3 of 3 is empty"):
        Engine(stories, stories_tokenizer).choose([[1], [1]], [[[4]], [[5], []]])


def test_logits_that_are_no_numbers_are_refused(stories: Any, stories_tokenizer: Any) -> None:
    """A model that overflows is an error: it is neither scored nor does it generate its first token for ever."""
    broken = copy.deepcopy(stories)
    with torch.no_grad():
        broken.model.norm.weight.fill_(float("nan"))
    engine = Engine(broken, stories_tokenizer)
    with pytest.raises(InputError, match=r"logits are no numbers.*float32"):
        engine.choose([[1]], [[[4], [5]]])
    with pytest.raises(InputError, match=r"logits are no numbers.*float32"):
        engine.generate([[1]], max_new_tokens=2)
