"""What is sent to an OpenAI-compatible server: the body of a request, in as few words as all of them understand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.api import Endpoint
from harness.errors import ApiError

Turns = str | Sequence[Mapping[str, str]]  # a plain text, or the turns of a chat: role and content

MOST_STOPS = 4  # what the hosted API takes; answers are cut here at all of them
SEED = 0
_REFUSED = ("unsupported", "not supported", "unrecognized", "unknown", "unexpected", "not permitted", "extra")


@dataclass
class Dialect:
    """How a model wants to be asked, as its refusals tell: its word for the limit, and what it doesn't take."""

    limit: str = "max_tokens"
    without: list[str] = field(default_factory=list)

    def settings(self, max_new_tokens: int, stop: Sequence[str]) -> dict[str, Any]:
        """Decoding settings: greedy as far as a server can be asked for it."""
        wanted: dict[str, Any] = {self.limit: max_new_tokens, "temperature": 0, "seed": SEED}
        if stop:
            wanted["stop"] = list(stop[:MOST_STOPS])
        return {name: value for name, value in wanted.items() if name not in self.without}

    def learns(self, refusal: ApiError) -> bool:
        """Whether `refusal` is of a parameter that can be named otherwise or left out; it is from now on."""
        told = str(refusal).lower()
        if refusal.status not in (400, 422) or not any(word in told for word in _REFUSED):
            return False
        if self.limit == "max_tokens" and "max_tokens" in told and "max_completion_tokens" in told:
            self.limit = "max_completion_tokens"
            return True
        name = next(
            (name for name in ("temperature", "seed", "stop") if f"'{name}'" in told or f'"{name}"' in told), ""
        )
        if name and name not in self.without:
            self.without.append(name)
            return True
        return False


def generating(endpoint: Endpoint, model: str, prompt: Turns, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The body that asks for an answer to `prompt`."""
    asked: dict[str, Any] = {"prompt": prompt} if endpoint == "completions" else {"messages": prompt}
    return {"model": model, **asked, **settings}


def scoring(model: str, text: str) -> dict[str, Any]:
    """The body that asks for the log-probability of each token of `text`.

    One token is generated, since none is no number that every server takes.
    """
    return {"model": model, "prompt": text, "max_tokens": 1, "temperature": 0, "logprobs": 1, "echo": True}
