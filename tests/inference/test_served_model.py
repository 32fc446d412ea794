"""Models behind a server: what is sent, what is made of replies, and that each is asked for once and kept."""

import json
import logging
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from scripted import Answer, Request, scripted

from harness.api import ApiClient, Server
from harness.errors import ApiError, CacheError, InputError
from harness.inference import Engine
from harness.inference.served import Replies, ServedModel
from harness.inference.served.replies import Kept
from harness.inference.served.said import loglikelihood, said

CHAT = [{"role": "user", "content": "Where is the Otter?"}]


def reply(text: str | None = "Brindle", finish: str = "stop", **changes: Any) -> dict[str, Any]:
    """A reply of a chat, as documented."""
    return {
        "model": "m-2026-01-01",
        "system_fingerprint": "fp_1",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11},
        **changes,
    }


def message(content: Any = None, **others: Any) -> dict[str, Any]:
    """A reply whose message holds this and what some servers add."""
    return {"choices": [{"message": {"content": content, **others}, "finish_reason": "stop"}]}


def served(url: str, folder: Path, *, fresh: bool = False, endpoint: str = "chat", retries: int = 0) -> ServedModel:
    client = ApiClient(Server(url, retries=retries, concurrency=3))
    return ServedModel(client, "m", endpoint, Replies(folder, fresh=fresh))  # type: ignore[arg-type]


def ask(model: ServedModel, texts: Sequence[str], **options: Any) -> list[str]:
    prompts = [[{"role": "user", "content": text}] for text in texts]
    return [one.failure or one.text for one in model.generate(prompts, max_new_tokens=8, **options)]


def echo(request: Request) -> Any:
    """Answers with what was asked, in capitals."""
    return reply(request.json["messages"][-1]["content"].upper())


def test_what_is_sent_is_what_every_server_takes(tmp_path):
    """The body has the model, the prompt, the limit, temperature 0, a seed and stops, and nothing that some refuse."""
    with scripted(lambda request: reply()) as server:
        model = served(server.url, tmp_path)
        (answer,) = model.generate([CHAT], max_new_tokens=5, stop=["\n"])
        served(server.url, tmp_path / "plain", endpoint="completions").generate(["Q:"], max_new_tokens=5)
    settings = {"model": "m", "max_tokens": 5, "temperature": 0, "seed": 0}
    assert [request.json for request in server.requests] == [
        {**settings, "messages": CHAT, "stop": ["\n"]},
        {**settings, "prompt": "Q:"},
    ]
    assert [request.path for request in server.requests] == ["/v1/chat/completions", "/v1/completions"]
    assert (answer.text, answer.finished, answer.prompt_tokens, answer.tokens) == ("Brindle", True, 9, 2)
    assert {(who.model, who.fingerprint): count for who, count in model.answered_by.items()} == {
        ("m-2026-01-01", "fp_1"): 1
    }


@pytest.mark.parametrize(
    ("content", "text", "finished", "failure"),
    [
        (reply("a\nb"), "a", True, ""),
        (reply("a\nb", "length"), "a", True, ""),
        (reply("ab", "length"), "ab", False, ""),
        (reply(""), "", True, ""),
        (reply("a", "content_filter"), "", True, "the server's filter withheld the answer"),
        (reply(None, "tool_calls"), "", True, "the server's reply holds no text"),
        (message(tool_calls=[{"id": "1"}]), "", True, "the server's reply holds no text, but a call of a tool"),
        (
            message(reasoning_content="Let me see"),
            "",
            True,
            "the server's reply holds no text, only the model's thinking: the suite's max_new_tokens leaves no room "
            "for an answer after it",
        ),
        (message([{"type": "thinking"}, {"type": "text", "text": "a"}, {"type": "text", "text": "b"}]), "ab", True, ""),
        (message([{"type": "thinking"}]), "", True, "the server's reply holds no text"),
        (
            {"choices": [{"message": {"content": None, "refusal": "I can't."}}]},
            "",
            True,
            "the server's reply holds no text: I can't.",
        ),
        ({"choices": []}, "", True, "the server's reply holds no text"),
        ({"choices": [{"text": " b", "finish_reason": "stop"}], "usage": None}, " b", True, ""),
    ],
)
def test_what_replies_say(content, text, finished, failure):
    """Answers are cut at stops, cut-off ones are known as such, and what holds no answer is a failure and no text."""
    found = said(Kept(content, 1.5), ["\n"])
    assert (found.text, found.finished, found.failure, found.seconds) == (text, finished, failure, 1.5)


def test_nothing_is_asked_twice(tmp_path):
    """What was asked, in this process or before, in any order, with repetitions, is asked no more."""
    with scripted(echo) as server:
        told: list[int] = []
        assert ask(served(server.url, tmp_path), ["a", "b", "a"], advance=told.append) == ["A", "B", "A"]
        assert ask(served(server.url, tmp_path), ["c", "b"]) == ["C", "B"]
        assert (len(server.requests), sum(told)) == (3, 3)
    assert ask(served(server.url, tmp_path), ["c", "a", "b"]) == ["C", "A", "B"]  # the server has gone


def test_other_questions_are_other_questions(tmp_path):
    """Limit, stops and endpoint belong to what is asked."""
    with scripted(lambda request: reply() if "messages" in request.json else {"choices": [{"text": "x"}]}) as server:
        model, plain = served(server.url, tmp_path), served(server.url, tmp_path, endpoint="completions")
        for limit, stop in [(4, []), (5, []), (5, ["\n"]), (4, [])]:
            model.generate([CHAT], max_new_tokens=limit, stop=stop)
        plain.generate(["x"], max_new_tokens=4)
    assert len(server.requests) == 4


def test_fresh_asks_anew_and_counts_from_then_on(tmp_path):
    """Old replies stay on the disk, and the newest one is the one that counts."""
    with scripted(lambda request: reply(f"answer {request.number}")) as server:
        assert ask(served(server.url, tmp_path), ["a"]) == ["answer 1"]
        anew = served(server.url, tmp_path, fresh=True)
        assert ask(anew, ["a"]) == ask(anew, ["a"]) == ["answer 2"]
        assert ask(served(server.url, tmp_path), ["a"]) == ["answer 2"]
    assert len(list(tmp_path.glob("*.jsonl"))) == 2


def test_torn_and_damaged_replies_are_asked_for_again(tmp_path, caplog):
    """A line that was being written is passed over, one with a flipped letter is told; both are asked for again."""
    with scripted(echo) as server:
        ask(served(server.url, tmp_path), ["a", "b", "c"])
        (path,) = tmp_path.glob("*.jsonl")
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(lines[0].replace(b'"content":"A', b'"content":"Z') + lines[1] + lines[2][:-20])
        with caplog.at_level(logging.WARNING):
            assert ask(served(server.url, tmp_path), ["a", "b", "c"]) == ["A", "B", "C"]
    assert len(server.requests) == 5
    assert f"{path}: 1 of its replies are damaged" in caplog.text


def test_two_runs_at_once_ask_once(tmp_path):
    """Of two runs on one cache the second waits for the first, and finds its replies."""
    texts = [f"question {number}" for number in range(12)]
    with scripted(echo) as server, ThreadPoolExecutor(2) as threads:
        both = [served(server.url, tmp_path) for _ in range(2)]  # each with a lock and a file of its own
        answers = list(threads.map(lambda model: ask(model, texts), both))
    assert answers == [[text.upper() for text in texts]] * 2
    assert len(server.requests) == len(texts)


@pytest.mark.parametrize(
    ("failed", "told"),
    [
        ({"error": {"message": "provider crashed", "code": 502}}, "its reply is an error: provider crashed"),
        ({"choices": []}, "holds no answer, but an error"),
        (reply(usage=None), "how many tokens they took"),
        ({"choices": [{"message": {"content": ""}, "finish_reason": "error"}]}, "holds no answer, but an error"),
    ],
    ids=["error", "no choices", "no usage", "choice of an error"],
)
def test_what_is_no_answer_is_never_kept_as_one(failed, told, tmp_path):
    """Few requests are paid until an error of status 200, or an uncounted reply, is told; the next run asks again."""
    texts = [f"{number}" for number in range(9)]
    with scripted(lambda request: failed) as server:
        with pytest.raises(ApiError, match=told):
            ask(served(server.url, tmp_path), texts)
        assert len(server.requests) <= 3
    with scripted(echo) as server:
        assert ask(served(server.url, tmp_path), ["a", "b"]) == ["A", "B"]


def test_a_full_disk_is_told(tmp_path, monkeypatch):
    """Replies that can't be kept stop the run with what to do."""
    with scripted(echo) as server:
        model = served(server.url, tmp_path)

        def full(descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(CacheError, match="server's replies can't be stored"):
            ask(model, ["a"])


def test_one_refused_prompt_is_a_failure_of_its_case(tmp_path):
    """What the server says of one prompt, such as that it is too long, leaves that case out, and isn't kept."""

    def answer(request: Request) -> Any:
        refused = "long" in request.json["messages"][-1]["content"]
        return Answer({"error": {"message": "context length exceeded"}}, 400) if refused else echo(request)

    with scripted(answer) as server:
        first, second, third = ask(served(server.url, tmp_path), ["long", "b", "long too"])
        assert second == "B"
        assert "context length exceeded" in first
        assert "context length exceeded" in third
    with scripted(echo) as server:  # restarted with a longer window: at another port, so the folder is what it knows
        assert ask(served(server.url, tmp_path), ["long", "b"]) == ["LONG", "B"]
        assert len(server.requests) == 1


@pytest.mark.parametrize(("status", "requests"), [(400, 3), (404, 1), (401, 1)])
def test_a_refusal_of_all_is_told_soon(tmp_path, status, requests):
    """A model that isn't there costs one request, or three where it might have been the prompt."""
    with scripted(lambda request: Answer({"error": {"message": "no model m"}}, status)) as server:
        with pytest.raises(ApiError, match="no model m"):
            ask(served(server.url, tmp_path), [str(number) for number in range(50)])
        assert len(server.requests) == requests


def test_a_model_is_asked_as_it_wants_to_be(tmp_path):
    """Where it wants the limit under another name or takes no temperature, it is asked so, and that is told."""

    def answer(request: Request) -> Any:
        if "max_tokens" in request.json:
            told = "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead."
            return Answer({"error": {"message": told, "code": "unsupported_parameter"}}, 400)
        if "temperature" in request.json:
            return Answer({"error": {"message": "Unsupported value: 'temperature' does not support 0."}}, 400)
        return echo(request)

    with scripted(answer) as server:
        model = served(server.url, tmp_path)
        assert ask(model, ["a", "b", "c"]) == ["A", "B", "C"]
        assert model.without == ["temperature"]
        assert len(server.requests) == 5
    again = served(server.url, tmp_path)
    assert ask(again, ["c", "a"]) == ["C", "A"]
    assert again.without == ["temperature"]  # it is known of kept replies too


def log_softmax_of(model: Any, tokenizer: Any, text: str) -> tuple[list[str], list[float | None]]:
    """Each token of `text` and its log-probability after those before it, by a plain forward pass."""
    import torch

    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits[0].double().log_softmax(-1)
    values = [None, *(float(logits[place, token]) for place, token in enumerate(ids[1:]))]
    return [tokenizer.decode([token]) for token in ids], values


@pytest.fixture
def pocket_base() -> Path:
    """The base of the pocket suite."""
    return Path(__file__).parents[2] / "suites" / "pocket" / "base"


@pytest.fixture
def echoes(pocket_base: Path) -> Callable[[Request], Any]:
    """A completions endpoint that gives the log-probabilities of its prompt, as vLLM does."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(pocket_base, dtype="float32").eval()
    tokenizer = AutoTokenizer.from_pretrained(pocket_base)

    def answer(request: Request) -> Any:
        body = request.json
        assert (body["echo"], body["logprobs"], body["max_tokens"]) == (True, 1, 1)
        tokens, values = log_softmax_of(model, tokenizer, body["prompt"])
        logprobs = {"tokens": [*tokens, "!"], "token_logprobs": [*values, -1.0]}
        usage = {"prompt_tokens": len(tokens), "completion_tokens": 1}
        return {"model": "m", "choices": [{"text": body["prompt"] + "!", "logprobs": logprobs}], "usage": usage}

    return answer


def test_choices_are_scored_as_the_engine_scores_them(tmp_path, echoes, pocket_base):
    """Where a server gives the log-probabilities of its prompt, choices have the engine's log-likelihoods."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    prompts = ["Question: What is the cargo of the Otter?\nAnswer:", "Question: Who built the Heron?\nAnswer:"]
    choices = [[" pepper", " salt and pepper"], [" Harlow", " Mira Harlow"]]
    with scripted(echoes) as server:
        model = served(server.url, tmp_path, endpoint="completions")
        found = model.choose(prompts, choices)
        assert model.choose(prompts, choices) == found
        assert len(server.requests) == 4
    tokenizer = AutoTokenizer.from_pretrained(pocket_base)
    engine = Engine(AutoModelForCausalLM.from_pretrained(pocket_base, dtype="float32"), tokenizer)
    ids = [tokenizer(text)["input_ids"] for text in prompts]
    following = [[tokenizer(one, add_special_tokens=False)["input_ids"] for one in row] for row in choices]
    for ours, theirs, row, prompt in zip(found, engine.choose(ids, following), following, ids, strict=True):
        assert ours.loglikelihoods == pytest.approx(theirs.loglikelihoods, abs=1e-4)
        assert ours.choice_tokens == tuple(map(len, row))
        assert ours.prompt_tokens == len(prompt)


@pytest.mark.parametrize(
    ("tokens", "values", "found"),
    [
        (["Q", ":", " a", " b", "!"], [None, -1.0, -2.0, -3.0, -9.0], (-5.0, 2, 4)),
        (["<s>", "Q", ": a", " b", "!"], [None, -1.0, -2.0, -3.0, -9.0], None),
        (["Q", ":", " a", " b", "!"], [None, -1.0, None, -3.0, -9.0], None),
    ],
    ids=["borders", "a token spans the border", "a value is missing"],
)
def test_tokens_are_matched_from_the_end(tokens, values, found):
    """A continuation's tokens are those whose texts make it up; where they don't, nothing is claimed."""
    content = {
        "choices": [{"logprobs": {"tokens": tokens, "token_logprobs": values}}],
        "usage": {"completion_tokens": 1},
    }
    assert loglikelihood(Kept(content, 0.0), " a b") == found


@pytest.mark.parametrize(
    "answer",
    [
        Answer({"detail": "Unsupported fields in the request: {'echo', 'logprobs'}"}, 422),
        {"choices": [{"text": "x", "logprobs": None}]},
        {"choices": [{"text": "x", "logprobs": {"tokens": ["x"], "token_logprobs": [-1.0]}}]},
        Answer({}, 404),
    ],
    ids=["refused", "without", "of the answer only", "no such endpoint"],
)
def test_servers_without_loglikelihoods_are_told_from_others(tmp_path, answer):
    """The message names what can be done instead, and nothing is scored as if it were."""
    told = pytest.raises(InputError, match=r"gives no log-likelihoods of given answers.*--splits.*--endpoint")
    with scripted(lambda request: answer) as server, told:
        served(server.url, tmp_path, endpoint="completions").choose(["Q:"], [[" a", " b"]])


def test_kept_replies_are_plain_lines(tmp_path):
    """A file of replies can be read by anything: a hash, and JSON."""
    with scripted(lambda request: reply("naïve \u2028 text")) as server:
        ask(served(server.url, tmp_path), ["a"])
    (path,) = tmp_path.glob("*.jsonl")
    seal, _, line = path.read_text(encoding="ascii").partition(" ")
    assert len(seal) == 64
    assert json.loads(line)["content"]["choices"][0]["message"]["content"] == "naïve \u2028 text"
    assert math.isfinite(json.loads(line)["seconds"])
