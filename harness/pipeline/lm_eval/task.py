"""One task of lm-evaluation-harness: what it asks of each document, and what it makes of the answers' values."""

import copy
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from harness.errors import InputError
from harness.pipeline.lm_eval.library import SEED, library_errors
from harness.pipeline.lm_eval.writing import writing
from harness.runs import fingerprint

CHOICE, ROLLING, GENERATE = "multiple_choice", "loglikelihood_rolling", "generate_until"


@dataclass(frozen=True)
class CaseMetric:
    """A number for each case, as `name`: `value` finds it in what the task computes as `source` of the library.

    `higher_is_better` says whether variants may be compared by it.
    """

    name: str
    source: str
    filter: str
    value: Callable[[Any], float]
    higher_is_better: bool


class LMEvalTask:
    """A loaded task of the library, over one of its splits."""

    def __init__(self, library_task: Any, *, takes_shots: bool | None = None) -> None:
        """Raises InputError for a task that isn't for text, doesn't write greedily, or runs what a model writes.

        Whether it `takes_shots` its configuration says: where that sets their number to 0, the library never shows any.
        """
        from lm_eval.api.task import ConfigurableTask

        self.library_task = library_task
        self.name = str(library_task.task_name)
        self._takes_shots = library_task.get_config("num_fewshot") != 0 if takes_shots is None else takes_shots
        self._instances: dict[tuple[int, int], list[list[Any]]] = {}
        problem = None
        if not isinstance(library_task, ConfigurableTask):
            problem = "is of the library's old kind, without a configuration"
        elif getattr(library_task, "MULTIMODAL", False):
            problem = "shows pictures or sounds, and the engine is for text"
        elif getattr(library_task, "UNSAFE_CODE", False):
            problem = "executes code that the model writes, which the harness never does"
        if problem:
            raise InputError(f"lm_eval:{self.name} {problem}. Choose another task.")
        config = library_task.config
        self.new_tokens = 0  # that an answer may have
        if config.output_type == GENERATE:
            self.new_tokens = writing(self.name, config.generation_kwargs or {}).max_new_tokens

    @property
    def rolling(self) -> bool:
        """Whether whole texts are scored, without any context."""
        return bool(self.library_task.OUTPUT_TYPE == ROLLING)

    @property
    def metrics(self) -> list[CaseMetric]:
        """What it says of each case, in the task's order: for each filter of answers, each metric that is such."""
        task = self.library_task
        better = task.higher_is_better()
        filters = [str(ensemble.name) for ensemble in task._filters]
        found = []
        for source, aggregation in task.aggregation().items():
            for name in filters:
                if metric := _case_metric(source, name, aggregation, bool(better.get(source, True))):
                    found.append(metric)
        return found

    def over(self, split: str) -> "LMEvalTask":
        """The same task over another of its splits."""
        task = copy.copy(self.library_task)
        task._config = copy.copy(task._config)
        task._config.test_split = split
        return LMEvalTask(task, takes_shots=self._takes_shots)

    def split(self, kind: str) -> str | None:
        """The name of the split that the task names as `training`, `validation` or `test`, if it has such."""
        name: str | None = self.library_task.get_config(f"{kind}_split")
        return name

    def instances(self, shots: int, seed: int, cases: int) -> list[list[Any]]:
        """What is asked of each of the first `cases` documents, with as many worked examples, as the library has it.

        `seed` 0 draws the examples that it draws by itself. Raises InputError where they can't be had.
        """
        key = (shots, seed if shots else 0)
        if len(self._instances.get(key, [])) < cases:
            self._refuse_shots(shots)
            with library_errors(f"lm_eval:{self.name}: what it asks can't be written with {shots} shots"):
                self._set(shots, seed)
                self.library_task.build_all_requests(limit=cases)
            by_document = groupby(self.library_task.instances, key=lambda instance: instance.doc_id)
            self._instances[key] = [sorted(asked, key=lambda one: one.idx) for _, asked in by_document]
        return self._instances.get(key, [])[:cases]

    def prepare(self, shots: int, seed: int, instances: Sequence[Sequence[Any]]) -> list[list[Any]]:
        """Gives the library's task fresh copies of `instances`, to which answers can be added; returns them."""
        fresh = [[replace(one, resps=[], filtered_resps={}) for one in asked] for asked in instances]
        self._set(shots, seed)
        self.library_task._instances = [one for asked in fresh for one in asked]
        return fresh

    def documents(self) -> int:
        """How many documents the split has; raises InputError if it has none that can be asked."""
        with library_errors(f"lm_eval:{self.name}: its documents can't be read"):
            return len(self.library_task.eval_docs)

    def target(self, asked: Sequence[Any]) -> str:
        """The text of the right answer to one document; of several right ones the first, and "" where there is none."""
        task, document = self.library_task, asked[0].doc
        target = task.doc_to_target(document)
        first = target[0] if isinstance(target, list) and target else target
        if isinstance(first, int) and task.config.doc_to_choice is not None and not task.multiple_input:
            choices = task.doc_to_choice(document)
            first = choices[first] if 0 <= first < len(choices) else ""
        return str(first).strip()

    def choices(self, asked: Sequence[Any]) -> tuple[str, ...]:
        """What one document gives to choose from; nothing where that isn't two or more different texts."""
        task = self.library_task
        if task.OUTPUT_TYPE != CHOICE or task.multiple_input:
            return ()
        texts = tuple(str(text).strip() for text in task.doc_to_choice(asked[0].doc))
        return texts if all(texts) and len(set(texts)) == len(texts) > 1 else ()

    def context(self, asked: Sequence[Any]) -> str:
        """What a document is asked after, and for a whole text that itself.

        Where each choice has a context of its own, it is the right one's.
        """
        right = 0
        if self.library_task.multiple_input:
            right = int(self.library_task.doc_to_text(asked[0].doc))
        return str(asked[right if 0 <= right < len(asked) else 0].args[0])

    def hash(self, instances: Sequence[Sequence[Any]]) -> str:
        """Covers its configuration and version, the library's, and all that it asks of its documents without shots."""
        from importlib.metadata import version

        config = self.library_task.dump_config()
        config = {key: value for key, value in config.items() if key not in ("dataset_kwargs", "num_fewshot")}
        config["metadata"] = {
            key: value for key, value in (config.get("metadata") or {}).items() if key != "config_source"
        }
        documents = [[str(one.args) for one in asked] + [str(asked[0].doc)] for asked in instances]
        told = re.sub(r" at 0x[0-9a-f]+", "", str(config))
        return fingerprint([version("lm_eval"), str(self.library_task.VERSION), told, documents])

    def _set(self, shots: int, seed: int) -> None:
        self.library_task.set_config("num_fewshot", shots)
        self.library_task.set_fewshot_seed(SEED + seed)

    def _refuse_shots(self, shots: int) -> None:
        if shots and (self.rolling or not self._takes_shots):
            reason = "scores whole texts, which come after nothing" if self.rolling else "sets their number to 0"
            raise InputError(
                f"lm_eval:{self.name} is shown no worked examples: it {reason}. A context with few-shot-{shots} would "
                "be untrue on it. Ask it zero-shot."
            )


def _case_metric(source: str, filter_: str, aggregation: Any, higher_is_better: bool) -> CaseMetric | None:
    """The metric as a number for each case, if it is one: what isn't a mean over cases is only in the library's files.

    Two that aren't have a near relation that is: of byte perplexity each text's own inverse, and of Matthews'
    correlation whether the case is right.
    """
    from lm_eval.api.metrics import matthews_corrcoef, mean, nanmean

    suffix = "" if filter_ == "none" else f"({filter_})"
    if aggregation in (mean, nanmean):
        return CaseMetric(f"{source}{suffix}", source, filter_, float, higher_is_better)
    if source == "byte_perplexity":
        return CaseMetric(f"byte_likelihood{suffix}", source, filter_, _byte_likelihood, True)
    if aggregation is matthews_corrcoef:
        return CaseMetric(f"agreement{suffix}", source, filter_, lambda pair: float(pair[0] == pair[1]), True)
    return None


def _byte_likelihood(summed: tuple[float, int]) -> float:
    """The geometric mean of the likelihoods of the bytes of a text; of none it is no number."""
    loglikelihood, count = summed
    return math.exp(loglikelihood / count) if count else math.nan
