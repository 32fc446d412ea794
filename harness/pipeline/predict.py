"""The prediction stage: asks every model its cases, one artifact of the cache a model, context and split.

A model is loaded only if something that it must answer isn't in the cache.
"""

import json
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from harness.inference import Engine
from harness.pipeline.plan import Plan
from harness.pipeline.progress import Advance, Progress
from harness.pipeline.prompts import Asked, Prompts
from harness.runs import JSON, Artifact, Cache, code_hash, fingerprint, library_versions
from harness.suite import Split
from harness.variants import Variant, Weights
from harness.weights import Stage, load_model, restore

FILE = "predictions.jsonl"
LIBRARIES = ("torch", "transformers", "peft", "tokenizers")


@dataclass(frozen=True)
class Prediction:
    """One raw output: what was asked (by hash), what was shown, what came back, and what it took."""

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


@dataclass(frozen=True)
class Answered:
    """The predictions of one variant and seed on one split."""

    variant: Variant
    split: str
    artifact: Artifact
    predictions: list[Prediction]


class Predictor:
    """Answers all cells of the grid, model by model."""

    def __init__(
        self, plan: Plan, prompts: Prompts, trained: dict[tuple[str, int], Artifact], cache: Cache, progress: Progress
    ) -> None:
        """`trained` by recipe and seed."""
        self._plan, self._prompts, self._trained = plan, prompts, trained
        self._cache, self._progress = cache, progress
        self._depends: dict[str, JSON] = {
            "decoding": plan.suite.decoding.model_dump(mode="json"),
            "device": plan.hardware.device.type,
            "dtype": str(plan.hardware.dtype),
            "versions": library_versions(LIBRARIES),
            "code": code_hash("harness.inference", "harness.weights", "harness.pipeline.predict"),
        }

    def predict_all(self) -> list[Answered]:
        """The predictions of every variant, seed and split."""
        cases = sum(len(split.cases) for split in self._plan.splits)
        answered = []
        for (weights, model_seed), needed in self._plan.models().items():
            model = _Model(self._plan, self._prompts, weights, self._trained.get((weights.recipe, model_seed)))
            for variant, seed in needed:
                with self._progress.task(f"predict {variant}", cases) as advance:
                    answered += [self._answer(model, variant, seed, split, advance) for split in self._plan.splits]
        return answered

    def _answer(self, model: "_Model", variant: Variant, seed: int, split: Split, advance: Advance) -> Answered:
        asked = self._prompts.asked(split, variant.context, seed)

        def build(folder: Path) -> None:
            rows = self._compute(model.engine, split, asked, advance)
            (folder / FILE).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")

        inputs: dict[str, JSON] = {**self._depends, "weights": model.identity, "prompts": asked.hash}
        artifact = self._cache.artifact("predictions", inputs, build)
        if artifact.reused:
            advance(len(split.cases))
        lines = (artifact.path / FILE).read_text(encoding="utf-8").splitlines()
        predictions = [
            Prediction(
                case=case.id,
                seed=seed,
                prompt_hash=fingerprint(list(prompt.ids))[:16],
                passages=passages,
                prompt_tokens=len(prompt.ids),
                **json.loads(line),
            )
            for case, prompt, passages, line in zip(split.cases, asked.prompts, asked.passages, lines, strict=True)
        ]
        return Answered(variant, split.name, artifact, predictions)

    def _compute(self, engine: Engine, split: Split, asked: Asked, advance: Advance) -> list[dict[str, Any]]:
        """What the model says of each case: text and tokens, or the log-likelihoods of the choices."""
        ids = [prompt.ids for prompt in asked.prompts]
        if split.chooses:
            scores = engine.choose(ids, asked.choices)
            advance(len(scores))
            return [{"loglikelihoods": s.loglikelihoods, "generated_tokens": 0, "seconds": s.seconds} for s in scores]
        decoding = self._plan.suite.decoding
        answers = engine.generate(ids, max_new_tokens=decoding.max_new_tokens, stop=decoding.stop, advance=advance)
        return [
            {"text": a.text, "finished": a.finished, "generated_tokens": a.tokens, "seconds": a.seconds}
            for a in answers
        ]


class _Model:
    """One model of the plan, loaded when it is first asked."""

    def __init__(self, plan: Plan, prompts: Prompts, weights: Weights, trained: Artifact | None) -> None:
        self._plan, self._prompts, self._weights, self._trained = plan, prompts, weights, trained

    @property
    def identity(self) -> JSON:
        """What the model's numbers depend on."""
        trained = self._trained.hash if self._trained else None
        return {"base": self._plan.base.hash, "trained": trained, "alpha": self._weights.alpha}

    @cached_property
    def engine(self) -> Engine:
        """The model behind an engine; raises HarnessError if weights are wanted that weren't trained."""
        plan = self._plan
        if not self._weights.trained:
            model: Any = load_model(plan.base, dtype=plan.hardware.dtype, device=plan.hardware.device)
        elif self._trained is None:
            raise HarnessError(f"{self._weights}: was not trained, so there is nothing to load.")
        else:
            recipe = plan.recipes[self._weights.recipe]
            model = restore([Stage(recipe, self._trained.path)], plan.base, plan.hardware, self._weights.alpha)
        return Engine(model, self._prompts.tokenizer)


def as_row(prediction: Prediction) -> dict[str, Any]:
    """The prediction as one line of its file."""
    return asdict(prediction)
