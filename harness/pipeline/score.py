"""The scoring stage: from predictions to rows, one a case and metric."""

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from harness.comparison import ScoreRow, SplitKind, SplitReference
from harness.errors import InputError
from harness.pipeline.find import Finder
from harness.pipeline.lm_eval.evaluation import scores as lm_eval_scores
from harness.pipeline.plan import Plan
from harness.pipeline.predict import Answered
from harness.pipeline.tasks import Task
from harness.prompting import Wording
from harness.runs import code_hash, library_versions
from harness.scoring import Given, Output, QualityMetric, Score, parse_metrics, score


class Scorer:
    """Scores answers by the metrics that each task names, or by those that are usual for its kind of cases."""

    def __init__(self, plan: Plan, finder: Finder) -> None:
        """Raises InputError for metrics that can't be used, all at once."""
        self._finder = finder
        given = Given(finder.embed, plan.config.trust_metrics, embedder=plan.config.embedder)
        self._metrics: dict[str, tuple[QualityMetric, ...]] = {}
        self._lm_eval: dict[str, list[str]] = {}  # the names of those by which variants may be compared
        problems = []
        for task in (*plan.tasks, *plan.validation):
            if task.lm_eval is not None:
                self._lm_eval[task.name] = [one.name for one in task.lm_eval.metrics if one.higher_is_better]
                continue
            names, place = task.split.metrics, f"suite {task.suite.name}: split {task.split.name}: metrics"
            try:
                self._metrics[task.name] = parse_metrics(names, chooses=task.split.chooses, given=given, place=place)
            except InputError as error:
                problems.append(str(error))
        if problems:
            raise InputError("\n".join(problems))

    def primary(self, task: Task) -> str:
        """The name of the metric that decides on `task`."""
        return self._lm_eval[task.name][0] if task.lm_eval is not None else self._metrics[task.name][0].metric

    def metrics(self, task: Task) -> list[str]:
        """The names of the metrics that judge the answers to `task`."""
        return self._lm_eval.get(task.name) or [metric.metric for metric in self._metrics[task.name]]

    @property
    def quality_metrics(self) -> set[str]:
        """The names of all metrics that judge answers: the higher the better, so that they may be compared."""
        own = {metric.metric for metrics in self._metrics.values() for metric in metrics}
        return own.union(*self._lm_eval.values())

    @property
    def signatures(self) -> dict[str, str]:
        """What the numbers of every metric depend on, by its name: its code, and maybe a library and settings."""
        every = {metric.metric: metric for metrics in self._metrics.values() for metric in metrics}
        own = {
            name: "|".join(filter(None, [f"code:{code_hash(type(metric).__module__)[:8]}", metric.signature]))
            for name, metric in every.items()
        }
        library = f"lm_eval:{library_versions(['lm_eval'])['lm_eval']}" if self._lm_eval else ""
        return {**dict.fromkeys(set().union(*self._lm_eval.values()) if self._lm_eval else (), library), **own}

    def references(self, tasks: Sequence[Task]) -> list[SplitReference]:
        """The tasks as a comparison knows them, with the metric that decides on each."""
        return [
            SplitReference(
                name=task.name,
                kind=cast(SplitKind, task.split.kind),
                n=len(task.split.cases),
                primary=self.primary(task),
            )
            for task in tasks
        ]

    def score(self, answered: Sequence[Answered]) -> list[ScoreRow]:
        """The scores of every prediction by every metric that its case allows."""
        return [row for answer in answered for row in self._rows(answer)]

    def _rows(self, answer: Answered) -> list[ScoreRow]:
        seed = answer.predictions[0].seed if answer.predictions else 0
        scores = self._scores(answer)
        return [
            ScoreRow(
                variant=str(answer.variant),
                split=answer.task.name,
                case=one.case,
                metric=one.metric,
                seed=seed,
                value=one.value,
                reason=one.reason,
            )
            for one in scores
        ]

    def _scores(self, answer: Answered) -> Sequence[Score]:
        if answer.task.lm_eval is not None:
            return list(lm_eval_scores(answer, answer.task.lm_eval)) if answer.predictions else []
        return score(self._outputs(answer), self._metrics[answer.task.name], passages=answer.variant.context.passages)

    def _outputs(self, answer: Answered) -> list[Output]:
        outputs = [
            Output(
                case=case.id,
                references=case.references,
                text=prediction.text,
                finished=prediction.finished,
                choices=case.choices,
                loglikelihoods=prediction.loglikelihoods,
                choice_tokens=prediction.choice_tokens,
                stale=case.stale,
                failure=prediction.failure,
            )
            for case, prediction in zip(answer.task.split.cases, answer.predictions, strict=True)
        ]
        return self._with_passages(outputs, answer) if answer.variant.context.passages else outputs

    def _with_passages(self, outputs: Sequence[Output], answer: Answered) -> list[Output]:
        """The outputs with what was retrieved for them, and what of it the prompts showed, as they showed it."""
        found, prompt = self._finder.find(answer.task, answer.variant.context), answer.task.suite.prompt
        wording = Wording(prompt.instruction, prompt.passage, prompt.question)
        complete = []
        for output, prediction in zip(outputs, answer.predictions, strict=True):
            judged = found.judged[output.case]
            shown = found.passages[output.case][: len(prediction.passages)]
            texts = [wording.render_passage(passage.text, passage.title) for passage in shown]
            complete.append(
                replace(
                    output,
                    evidence=judged.relevant,
                    retrieved=judged.ranking,
                    complete_after=judged.complete_after,
                    passages=tuple(texts),
                )
            )
        return complete
