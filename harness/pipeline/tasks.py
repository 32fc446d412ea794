"""What variants are asked: splits together with the suite that gives them wording, corpus and decoding."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from harness.errors import InputError, UnknownNameError
from harness.pipeline.lm_eval import LMEvalSuite
from harness.pipeline.lm_eval.task import LMEvalTask
from harness.suite import Split, Suite
from harness.suite.records import SplitKind


@dataclass(frozen=True)
class Task:
    """One split of one suite; `name` is the split's, or `SUITE:SPLIT` where that isn't the suite that is compared."""

    name: str
    suite: Suite
    split: Split

    @property
    def lm_eval(self) -> LMEvalTask | None:
        """The task of lm-evaluation-harness that words and judges it, if it is one."""
        return self.suite.tasks.get(self.split.name) if isinstance(self.suite, LMEvalSuite) else None


def test_tasks(suite: Suite, names: Sequence[str], limit: int | None) -> tuple[Task, ...]:
    """The test splits of `suite`, or those with `names`, cut to `limit` cases; raises InputError for unknown names."""
    known = [split.name for split in suite.tests]
    unknown = [UnknownNameError("test split", name, known) for name in names if name not in known]
    if unknown:
        raise InputError("\n".join(f"suite {suite.name}: {error}" for error in unknown))
    chosen = [split for split in suite.tests if not names or split.name in names]
    return tuple(Task(split.name, suite, _cut(split, limit)) for split in chosen)


def retention_tasks(suites: Sequence[Suite], limit: int | None) -> tuple[Task, ...]:
    """The in-domain splits of other suites, which earlier stages learnt: what later stages may make them forget."""
    return tuple(
        Task(f"{suite.name}:{split.name}", suite, replace(_cut(split, limit), kind="retention"))
        for suite in suites
        for split in _of_kind(suite, "in-domain")
    )


def lm_eval_tasks(suites: Sequence[LMEvalSuite], limit: int | None) -> tuple[Task, ...]:
    """The retention splits that tasks of lm-evaluation-harness are beside a suite, named `lm_eval:TASK`."""
    return tuple(
        Task(f"{suite.name}:{split.name}", suite, _cut(split, limit)) for suite in suites for split in suite.tests
    )


def validation_tasks(suite: Suite) -> tuple[Task, ...]:
    """The splits to choose settings by; never shown as scores."""
    return tuple(Task(f"validation:{split.name}", suite, split) for split in _of_kind(suite, "validation"))


def train_tasks(suite: Suite) -> tuple[Task, ...]:
    """The splits to train on."""
    return tuple(Task(f"train:{suite.name}:{split.name}", suite, split) for split in _of_kind(suite, "train"))


def _of_kind(suite: Suite, kind: SplitKind) -> Iterator[Split]:
    return (split for split in suite.splits.values() if split.kind == kind)


def _cut(split: Split, limit: int | None) -> Split:
    return replace(split, cases=split.cases[:limit])
