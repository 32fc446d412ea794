"""The models of a run computed by vLLM: the base with its LoRA adapters in one, every other model in one of its own.

A model that is no adapter is merged, written to a temporary folder and loaded, which takes a minute or more each and
twice its size on the disk. One vLLM is held at a time: it takes most of the device's memory.
"""

import gc
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from harness.inference import Backend
from harness.inference.vllm_backend import Adapter, VllmBackend, load
from harness.pipeline.backends import ADAPTERS, beside_base
from harness.pipeline.plan import Plan
from harness.runs import JSON, fingerprint
from harness.variants import Weights
from harness.weights import Stage, line, method_of, parameters, restore, soup


class _Held:
    """The one vLLM that this process holds, by what it was made of."""

    def __init__(self) -> None:
        self._key: str | None = None
        self._llm: Any = None
        self._numbers: dict[str, int] = {}  # of the adapters that it was asked with

    def get(self, key: str, make: Any) -> Any:
        """The vLLM of that key; another one is given up for it."""
        if key != self._key:
            self._give_up()
            self._llm, self._key = make(), key
        return self._llm

    def number(self, adapter: str) -> int:
        """A number for an adapter, from 1 on, the same whenever it is asked."""
        return self._numbers.setdefault(adapter, len(self._numbers) + 1)

    def _give_up(self) -> None:
        import torch

        self._llm, self._key, self._numbers = None, None, {}
        gc.collect()  # its finalizer ends the process that computes
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


_held = _Held()


class VllmModels:
    """What one chain of recipes gives, by alpha; `trainings` has the stages of each seed that it is made of."""

    def __init__(self, plan: Plan, tokenizer: Any, weights: Weights, trainings: Sequence[Sequence[Stage]]) -> None:
        self._plan, self._tokenizer, self._weights, self._trainings = plan, tokenizer, weights, trainings
        self._bytes = parameters(plan.base) * plan.hardware.dtype.itemsize

    def backend(self, alpha: float | None, identity: JSON) -> Backend:
        """The model at `alpha`; `identity` is what its numbers depend on. Raises what loading and merging raise."""
        plan = self._plan
        if not self._weights.trained:
            return VllmBackend(self._base(), self._tokenizer, plan.base.path, self._bytes)
        if beside_base(self._weights, alpha, plan.recipes):
            ((stage,),) = self._trainings
            llm, size = self._base(), (stage.folder / "adapter_model.safetensors").stat().st_size
            adapter = Adapter(stage.recipe.name, _held.number(str(stage.folder)), stage.folder)
            return VllmBackend(llm, self._tokenizer, plan.base.path, self._bytes + size, adapter)
        llm = _held.get(fingerprint(identity), lambda: self._merged(alpha))
        return VllmBackend(llm, self._tokenizer, plan.base.path, self._bytes)

    def _base(self) -> Any:
        """The base, ready for all adapters of the run."""
        plan = self._plan
        adapters = [recipe for recipe in plan.recipes.values() if recipe.method in ADAPTERS]
        ranks = [method_of(recipe)[1].rank for recipe in adapters]  # type: ignore[attr-defined]
        return _held.get(plan.base.hash, lambda: self._load(plan.base.path, ranks))

    def _merged(self, alpha: float | None) -> Any:
        """A vLLM of the merged weights; their folder is gone when it has read them."""
        from harness._quiet import quiet_transformers

        with TemporaryDirectory(prefix="harness-merged-") as folder:
            with quiet_transformers():
                self._plain_model(alpha).save_pretrained(folder)
            return self._load(Path(folder), ())

    def _plain_model(self, alpha: float | None) -> Any:
        """The model as plain weights, in main memory."""
        import torch

        hardware = replace(self._plan.hardware, device=torch.device("cpu"), spread=False, max_memory={})
        if self._weights.alpha == "soup":
            return soup(self._trainings, self._plan.base, hardware)
        (stages,) = self._trainings
        if len(stages) > 1 and alpha is not None and alpha != 1:
            return line(stages, self._plan.base, hardware)(alpha)
        method, _ = method_of(stages[-1].recipe)
        return method.merged(restore(stages, self._plan.base, hardware, alpha))

    def _load(self, folder: Path, ranks: Sequence[int]) -> Any:
        import torch

        plan = self._plan
        return load(
            folder,
            plan.base.path,
            dtype=str(plan.hardware.dtype).removeprefix("torch."),
            devices=torch.cuda.device_count() if plan.hardware.spread else 1,
            ranks=ranks,
            trusted=plan.base.trusted,
        )
