"""Metrics of others: any module that `evaluate.load` finds, by name or in a folder, if its code is trusted."""

import math
import re
from collections.abc import Sequence
from numbers import Real
from pathlib import Path
from typing import Any, Self

import datasets
import evaluate

from harness.errors import InputError
from harness.scoring.quality import Given, QualityMetric, UnscoredError

_ARGUMENT = re.compile(r"(?P<name>.+?)(?::(?P<key>\w+))?")
_LISTS = (datasets.Sequence, datasets.List, datasets.LargeList, list)


class Module(QualityMetric):
    """What another `evaluate` module says of each answer, if it is a number between 0 and 1; else it is unscored."""

    family = "evaluate"
    form = "evaluate(NAME)"

    def __init__(self, name: str, key: str = "", **settings: Any) -> None:
        """Loads and tries the module `name`, which runs its code; `key` says which of its results counts.

        Where none is given it is the one that is called as the module is, or the only one. Raises InputError if the
        module can't be loaded, doesn't judge texts, or has several results and none is chosen.
        """
        self.metric = f"evaluate({name}:{key})" if key else f"evaluate({name})"
        self._module = _load(name, self.metric)
        self._takes_lists = _takes_lists(self._module, self.metric)
        self._key = key or name.rstrip("/").rpartition("/")[2].removesuffix(".py")
        self._key = self._find_key(bool(key))
        code = type(self._module).__module__.split(".")[-2]  # evaluate's hash of the module's files
        self.signature = f"{name}:{code[:8]}|evaluate:{evaluate.__version__}"
        super().__init__(**settings)

    @classmethod
    def of(cls, argument: str | None, given: Given) -> Self:
        """See the class; raises InputError if the caller doesn't trust the module."""
        match = _ARGUMENT.fullmatch(argument or "")
        if not match:
            raise InputError("evaluate: there is no module. Write evaluate(NAME), for example evaluate(cer).")
        name = match["name"]
        if name not in given.trusted:
            raise InputError(
                f"evaluate({argument}): the module {name!r} is a program of somebody else's, which would run with your "
                f"rights, and a suite can't give leave for that. If you trust it, add `--trust-metric {name}`."
            )
        return cls(name, match["key"] or "")

    def judge(self, predictions: Sequence[str], references: Sequence[Sequence[str]]) -> Sequence[float | UnscoredError]:
        """All at once if the module gives a number a case, else case by case; what it can't judge is unscored."""
        pairs = [(p, tuple(r)) for p, r in zip(predictions, references, strict=True)]
        tasks = {pair: [pair] if self._takes_lists else [(pair[0], (text,)) for text in pair[1]] for pair in pairs}
        asked = list(dict.fromkeys(task for row in tasks.values() for task in row))
        try:
            found = self._compute_all(asked)
        except Exception:  # of somebody else's code: which case it was is found by asking one by one
            found = None
        values = found if isinstance(found, list) and len(found) == len(asked) else [self._one(task) for task in asked]
        by_task = {task: _between_0_and_1(value) for task, value in zip(asked, values, strict=True)}
        return [_best([by_task[task] for task in tasks[pair]]) for pair in pairs]

    def _one(self, task: tuple[str, tuple[str, ...]]) -> Any:
        try:
            value = self._compute_all([task])
        except Exception as error:  # as above
            return UnscoredError(f"{self.metric} failed: {error}")
        return value[0] if isinstance(value, list) and len(value) == 1 else value

    def _compute_all(self, tasks: Sequence[tuple[str, tuple[str, ...]]]) -> Any:
        """The result that counts, of several (prediction, references) at once."""
        references = [list(texts) if self._takes_lists else texts[0] for _, texts in tasks]
        result = self._module.compute(predictions=[prediction for prediction, _ in tasks], references=references)
        return result[self._key]

    def _find_key(self, chosen: bool) -> str:
        """Which of the module's results counts, by trying it on a case."""
        reference = ["a right answer"] if self._takes_lists else "a right answer"
        try:
            result = dict(self._module.compute(predictions=["a right answer"], references=[reference]))
        except Exception as error:
            raise InputError(
                f"{self.metric}: the module can't be used ({error}). It is called with predictions and references and "
                "nothing else; choose one that needs no more."
            ) from error
        usable = [key for key, value in result.items() if isinstance(value, Real | list)]
        if self._key in usable or (len(usable) == 1 and not chosen):
            return self._key if self._key in usable else usable[0]
        listing = ", ".join(usable) or "none that is a number"
        raise InputError(f"{self.metric}: which result counts? Its results: {listing}. Write evaluate(NAME:RESULT).")


def _load(name: str, metric: str) -> evaluate.EvaluationModule:
    local = name.startswith(".") or Path(name).is_absolute()
    if not local and Path(name).exists():
        raise InputError(
            f"{metric}: {name!r} is a file or folder here and may be a module of the hub too; which one is meant must "
            f"be plain, since its code is run. Write ./{name} for the one here, or run from elsewhere."
        )
    try:
        return evaluate.load(str(Path(name).resolve()) if local else name, keep_in_memory=True)
    except Exception as error:  # loading runs somebody else's code, so anything may come
        raise InputError(
            f"{metric}: the module can't be loaded ({error}). Check its name and, unless it was loaded here before, "
            "the network; for a module in a folder write evaluate(./FOLDER)."
        ) from error


def _takes_lists(module: evaluate.EvaluationModule, metric: str) -> bool:
    """Whether the module takes lists of references; raises InputError if it doesn't judge texts at all."""
    options = module.features if isinstance(module.features, list) else [module.features]
    usable = [
        isinstance(option["references"], _LISTS)
        for option in options
        if set(option) == {"predictions", "references"} and option["predictions"] == datasets.Value("string")
    ]
    if not usable:
        raise InputError(f"{metric}: the module judges no texts: it takes {options[0]}. Choose another metric.")
    return any(usable)


def _between_0_and_1(value: Any) -> float | UnscoredError:
    if isinstance(value, UnscoredError):
        return value
    number = float(value) if isinstance(value, Real) else math.nan
    if not math.isfinite(number):
        return UnscoredError("the module gave no finite number")
    if not 0 <= number <= 1:
        return UnscoredError(f"the module gave {number:g}, and a score lies between 0 and 1")
    return number


def _best(values: Sequence[float | UnscoredError]) -> float | UnscoredError:
    numbers = [value for value in values if not isinstance(value, UnscoredError)]
    return max(numbers) if numbers else values[0]
