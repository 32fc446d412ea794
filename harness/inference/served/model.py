"""One model behind a server: greedy answers and log-likelihoods of choices, each asked for once and then kept.

Knows nothing of suites. "Greedy" is what the server makes of temperature 0: the same request may be answered otherwise
another day, which is why the first reply is the one that counts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from harness.api import ENDPOINTS, ApiClient, Endpoint
from harness.errors import ApiError, InputError
from harness.inference.served.replies import Kept, Replies
from harness.inference.served.said import Said, SaidChoices, Who, loglikelihood, said, unfit, who
from harness.inference.served.wire import Dialect, Turns, generating, scoring
from harness.runs import fingerprint

Advance = Callable[[int], None]

_OF_ONE_CASE = (400, 413, 422)  # what a server says to a prompt that it can't take, such as one that is too long
_TRIED = 3  # requests that may be refused before the model itself counts as refused
NO_LOGLIKELIHOODS = (
    "this server gives no log-likelihoods of given answers, by which choices are scored ({}). Leave the splits with "
    "choices out (--splits), or ask a server that does so at its completions endpoint, as vLLM, with --endpoint "
    "completions."
)


@dataclass(frozen=True)
class _Request:
    """Something to ask: `key` names it in the store, and `body` is what is sent, as the dialect then is.

    `counted` is whether the reply has to say how many tokens were written.
    """

    key: str
    body: Callable[[], dict[str, Any]]
    counted: bool = True


class ServedModel:
    """One model by its name at the server."""

    def __init__(self, client: ApiClient, model: str, endpoint: Endpoint, replies: Replies) -> None:
        """`replies` are those of this server and model, and of no other."""
        self.model, self.endpoint = model, endpoint
        self._client, self._replies = client, replies
        self._dialect = Dialect()
        self._who: dict[Who, int] = {}
        self._without: set[str] = set()

    @property
    def answered_by(self) -> dict[Who, int]:
        """The models that replies said they are from, with how many said so."""
        return dict(self._who)

    @property
    def without(self) -> list[str]:
        """The parameters that the model doesn't take, so that it was asked without them."""
        return sorted(self._without)

    def generate(
        self,
        prompts: Sequence[Turns],
        *,
        max_new_tokens: int,
        stop: Sequence[str] = (),
        advance: Advance = lambda prompts: None,
    ) -> list[Said]:
        """Answers to `prompts`, in their order; a prompt that the server refuses has a failure. Raises ApiError."""
        asked = [
            _Request(
                fingerprint({"endpoint": self.endpoint, "prompt": prompt, "limit": max_new_tokens, "stop": list(stop)}),
                lambda prompt=prompt: generating(  # type: ignore[misc]
                    self.endpoint, self.model, prompt, self._dialect.settings(max_new_tokens, stop)
                ),
            )
            for prompt in prompts
        ]
        found = self._ask(ENDPOINTS[self.endpoint], asked, advance)
        return [Said(failure=_told(one)) if isinstance(one, ApiError) else said(one, stop) for one in found]

    def choose(
        self,
        prompts: Sequence[str],
        choices: Sequence[Sequence[str]],
        *,
        advance: Advance = lambda prompts: None,
    ) -> list[SaidChoices]:
        """For each prompt the log-likelihood of each of its choices, texts that continue it as they are.

        One request a choice, always to the completions endpoint. Raises InputError where the server can't do it.
        """
        texts = [(prompt, choice) for prompt, row in zip(prompts, choices, strict=True) for choice in row]
        asked = [
            _Request(
                fingerprint({"endpoint": "completions", "score": prompt + choice}),
                lambda text=prompt + choice: scoring(self.model, text),  # type: ignore[misc]
                counted=False,
            )
            for prompt, choice in texts
        ]
        try:
            replied = iter(self._ask(ENDPOINTS["completions"], asked, lambda requests: None))
            scored = []
            for row in choices:
                scored.append(_scored(row, [next(replied) for _ in row]))
                advance(1)
        except InputError as error:
            if isinstance(error, ApiError) and error.status not in (*_OF_ONE_CASE, 404, 405, 501):
                raise
            raise InputError(f"{self.model}: {NO_LOGLIKELIHOODS.format(error)}") from None
        return scored

    def _ask(self, path: str, asked: Sequence[_Request], advance: Advance) -> list[Kept | ApiError]:
        """The reply to each request, kept or new, or why the server refuses that one; raises ApiError for all."""
        refused: dict[str, ApiError] = {}
        if any(self._replies.get(one.key) is None for one in asked):
            with self._replies.asking():
                missing = list({one.key: one for one in asked if self._replies.get(one.key) is None}.values())
                advance(len(asked) - len(missing))
                begun = self._begin(path, missing, refused)
                advance(begun)
                rest = missing[begun:]
                together = min(self._client.server.concurrency, len(rest))
                for place, reply in self._client.completed(lambda one: self._send(path, one, together), rest):
                    self._take(rest[place], reply, refused)
                    advance(1)
        else:
            advance(len(asked))
        found = [self._replies.get(one.key) or refused[one.key] for one in asked]
        for kept in found:
            if isinstance(kept, Kept):
                self._who[who(kept)] = self._who.get(who(kept), 0) + 1
                self._without.update(kept.without)
        return found

    def _begin(self, path: str, missing: Sequence[_Request], refused: dict[str, ApiError]) -> int:
        """Asks one by one until one is answered, so that a refusal of all is told soon; returns how many were asked."""
        for number, one in enumerate(missing[:_TRIED], 1):
            reply = self._send(path, one)
            while isinstance(reply, ApiError) and self._dialect.learns(reply):
                reply = self._send(path, one)
            self._take(one, reply, refused)
            if isinstance(reply, Kept):
                return number
        if missing and not len(self._replies):
            raise next(iter(refused.values()))
        return min(_TRIED, len(missing))

    def _take(self, one: _Request, reply: Kept | ApiError, refused: dict[str, ApiError]) -> None:
        if isinstance(reply, Kept):
            self._replies.keep(one.key, reply)
        else:
            refused[one.key] = reply

    def _send(self, path: str, one: _Request, together: int = 1) -> Kept | ApiError:
        """The reply, or a refusal of this request alone; raises ApiError for any other."""
        try:
            reply = self._client.ask(path, one.body())
        except ApiError as error:
            if error.status in _OF_ONE_CASE:
                return error
            raise
        kept = Kept(reply.content, reply.seconds, together, tuple(self._dialect.without))
        problem = unfit(kept, one.counted)
        return ApiError(f"{self.model}: {problem}.") if problem else kept


def _told(error: ApiError) -> str:
    """Why one case isn't answered."""
    return f"the server refuses it: {error}"


def _scored(row: Sequence[str], replied: Sequence[Kept | ApiError]) -> SaidChoices:
    """The choices of one prompt; raises InputError where log-likelihoods can't be had at all."""
    refusal = next((one for one in replied if isinstance(one, ApiError)), None)
    if refusal is not None:
        return SaidChoices(failure=_told(refusal))
    kept = [one for one in replied if isinstance(one, Kept)]
    parts = [loglikelihood(one, choice) for one, choice in zip(kept, row, strict=True)]
    seconds, share = max((one.seconds for one in kept), default=0.0), sum(one.share for one in kept)
    whole = [part for part in parts if part is not None]
    if len(whole) < len(parts):
        return SaidChoices(
            failure="a token of the server's model spans prompt and choice", seconds=seconds, share=share
        )
    values, lengths, ends = zip(*whole, strict=True) if whole else ((), (), ())
    prompt_tokens = min((end - length for end, length in zip(ends, lengths, strict=True)), default=0)
    return SaidChoices(values, lengths, "", prompt_tokens, seconds, share)
