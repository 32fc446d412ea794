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
from harness.pipeline.models import Alpha, Models
from harness.pipeline.plan import Plan
from harness.pipeline.progress import Advance, Progress
from harness.pipeline.prompts import Asked, Prompts
from harness.pipeline.tasks import Task
from harness.runs import JSON, Artifact, Cache, code_hash, fingerprint, library_versions
from harness.variants import Variant

FILE = "predictions.jsonl"
COMPUTED = "computed.json"
LIBRARIES = ("torch", "transformers", "peft", "tokenizers", "bitsandbytes")


@dataclass(frozen=True)
class Prediction:
    """One raw output: what was asked (by hash), what was shown, what came back, and what it took.

    `weak` marks a case whose question was made by rules.
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
            "code": code_hash("harness.inference", "harness.kernels", "harness.weights", "harness.pipeline.predict"),
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
                weak=case.weak,
                **json.loads(line),
            )
            for case, prompt, passages, line in zip(cases, asked.prompts, asked.passages, lines, strict=True)
        ]
        computed = json.loads((artifact.path / COMPUTED).read_text(encoding="utf-8"))
        return Answered(variant, task, artifact, predictions, **computed)


def _compute(engine: Engine, task: Task, asked: Asked, advance: Advance) -> list[dict[str, Any]]:
    """What the model says of each case: text and tokens, or the log-likelihoods of the choices."""
    ids = [prompt.ids for prompt in asked.prompts]
    if task.split.chooses:
        scores = engine.choose(ids, asked.choices, advance=advance)
        return [{"loglikelihoods": s.loglikelihoods, "generated_tokens": 0, "seconds": s.seconds} for s in scores]
    decoding = task.suite.decoding
    answers = engine.generate(ids, max_new_tokens=decoding.max_new_tokens, stop=decoding.stop, advance=advance)
    return [
        {"text": a.text, "finished": a.finished, "generated_tokens": a.tokens, "seconds": a.seconds} for a in answers
    ]


def as_row(prediction: Prediction) -> dict[str, Any]:
    """The prediction as one line of its file."""
    return asdict(prediction)
