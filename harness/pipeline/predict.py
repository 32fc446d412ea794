"""The prediction stage: asks every model its cases, one artifact of the cache a model, context and part of a task.

A model is loaded only if something that it must answer isn't in the cache.
"""

import json
from collections.abc import Callable, Hashable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from itertools import islice, pairwise
from math import ceil
from pathlib import Path
from typing import Any, Self

from harness.inference import Backend
from harness.kernels import linear_kernel
from harness.pipeline.backends import backend_identity
from harness.pipeline.lm_eval.answers import answer
from harness.pipeline.models import Alpha, Models
from harness.pipeline.plan import Plan
from harness.pipeline.prompts import Asked, Prompts
from harness.pipeline.tasks import Task
from harness.runs import JSON, Artifact, Cache, code_hash, fingerprint, library_versions
from harness.runs.progress import Advance, Progress
from harness.variants import Variant

FILE = "predictions.jsonl"
COMPUTED = "computed.json"
ASKING = ("harness.pipeline.predict", "harness.pipeline.lm_eval.answers")
LIBRARIES = ("torch", "transformers", "peft", "tokenizers", "bitsandbytes")


@dataclass(frozen=True)
class Prediction:
    """One raw output: what was asked (by hash), what was shown, what came back, and what it took.

    `dropped` passages were retrieved, but the window had no room for them; `choice_tokens` are the lengths of the
    choices; `failure` says why the case wasn't asked at all; `weak` marks one whose question was made by rules. For
    tasks of lm-evaluation-harness `greedy` says of what was scored whether greedy decoding could have written it.
    """

    case: str
    seed: int
    prompt_hash: str
    passages: tuple[str, ...]
    prompt_tokens: int
    generated_tokens: int
    seconds: float
    text: str | None = None
    finished: bool = True
    loglikelihoods: tuple[float, ...] = ()
    greedy: tuple[bool, ...] = ()
    choice_tokens: tuple[int, ...] = ()
    dropped: int = 0
    failure: str | None = None
    weak: bool = False


@dataclass(frozen=True)
class Answered:
    """The predictions of one variant and seed on one task.

    `hash` covers them, `mode` is how the engine computed them, `fallback` why not in the quickest mode, if it was
    another.
    """

    variant: Variant
    task: Task
    hash: str
    predictions: list[Prediction]
    mode: str
    fallback: str


@dataclass(frozen=True)
class Part:
    """The cases of `task` from `start` up to, but without, `stop`: what is computed, and kept, together."""

    task: Task
    start: int
    stop: int


def parts_of(task: Task, most: int) -> list[Part]:
    """The fewest parts of `task` with at most `most` cases each, as equal as can be, neighbours together.

    They don't depend on who computes them: what is computed together changes the last digits of a number.
    """
    cases = len(task.split.cases)
    count = max(1, ceil(cases / most))
    borders = [cases * number // count for number in range(count + 1)]
    return [Part(task, start, stop) for start, stop in pairwise(borders)]


@dataclass(frozen=True)
class _Said:
    """What was said to one part."""

    artifact: Artifact
    predictions: list[Prediction]
    mode: str
    fallback: str


class Predictor:
    """Answers tasks with models; what was answered before comes from the cache."""

    def __init__(self, plan: Plan, prompts: Prompts, cache: Cache, progress: Progress) -> None:
        self._plan, self._prompts = plan, prompts
        self._cache, self._progress = cache, progress
        self._said: dict[Hashable, _Said] = {}
        self._depends: dict[str, JSON] = {
            **plan.hardware.identity,
            "backend": backend_identity(plan.config.backend),
            "versions": library_versions(LIBRARIES),
            "linear": linear_kernel(),
            "code": code_hash("harness.inference", "harness.kernels", "harness.weights", *ASKING),
        }

    def predict(
        self, variant: Variant, seed: int, models: Models, alpha: Alpha, tasks: Sequence[Task]
    ) -> list[Answered]:
        """The answers of `variant`, which is `models` at `alpha`, to `tasks`; `seed` draws the shots too."""
        parts = [parts_of(task, self._plan.config.shard) for task in tasks]
        said = iter(self.answer(variant, seed, models, alpha, [part for found in parts for part in found]))
        return [
            _joined(variant, task, list(islice(said, len(found)))) for task, found in zip(tasks, parts, strict=True)
        ]

    def answer(self, variant: Variant, seed: int, models: Models, alpha: Alpha, parts: Sequence[Part]) -> list[_Said]:
        """The answers of `variant` to `parts` of tasks; a bar is shown only if something is computed."""
        with Bar(self._progress, f"predict {variant}", sum(part.stop - part.start for part in parts)) as bar:
            return [self._answer(variant, seed, models, alpha, part, bar) for part in parts]

    def forget(self) -> None:
        """Lets go of all answers: they are in the cache."""
        self._said.clear()

    def _answer(self, variant: Variant, seed: int, models: Models, alpha: Alpha, part: Part, bar: "Bar") -> _Said:
        identity, task = models.identity(alpha), part.task
        key = (variant, seed, fingerprint(identity), task.suite.hash, task.name, part.start, part.stop)
        if key not in self._said:
            asked = self._prompts.asked(part.task, variant.context, seed).part(part.start, part.stop)
            self._said[key] = self._computed(asked, seed, identity, lambda: models.backend(alpha), part, bar)
        return self._said[key]

    def _computed(
        self, asked: Asked, seed: int, identity: JSON, engine_of: Callable[[], Backend], part: Part, bar: "Bar"
    ) -> _Said:
        def build(folder: Path) -> None:
            bar.show()
            engine = engine_of()
            rows = _compute(engine, part.task, asked, bar.advance)
            (folder / FILE).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
            computed = {"mode": engine.mode, "fallback": engine.fallback}
            (folder / COMPUTED).write_text(json.dumps(computed) + "\n", encoding="utf-8")

        inputs: dict[str, JSON] = {
            **self._depends,
            "decoding": part.task.suite.decoding.model_dump(mode="json"),
            "weights": identity,
            "prompts": asked.hash,
        }
        artifact = self._cache.artifact("predictions", inputs, build)
        cases = part.task.split.cases[part.start : part.stop]
        if artifact.reused:
            bar.advance(len(cases))
        lines = (artifact.path / FILE).read_text(encoding="utf-8").splitlines()
        predictions = [
            Prediction(
                case=case.id,
                seed=seed,
                prompt_hash=fingerprint(list(prompt.ids))[:16],
                passages=passages,
                prompt_tokens=len(prompt.ids),
                choice_tokens=tuple(map(len, choices)),
                dropped=dropped,
                failure=failure or None,
                weak=case.weak,
                **json.loads(line),
            )
            for case, prompt, choices, passages, dropped, failure, line in zip(
                *(cases, asked.prompts, asked.choices, asked.passages, asked.dropped, asked.failures, lines),
                strict=True,
            )
        ]
        computed = json.loads((artifact.path / COMPUTED).read_text(encoding="utf-8"))
        return _Said(artifact, predictions, **computed)


class Bar:
    """A progress bar that appears when the first thing is computed, and then counts what was found before, too."""

    def __init__(self, progress: Progress, label: str, total: int) -> None:
        self._task = progress.task(label, total)
        self._shown, self._found = ExitStack(), 0
        self._tell: Advance | None = None

    def __enter__(self) -> Self:
        self._shown.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._shown.__exit__(*error)

    def show(self) -> None:
        """Lets the bar appear, if it hasn't."""
        if self._tell is None:
            self._tell = self._shown.enter_context(self._task)
            self.advance(self._found)

    def advance(self, cases: int) -> None:
        """Tells that so many more cases are done."""
        if self._tell is None:
            self._found += cases
        else:
            self._tell(cases)


def _joined(variant: Variant, task: Task, said: Sequence[_Said]) -> Answered:
    """The answers to a whole task, of those to its parts in their order."""
    hashes = [one.artifact.hash for one in said]
    return Answered(
        variant,
        task,
        hashes[0] if len(hashes) == 1 else fingerprint(hashes),
        [prediction for one in said for prediction in one.predictions],
        "+".join(dict.fromkeys(one.mode for one in said)),
        "; ".join(dict.fromkeys(one.fallback for one in said if one.fallback)),
    )


def _compute(engine: Backend, task: Task, asked: Asked, advance: Advance) -> list[dict[str, Any]]:
    """What the model says of each case that is asked: text and tokens, or the log-likelihoods of the choices."""
    if task.lm_eval is not None:
        return answer(engine, asked.requests, advance)
    places = [place for place, failure in enumerate(asked.failures) if not failure]
    ids = [asked.prompts[place].ids for place in places]
    rows: list[dict[str, Any]] = [{"generated_tokens": 0, "seconds": 0.0} for _ in asked.prompts]
    if task.split.chooses:
        choices = [asked.choices[place] for place in places]
        for place, scored in zip(places, engine.choose(ids, choices, advance=advance), strict=True):
            rows[place] |= {"loglikelihoods": scored.loglikelihoods, "seconds": scored.seconds}
        return rows
    decoding = task.suite.decoding
    answers = engine.generate(ids, max_new_tokens=decoding.max_new_tokens, stop=decoding.stop, advance=advance)
    for place, said in zip(places, answers, strict=True):
        rows[place] |= {
            "text": said.text,
            "finished": said.finished,
            "generated_tokens": said.tokens,
            "seconds": said.seconds,
        }
    return rows


def as_row(prediction: Prediction) -> dict[str, Any]:
    """The prediction as one line of its file."""
    return asdict(prediction)
