from typing import Any

import pytest
import torch

from harness.errors import InputError
from harness.inference import Engine, Generation

NEW = 24


def answers(generations: list[Generation]) -> list[tuple[str, int, bool]]:
    """Everything but the time."""
    return [(g.text, g.tokens, g.finished) for g in generations]


@pytest.fixture(scope="session")
def plain(stories: Any, stories_tokenizer: Any, prompts: list[list[int]]) -> list[str]:
    """The text that transformers' own generate gives for each prompt alone."""
    texts = []
    for prompt in prompts:
        ids = torch.tensor([prompt])
        whole = stories.generate(
            ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=NEW, pad_token_id=0
        )
        texts.append(stories_tokenizer.decode(whole[0, len(prompt) :], skip_special_tokens=True))
    return texts


@pytest.mark.parametrize(("rows", "tokens"), [(128, 16_384), (5, 16_384), (128, 150), (1, 1)])
def test_greedy_text_is_that_of_transformers_whatever_the_batches(
    stories: Any, stories_tokenizer: Any, prompts: list[list[int]], plain: list[str], rows: int, tokens: int
) -> None:
    """Prompts of different lengths, batched together or alone, continue as `generate(do_sample=False)` says."""
    engine = Engine(stories, stories_tokenizer, batch_rows=rows, batch_tokens=tokens)
    generated = engine.generate(prompts, max_new_tokens=NEW)
    assert [g.text for g in generated] == plain
    assert all(g.text for g in generated)


def test_the_order_of_prompts_changes_nothing(stories: Any, stories_tokenizer: Any, prompts: list[list[int]]) -> None:
    """Each prompt has its answer wherever it stands."""
    engine = Engine(stories, stories_tokenizer, batch_rows=7)
    forwards = engine.generate(prompts, max_new_tokens=NEW, stop=["."])
    backwards = engine.generate(prompts[::-1], max_new_tokens=NEW, stop=["."])
    assert answers(forwards) == answers(backwards[::-1])


@pytest.mark.parametrize("stop", [["."], [" was"], [". ", "!"], ["d t", "y d"], ["ß"], ["ppy", "he"]])
def test_text_ends_before_the_first_stop(
    stories: Any, stories_tokenizer: Any, prompts: list[list[int]], plain: list[str], stop: list[str]
) -> None:
    """The answer is the plain text up to the first stop text in it, also one that spans tokens or is inside one."""
    generated = Engine(stories, stories_tokenizer).generate(prompts, max_new_tokens=NEW, stop=stop)
    for answer, text in zip(generated, plain, strict=True):
        places = [text.find(mark) for mark in stop if mark in text]
        assert answer.text == (text[: min(places)] if places else text)
        assert answer.finished == bool(places)
        assert answer.tokens == NEW or answer.finished


@pytest.mark.parametrize("stop", [".", ". The", "y was"])
def test_a_stop_ends_the_computing(stories: Any, stories_tokenizer: Any, prompts: list[list[int]], stop: str) -> None:
    """No token is generated after the one that completes the stop text, also where the text spans several tokens."""
    engine = Engine(stories, stories_tokenizer)
    generated = engine.generate(prompts, max_new_tokens=60, stop=[stop])
    stopped = [(prompt, answer) for prompt, answer in zip(prompts, generated, strict=True) if answer.finished]
    assert stopped
    for prompt, answer in stopped:
        assert not engine.generate([prompt], max_new_tokens=answer.tokens - 1, stop=[stop])[0].finished


def test_the_limit_leaves_an_answer_unfinished(stories: Any, stories_tokenizer: Any, prompts: list[list[int]]) -> None:
    """An answer that reaches the limit has that many tokens and isn't finished."""
    for answer in Engine(stories, stories_tokenizer).generate(prompts, max_new_tokens=3):
        assert (answer.tokens, answer.finished) == (3, False)


@pytest.mark.parametrize("as_list", [False, True])
def test_an_end_token_finishes_the_answer(
    stories: Any,
    stories_tokenizer: Any,
    prompts: list[list[int]],
    monkeypatch: pytest.MonkeyPatch,
    as_list: bool,
) -> None:
    """The model's end tokens (one, or a list) end the text before them and are counted; others in the batch go on."""
    first = Engine(stories, stories_tokenizer).generate(prompts[:1], max_new_tokens=4)[0]
    fourth = stories.generate(torch.tensor(prompts[:1]), do_sample=False, max_new_tokens=4, pad_token_id=0)[
        0, -1
    ].item()
    monkeypatch.setattr(stories.generation_config, "eos_token_id", [2, fourth] if as_list else fourth)
    generated = Engine(stories, stories_tokenizer).generate(prompts, max_new_tokens=NEW)
    assert generated[0].finished
    assert generated[0].tokens <= 4
    assert first.text.startswith(generated[0].text)
    assert {g.tokens for g in generated} != {generated[0].tokens}
    for prompt, answer in zip(prompts, generated, strict=True):
        ids = torch.tensor([prompt])
        whole = stories.generate(
            ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=NEW, pad_token_id=0
        )[0, len(prompt) :].tolist()
        assert answer.tokens == len(whole)
        ends = whole[-1] in (2, fourth)
        assert answer.finished == ends
        assert answer.text == stories_tokenizer.decode(whole[:-1] if ends else whole, skip_special_tokens=True)


def test_progress_counts_every_prompt(stories: Any, stories_tokenizer: Any, prompts: list[list[int]]) -> None:
    """`advance` is told the prompts that are answered together, and each answer has its share of the time."""
    told: list[int] = []
    generated = Engine(stories, stories_tokenizer, batch_rows=10).generate(
        prompts, max_new_tokens=1, advance=told.append
    )
    assert told == [10, 10, 4]
    assert all(g.seconds > 0 for g in generated)


def test_no_prompts_have_no_answers(stories: Any, stories_tokenizer: Any) -> None:
    """Nothing asked is nothing answered."""
    assert Engine(stories, stories_tokenizer).generate([], max_new_tokens=4) == []


def test_a_prompt_without_tokens_is_refused(stories: Any, stories_tokenizer: Any) -> None:
    """An empty prompt is told by its number; it would be computed from padding alone."""
    with pytest.raises(InputError, match="prompt 2 of 2 is empty"):
        Engine(stories, stories_tokenizer).generate([[1], []], max_new_tokens=4)


def test_an_empty_stop_text_is_refused(stories: Any, stories_tokenizer: Any) -> None:
    """It stands at the beginning of every text, so every answer would be empty."""
    with pytest.raises(InputError, match="stop text 1 of 1 is empty"):
        Engine(stories, stories_tokenizer).generate([[1]], max_new_tokens=4, stop=[""])
