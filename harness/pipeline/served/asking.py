"""Asks the models of a run their cases, through the store of replies: what was asked before isn't asked again."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from typing import Any

from harness.api import ApiClient
from harness.errors import InputError
from harness.inference.served import Replies, Said, SaidChoices, ServedModel, Turns
from harness.pipeline.predict import Answered, Prediction
from harness.pipeline.prompts import Asked, Prompts
from harness.pipeline.served.settings import ServerSettings
from harness.pipeline.tasks import Task
from harness.prompting import Prompt
from harness.prompting.turns import spaced
from harness.runs import JSON, Cache, fingerprint
from harness.runs.progress import Advance, Progress
from harness.variants import Variant

REPLIES = "replies"
_FORM = 1  # of the files that replies are kept in


class Asker:
    """Asks the models of one server."""

    def __init__(
        self, settings: ServerSettings, client: ApiClient, prompts: Prompts, cache: Cache, progress: Progress
    ) -> None:
        self._settings, self._client, self._prompts = settings, client, prompts
        self._cache, self._progress = cache, progress
        self._models: dict[str, ServedModel] = {}
        self.waited: dict[Variant, list[float]] = {}  # seconds from request to reply of each query

    def model(self, name: str) -> ServedModel:
        """The model of that name, with the replies that it gave so far."""
        if name not in self._models:
            inputs: dict[str, JSON] = {"server": self.url, "model": name, "form": _FORM}
            replies = Replies(self._cache.folder(REPLIES, inputs), fresh=self._settings.fresh)
            self._models[name] = ServedModel(self._client, name, self._settings.endpoint, replies)
        return self._models[name]

    @property
    def url(self) -> str:
        """The server's address."""
        return self._client.server.url

    @property
    def models(self) -> list[ServedModel]:
        """All that were asked."""
        return list(self._models.values())

    def ask(self, variant: Variant, seed: int, name: str, tasks: Sequence[Task]) -> list[Answered]:
        """The answers of `variant`, which is the model `name`, to `tasks`; raises ApiError or InputError."""
        cases = sum(len(task.split.cases) for task in tasks)
        with self._progress.task(f"predict {variant}", cases) as advance:
            return [self._answered(variant, seed, name, task, advance) for task in tasks]

    def _answered(self, variant: Variant, seed: int, name: str, task: Task, advance: Advance) -> Answered:
        asked, model = self._prompts.asked(task, variant.context, seed), self.model(name)
        places = [place for place, failure in enumerate(asked.failures) if not failure]
        advance(len(asked.failures) - len(places))
        said = self._said(model, task, asked, places, advance)
        told = {place: _fields(one, asked.prompts[place]) for place, one in zip(places, said, strict=True)}
        self.waited.setdefault(variant, []).extend(one.seconds for one in said if not one.failure)
        predictions = [
            replace(
                Prediction(
                    case=case.id,
                    seed=seed,
                    prompt_hash=_hash(prompt),
                    passages=asked.passages[place],
                    prompt_tokens=0,
                    generated_tokens=0,
                    seconds=0.0,
                    dropped=asked.dropped[place],
                    failure=asked.failures[place] or None,
                    weak=case.weak,
                ),
                **told.get(place, {}),
            )
            for place, (case, prompt) in enumerate(zip(task.split.cases, asked.prompts, strict=True))
        ]
        fallback = f"asked without {', '.join(model.without)}" if model.without else ""
        content = fingerprint([asdict(one) | {"seconds": None} for one in predictions])
        return Answered(variant, task, content, predictions, mode=f"server:{model.endpoint}", fallback=fallback)

    def _said(
        self, model: ServedModel, task: Task, asked: Asked, places: Sequence[int], advance: Advance
    ) -> Sequence[Said | SaidChoices]:
        """What the model says of the cases at `places`."""
        prompts = [asked.prompts[place] for place in places]
        if task.split.chooses:
            choices = [task.split.cases[place].choices for place in places]
            texts = [[_after(prompt, choice) for choice in row] for prompt, row in zip(prompts, choices, strict=True)]
            return model.choose([prompt.text for prompt in prompts], texts, advance=advance)
        decoding = task.suite.decoding
        return model.generate(
            [given(prompt) for prompt in prompts],
            max_new_tokens=decoding.max_new_tokens,
            stop=decoding.stop,
            advance=advance,
        )


def given(prompt: Prompt) -> Turns:
    """What the server is sent of a prompt."""
    return [turn._asdict() for turn in prompt.messages] if prompt.messages else prompt.text


def _hash(prompt: Prompt) -> str:
    return fingerprint([list(turn) for turn in prompt.messages] or prompt.text)[:16]


def _after(prompt: Prompt, choice: str) -> str:
    """The choice as it follows the text of the prompt."""
    return spaced(prompt.text, choice)


def _fields(said: Said | SaidChoices, prompt: Prompt) -> dict[str, Any]:
    """What was said as fields of a prediction."""
    return _written(said, prompt) if isinstance(said, Said) else _chosen(said)


def _written(said: Said, prompt: Prompt) -> dict[str, Any]:
    """An answer as fields of a prediction; raises InputError where nobody counted its tokens."""
    if said.failure:
        return {"failure": said.failure, "seconds": said.share}
    prompt_tokens = said.prompt_tokens if said.prompt_tokens is not None else len(prompt.ids)
    if said.tokens is None or not prompt_tokens:
        raise InputError(
            "the server's replies don't say how many tokens they took (`usage`), by which costs are told. Ask a server "
            "that says so, as all that are named in docs/served.md do."
        )
    return {
        "text": said.text,
        "finished": said.finished,
        "prompt_tokens": prompt_tokens,
        "generated_tokens": said.tokens,
        "seconds": said.share,
    }


def _chosen(one: SaidChoices) -> dict[str, Any]:
    """Scored choices as fields of a prediction."""
    if one.failure:
        return {"failure": one.failure, "seconds": one.share}
    return {
        "loglikelihoods": one.loglikelihoods,
        "choice_tokens": one.choice_tokens,
        "prompt_tokens": one.prompt_tokens,
        "seconds": one.share,
    }


def outcomes(answered: Iterable[Answered]) -> dict[tuple[str, str, str], tuple[str | None, tuple[float, ...]]]:
    """What was said to each prompt that was answered: by task, case and the hash of the prompt."""
    return {
        (answer.task.name, one.case, one.prompt_hash): (one.text, one.loglikelihoods)
        for answer in answered
        for one in answer.predictions
        if not one.failure
    }
