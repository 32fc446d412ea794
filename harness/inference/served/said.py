"""What a server's reply says: text, tokens, log-probabilities. Replies are untrusted: any part may be missing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from harness.errors import InputError
from harness.inference.served.replies import Kept

_SHOWN_CHARACTERS = 200


@dataclass(frozen=True)
class Said:
    """One answer; `failure` says why there is none, and is "" where there is.

    `text` ends before the stop, `finished` says whether it was not cut off. `prompt_tokens` and `tokens` (generated)
    are as the server counts them, None where it doesn't. `seconds` is from request to reply, network included, and
    `share` what it added to the time of all that were under way with it.
    """

    text: str = ""
    finished: bool = True
    failure: str = ""
    prompt_tokens: int | None = None
    tokens: int | None = None
    seconds: float = 0.0
    share: float = 0.0


@dataclass(frozen=True)
class SaidChoices:
    """The log-likelihood of each choice of one prompt, in nats, and its number of tokens; `failure` as in `Said`.

    `prompt_tokens` are those of the prompt alone, as far as they can be told apart: all but the choice's. `seconds` are
    those of the slowest choice, since all are asked at once.
    """

    loglikelihoods: tuple[float, ...] = ()
    choice_tokens: tuple[int, ...] = ()
    failure: str = ""
    prompt_tokens: int = 0
    seconds: float = 0.0
    share: float = 0.0


class Who(NamedTuple):
    """Which model a reply says that it is from; a name may come to stand for another."""

    model: str
    fingerprint: str


def who(kept: Kept) -> Who:
    """What the reply names."""
    named = (kept.content.get(name) for name in ("model", "system_fingerprint"))
    return Who(*(name if isinstance(name, str) else "" for name in named))


def unfit(kept: Kept, counted: bool) -> str:
    """Why the reply is none that can be kept, "" if it can: it isn't an answer, or, if `counted`, not of known cost.

    Gateways pass errors of what is behind them on as replies.
    """
    choice = _choice(kept.content)
    if not choice or choice.get("finish_reason") == "error":
        return "the server's reply holds no answer, but an error"
    if counted and _count(kept.content, "completion_tokens") is None:
        return (
            "the server's replies don't say how many tokens they took (`usage`), by which costs are told. Ask a server "
            "that says so, as all that are named in docs/served.md do"
        )
    return ""


def said(kept: Kept, stop: Sequence[str]) -> Said:
    """The answer in a reply of either endpoint, cut at the first of `stop`."""
    choice = _choice(kept.content)
    reason = choice.get("finish_reason")
    empty = Said(
        prompt_tokens=_count(kept.content, "prompt_tokens"),
        tokens=_count(kept.content, "completion_tokens"),
        seconds=kept.seconds,
        share=kept.share,
    )
    message = choice.get("message")
    text = _text(message.get("content")) if isinstance(message, Mapping) else choice.get("text")
    if reason == "content_filter":
        return replace(empty, failure="the server's filter withheld the answer")
    if not isinstance(text, str):
        told = _instead(message) if isinstance(message, Mapping) else ""
        return replace(empty, failure=f"the server's reply holds no text{told}")
    ends = [place for one in stop if (place := text.find(one)) >= 0]
    return replace(empty, text=text[: min(ends)] if ends else text, finished=bool(ends) or reason != "length")


def loglikelihood(kept: Kept, continuation: str) -> tuple[float, int, int] | None:
    """The log-likelihood of `continuation` at the end of an echoed text, its tokens, and those of all that was echoed.

    None where its first token begins before it, so that the prompt's end would count too. Raises InputError where the
    reply has no log-probabilities of what was given. Tokens are matched by their texts from the end on, since servers
    count offsets differently where there is a token for the beginning.
    """
    logprobs = _choice(kept.content).get("logprobs")
    tokens = logprobs.get("tokens") if isinstance(logprobs, Mapping) else None
    values = logprobs.get("token_logprobs") if isinstance(logprobs, Mapping) else None
    if not isinstance(tokens, list) or not isinstance(values, list) or len(tokens) != len(values):
        raise InputError("its reply has none")
    generated = _count(kept.content, "completion_tokens")
    end = len(tokens) - (1 if generated is None else generated)
    if end < 1:
        raise InputError("its reply has those of what it wrote only")
    begin, rest = end, continuation
    while rest and begin > 0 and isinstance(tokens[begin - 1], str) and rest.endswith(tokens[begin - 1] or "\0"):
        begin -= 1
        rest = rest[: len(rest) - len(tokens[begin])]
    taken = values[begin:end]
    if rest or not all(isinstance(value, int | float) for value in taken):
        return None
    return float(sum(taken)), end - begin, end


def _text(content: object) -> object:
    """The content of a message; of one in parts, the texts among these."""
    if not isinstance(content, list):
        return content
    texts = [part.get("text") for part in content if isinstance(part, Mapping) and part.get("type") == "text"]
    return "".join(text for text in texts if isinstance(text, str)) if texts else None


def _instead(message: Mapping[str, Any]) -> str:
    """What a message without text holds instead."""
    refusal = message.get("refusal")
    if isinstance(refusal, str) and refusal:
        return f": {refusal[:_SHOWN_CHARACTERS]}"
    if message.get("tool_calls"):
        return ", but a call of a tool"
    if any(message.get(name) for name in ("reasoning_content", "reasoning")):
        return ", only the model's thinking: the suite's max_new_tokens leaves no room for an answer after it"
    return ""


def _choice(content: Mapping[str, Any]) -> Mapping[str, Any]:
    choices = content.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, Mapping) else {}


def _count(content: Mapping[str, Any], name: str) -> int | None:
    usage = content.get("usage")
    count = usage.get(name) if isinstance(usage, Mapping) else None
    return count if isinstance(count, int) and not isinstance(count, bool) and count >= 0 else None
