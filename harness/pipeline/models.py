"""The models of a run behind backends: loaded when they are first asked, and moved in place from alpha to alpha."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

from harness.inference import Backend, Engine
from harness.pipeline.plan import Plan
from harness.pipeline.train import Chain, Trained
from harness.pipeline.vllm_models import VllmModels
from harness.runs import JSON
from harness.variants import Weights
from harness.weights import Stage, line, load_base, restore_to_answer, soup

Alpha = float | None


class Models:
    """All models that one chain of recipes and seed give; of the same weights, only one alpha at a time."""

    def __init__(self, plan: Plan, trained: Trained, tokenizer: Any, weights: Weights, seed: int) -> None:
        """`weights` are those of any variant; a soup is made of the trainings of all seeds."""
        self._plan, self._tokenizer = plan, tokenizer
        self._weights = weights
        self._chain: Chain = weights.stages
        self._soup = weights.alpha == "soup"
        self._trained, self._seed = trained, seed

    def identity(self, alpha: Alpha) -> JSON:
        """What the numbers of the model at `alpha` depend on."""
        hashes: list[JSON] = [
            [self._trained[self._chain[: length + 1], seed].hash for length in range(len(self._chain))]
            for seed in self._seeds
        ]
        return {"base": self._plan.base.hash, "trained": hashes, "soup": self._soup, "alpha": alpha}

    def backend(self, alpha: Alpha) -> Backend:
        """The model at `alpha` (None: trained, or the base); what the last call gave may be this model, moved."""
        if self._plan.config.backend == "vllm":
            return self._vllm.backend(alpha, self.identity(alpha))
        if alpha is None or alpha == 1:
            return self._whole
        return Engine(self._line(alpha), self._tokenizer)

    @property
    def _seeds(self) -> range:
        return range(self._plan.config.seeds) if self._soup else range(self._seed, self._seed + 1)

    @cached_property
    def _vllm(self) -> VllmModels:
        trainings = [self._stages(seed) for seed in self._seeds] if self._chain else []
        return VllmModels(self._plan, self._tokenizer, self._weights, trainings)

    @cached_property
    def _whole(self) -> Engine:
        plan = self._plan
        if not self._chain:
            model: Any = load_base(plan.base, plan.hardware)
        elif self._soup:
            model = soup([self._stages(seed) for seed in self._seeds], plan.base, plan.hardware)
        else:
            model = restore_to_answer(self._stages(self._seed), plan.base, plan.hardware)
        return Engine(model, self._tokenizer)

    @cached_property
    def _line(self) -> Callable[[float], Any]:
        return line(self._stages(self._seed), self._plan.base, self._plan.hardware)

    def _stages(self, seed: int) -> list[Stage]:
        return [
            Stage(self._plan.recipes[name], self._trained[self._chain[: length + 1], seed].path)
            for length, name in enumerate(self._chain)
        ]
