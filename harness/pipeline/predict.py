"""The prediction stage: asks every model its cases, one artifact of the cache a model, context and task.

A model is loaded only if something that it must answer isn't in the cache.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.inference import Engine
from harness.kernels import linear_kernel
from harness.pipeline.lm_eval.answers import answer
from harness.pipeline.models import Alpha, Models
from harness.pipeline.plan import Plan
from harness.pipeline.progress import Advance, Progress
from harness.pipeline.prompts import Asked, Prompts
from harness.pipeline.tasks import Task
from harness.runs import JSON, Artifact, Cache, code_hash, fingerprint, library_versions
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

    `mode` is how the engine computed them, `fallback` why not in the quickest mode, if it was another.
    """

    variant: Variant
    task: Task
    artifact: Artifact
    predictions: list[Prediction]
    mode: str
    fallback: str


class Predictor:
    """Answers tasks with models; what was answered before comes from the cache."""

    def __init__(self, plan: Plan, prompts: Prompts, cache: Cache, progress: Progress) -> None:
        self._plan, self._prompts = plan, prompts
        self._cache, self._progress = cache, progress
        self._depends: dict[str, JSON] = {
            "device": plan.hardware.device.type,
            "dtype": str(plan.hardware.dtype),
            "versions": library_versions(LIBRARIES),
            "linear": linear_kernel(),
            "code": code_hash("harness.inference", "harness.kernels", "harness.weights", *ASKING),
        }

    def predict(
        self, variant: Variant, seed: int, models: Models, alpha: Alpha, tasks: Sequence[Task]
    ) -> list[Answered]:
        """The answers of `variant`, which is `models` at `alpha`, to `tasks`; `seed` draws the shots too."""
        cases = sum(len(task.split.cases) for task in tasks)
        with self._progress.task(f"predict {variant}", cases) as advance:
            return [self._answer(variant, seed, models, alpha, task, advance) for task in tasks]

    def _answer(
        self, variant: Variant, seed: int, models: Models, alpha: Alpha, task: Task, advance: Advance
    ) -> Answered:
        asked = self._prompts.asked(task, variant.context, seed)

        def build(folder: Path) -> None:
            engine = models.engine(alpha)
            rows = _compute(engine, task, asked, advance)
            (folder / FILE).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
            computed = {"mode": engine.mode, "fallback": engine.fallback}
            (folder / COMPUTED).write_text(json.dumps(computed) + "\n", encoding="utf-8")

        inputs: dict[str, JSON] = {
            **self._depends,
            "decoding": task.suite.decoding.model_dump(mode="json"),
            "weights": models.identity(alpha),
            "prompts": asked.hash,
        }
        artifact = self._cache.artifact("predictions", inputs, build)
        cases = task.split.cases
        if artifact.reused:
            advance(len(cases))
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
        return Answered(variant, task, artifact, predictions, **computed)


def _compute(engine: Engine, task: Task, asked: Asked, advance: Advance) -> list[dict[str, Any]]:
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
