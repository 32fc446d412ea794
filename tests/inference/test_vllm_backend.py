"""The parts of the vLLM backend that need no vLLM: how requests are formed, and how replies become answers.

Replies have the shape of vLLM 0.33's: `RequestOutput.outputs[0]` is a `CompletionOutput` with `token_ids`, a
`finish_reason` (`stop` or `length`) and `logprobs`, a list with a dict for each new token, from token id to `Logprob`.
A stand-in for `LLM.generate` computes them with a real model, so that the whole way is held. vLLM itself isn't run.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

from harness.errors import InputError
from harness.inference import Engine
from harness.inference.endings import Endings
from harness.inference.vllm_backend import (
    MOST_FOLLOWING,
    Adapter,
    Following,
    VllmBackend,
    following,
    generation,
    load,
    questions,
    scored,
)


@dataclass
class Logprob:
    """As vLLM's."""

    logprob: float
    rank: int | None = None
    decoded_token: str | None = None


def reply(ids: list[int], logprobs: list[dict[int, Logprob]] | None = None, reason: str = "length") -> Any:
    return SimpleNamespace(
        outputs=[SimpleNamespace(index=0, text="", token_ids=ids, logprobs=logprobs, finish_reason=reason)]
    )


def test_each_prefix_is_asked_for_once() -> None:
    """Choices that share tokens share requests; prefixes that begin alike stand together."""
    asked = questions([[1, 2], [1, 3], [1, 2]], [[[5, 6], [5, 7], [8]], [[9]], [[5, 6, 4]]])
    assert asked == [((1, 2), [5, 8]), ((1, 2, 5), [6, 7]), ((1, 2, 5, 6), [4]), ((1, 3), [9])]


def test_many_choices_are_divided() -> None:
    """A request asks about no more tokens than vLLM allows, and what the parts say is put together."""
    choices = [[token] for token in range(MOST_FOLLOWING + 10)]
    asked = questions([[1]], [choices])
    assert [len(tokens) for _, tokens in asked] == [MOST_FOLLOWING, 10]
    assert sorted(token for _, tokens in asked for token in tokens) == list(range(MOST_FOLLOWING + 10))


def test_a_reply_tells_what_follows() -> None:
    """The token that was taken is among them, and has the greatest log-probability."""
    told = following(reply([7], [{7: Logprob(-0.5, 1), 4: Logprob(-3.0, 9)}]))
    assert told == Following({7: -0.5, 4: -3.0}, -0.5)


def test_a_reply_without_numbers_is_refused() -> None:
    """As the engine refuses it."""
    with pytest.raises(InputError, match=r"no numbers.*--dtype float32"):
        following(reply([7], [{7: Logprob(float("nan"), 1)}]))


def test_choices_are_sums_along_their_tokens() -> None:
    """Greedy is what is the likeliest at every step, alone or with others."""
    found = {(1,): Following({5: -1.0, 6: -1.0}, -1.0), (1, 5): Following({7: -2.0}, -0.25)}
    scores = scored([1], [[5, 7], [6], [5]], found, 0.1)
    assert scores.loglikelihoods == (-3.0, -1.0, -1.0)
    assert scores.greedy == (False, True, True)


@pytest.mark.parametrize(
    ("ids", "reason", "text", "finished"),
    [([4, 5], "length", "4 5", False), ([4, 0], "stop", "4", True), ([4, 5, 6], "stop", "4 ", True)],
)
def test_answers_are_cut_as_the_engines_are(
    ids: list[int], reason: str, text: str, finished: bool, numbers: Any
) -> None:
    """Before an end token or a stop text, whatever vLLM leaves in; the end token counts."""
    model = SimpleNamespace(generation_config=SimpleNamespace(eos_token_id=0))
    answer = generation(reply(ids, reason=reason), Endings(model, numbers, ["5 6"]), 0.1)
    assert (answer.text, answer.tokens, answer.finished) == (text, len(ids), finished)


class FakeLLM:
    """`LLM.generate` by plain forwards of a transformers model, greedy, with what a request asks for."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self.adapters: list[Any] = []

    def generate(self, prompts: Any, settings: Any, *, use_tqdm: bool, lora_request: Any) -> list[Any]:
        self.adapters.append(lora_request)
        return [self._one(prompt["prompt_token_ids"], one) for prompt, one in zip(prompts, settings, strict=True)]

    def _one(self, prompt: list[int], asked: Any) -> Any:
        if len(prompt) >= 512:
            raise ValueError("The decoder prompt is longer than the maximum model length of 512.")
        ids, told, reason = list(prompt), [], "length"
        for _ in range(asked.max_tokens):
            with torch.no_grad():
                each = self._model(input_ids=torch.tensor([ids])).logits[0, -1].log_softmax(-1)
            token = int(each.argmax())
            wanted = [token, *(getattr(asked, "logprob_token_ids", None) or ())]
            told.append({one: Logprob(float(each[one])) for one in wanted})
            ids.append(token)
            if token in (getattr(asked, "stop_token_ids", None) or ()):
                reason = "stop"
                break
        return reply(ids[len(prompt) :], told, reason)


@pytest.fixture
def vllm(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module in vLLM's place with the classes that requests are made of."""
    module, lora, request = ModuleType("vllm"), ModuleType("vllm.lora"), ModuleType("vllm.lora.request")
    module.SamplingParams = SimpleNamespace  # type: ignore[attr-defined]
    request.LoRARequest = lambda name, number, path: (name, number, path)  # type: ignore[attr-defined]
    for name, one in {"vllm": module, "vllm.lora": lora, "vllm.lora.request": request}.items():
        monkeypatch.setitem(sys.modules, name, one)
    return module


@pytest.mark.usefixtures("vllm")
def test_the_whole_way_says_what_the_engine_says(stories: Any, stories_tokenizer: Any, prompts: Any) -> None:
    """Scores, greedy flags and answers of real prompts through requests and replies are the engine's."""
    folder = Path(stories.config.name_or_path)
    backend, engine = VllmBackend(FakeLLM(stories), stories_tokenizer, folder, 1), Engine(stories, stories_tokenizer)
    some = prompts[:4]
    choices = [[[5, 9, 40], [5, 9, 41], [7]]] * len(some)
    for ours, right in zip(backend.choose(some, choices), engine.choose(some, choices), strict=True):
        assert ours.loglikelihoods == pytest.approx(right.loglikelihoods, abs=1e-4)
        assert ours.greedy == right.greedy
    answers = (one.generate(some, max_new_tokens=8, stop=["."]) for one in (backend, engine))
    for ours, right in zip(*answers, strict=True):
        assert (ours.text, ours.finished) == (right.text, right.finished)


@pytest.mark.usefixtures("vllm")
def test_an_adapter_goes_with_every_request(stories: Any, stories_tokenizer: Any, tmp_path: Path) -> None:
    """By name, number and folder, as vLLM tells adapters apart; the base goes without."""
    llm, folder = FakeLLM(stories), Path(stories.config.name_or_path)
    VllmBackend(llm, stories_tokenizer, folder, 1, Adapter("lora", 3, tmp_path)).generate([[1]], max_new_tokens=1)
    VllmBackend(llm, stories_tokenizer, folder, 1).choose([[1]], [[[5]]])
    assert llm.adapters == [("lora", 3, str(tmp_path)), None]


@pytest.mark.usefixtures("vllm")
def test_what_vllm_refuses_is_bad_input(stories: Any, stories_tokenizer: Any) -> None:
    """A prompt that leaves no room for a new token, with a remedy."""
    backend = VllmBackend(FakeLLM(stories), stories_tokenizer, Path(stories.config.name_or_path), 1)
    with pytest.raises(InputError, match=r"vLLM refuses a prompt.*--backend engine"):
        backend.choose([[1] * 512], [[[5]]])


def test_vllm_that_is_absent_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that installs it."""
    monkeypatch.setattr("harness.inference.vllm_backend.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install \"harness\[vllm\]\""):
        load(tmp_path, tmp_path, dtype="float32", devices=1, ranks=(), trusted=False)
