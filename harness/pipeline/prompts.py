"""From cases to token ids: the prompts of every context, in the wording of each suite.

All prompts are built before anything is trained, so that what can't be asked is known at once.
"""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from harness.errors import InputError, TooLongError
from harness.pipeline.find import Finder
from harness.pipeline.lm_eval import LMEvalSuite
from harness.pipeline.lm_eval.requests import Requests, requests
from harness.pipeline.lm_eval.task import LMEvalTask
from harness.pipeline.plan import Plan
from harness.pipeline.tasks import Task
from harness.prompting import Prompt, PromptBuilder, Shot, Shown, Wording, choose_shots
from harness.runs import JSON, fingerprint
from harness.runs.progress import Progress
from harness.suite import Case, Suite
from harness.variants import Context
from harness.weights import load_tokenizer, window

NOT_ASKED = Prompt("", ())


@dataclass(frozen=True)
class Asked:
    """What the cases of one task are asked in one context: the same for all weights.

    `choices` are the token ids of every choice of every case (empty for generated answers), `passages` the ids
    of those shown, `dropped` how many more were retrieved that the window had no room for; `failures` say why a case is
    not asked ("" where it is).
    A task of lm-evaluation-harness asks `requests`, of which the others are the first of each case.
    """

    prompts: list[Prompt]
    choices: list[list[tuple[int, ...]]]
    passages: list[tuple[str, ...]]
    dropped: list[int]
    failures: list[str]
    requests: list[Requests] = field(default_factory=list)

    @cached_property
    def hash(self) -> str:
        """A hash over all token ids, of prompts and of what may follow them."""
        if self.requests:
            return fingerprint([_ids(one) for one in self.requests])
        choices: JSON = [[list(choice) for choice in row] for row in self.choices]
        return fingerprint([[list(prompt.ids) for prompt in self.prompts], choices])

    def part(self, start: int, stop: int) -> "Asked":
        """What the cases from `start` up to, but without, `stop` are asked."""
        if (start, stop) == (0, len(self.prompts)):
            return self
        lists = (self.prompts, self.choices, self.passages, self.dropped, self.failures, self.requests)
        return Asked(*(values[start:stop] for values in lists))  # type: ignore[arg-type]


class Prompts:
    """Builds the prompts of a run with one tokenizer, each only once."""

    def __init__(self, plan: Plan, finder: Finder) -> None:
        """Loads the tokenizer; raises InputError if the base has none."""
        self.tokenizer, room = self._known(plan)
        self._plan, self._finder = plan, finder
        self._window = None if room is None else room - plan.virtual_tokens
        self._builders: dict[tuple[str, str], PromptBuilder] = {}
        self._asked: dict[tuple[str, str, Context, int], Asked] = {}

    def build_all(self, progress: Progress) -> None:
        """Builds the prompts of every variant; raises InputError where one would not be what its name says."""
        cells = [
            (task, variant.context, seed)
            for variant in self._plan.variants
            for seed in self._plan.seeds(variant)
            for task in self._plan.tasks
        ]
        with progress.task("write the prompts", len(cells)) as advance:
            for task, context, seed in cells:
                self.asked(task, context, seed)
                advance(1)

    def asked(self, task: Task, context: Context, seed: int) -> Asked:
        """What the cases of `task` are asked in `context`; `seed` draws the shots, if there are any."""
        key = (task.suite.hash, task.name, context, seed if context.shots else 0)
        if key not in self._asked:
            self._asked[key] = self._build(task, context, seed)
        return self._asked[key]

    def builder(self, suite: Suite, template: str | None = None) -> PromptBuilder:
        """What writes the prompts of `suite`, its question in the wording of `template` if one is given."""
        question = template or suite.prompt.question
        if (suite.hash, question) not in self._builders:
            wording = Wording(suite.prompt.instruction, suite.prompt.passage, question)
            self._builders[suite.hash, question] = self._builder(wording, suite)
        return self._builders[suite.hash, question]

    def shots(self, suite: Suite, context: Context, seed: int) -> tuple[Shot, ...]:
        """The worked examples of `context`, from the train cases of `suite`."""
        pool = [Shot(case.question, case.references[0]) for case in suite.train]
        return choose_shots(pool, context.shots, seed=seed) if context.shots else ()

    def _known(self, plan: Plan) -> tuple[Any, int | None]:
        """The tokenizer, and how many tokens the model reads."""
        return load_tokenizer(plan.base), window(plan.base)

    def _builder(self, wording: Wording, suite: Suite) -> PromptBuilder:
        tokenizer = self.tokenizer
        if isinstance(suite, LMEvalSuite):  # it is asked in plain text, as its library asks, so it is learnt so
            tokenizer = copy(tokenizer)
            tokenizer.chat_template = None
        return PromptBuilder(wording, tokenizer, self._window)

    def _build(self, task: Task, context: Context, seed: int) -> Asked:
        if task.lm_eval is not None:
            return self._build_lm_eval(task, task.lm_eval, context, seed)
        builder, cases = self.builder(task.suite), task.split.cases
        shots = self.shots(task.suite, context, seed)
        found = self._finder.find(task, context) if context.passages else None
        retrieved = [found.passages[case.id] if found else () for case in cases]
        prompts, failures = [], []
        for case, passages in zip(cases, retrieved, strict=True):
            try:
                room = self._room(task, case)
                prompts.append(builder.build(case.question, shots=shots, passages=passages, answer_tokens=room))
                failures.append("")
            except TooLongError:
                prompts.append(NOT_ASKED)
                failures.append(f"the prompt is too long for the window of {self._window} tokens")
        shown = [passages[: prompt.passages] for passages, prompt in zip(retrieved, prompts, strict=True)]
        self._refuse_none_shown(task, context, shown)
        choices = [
            [] if prompt is NOT_ASKED else self._choices(builder, prompt, case)
            for case, prompt in zip(cases, prompts, strict=True)
        ]
        return Asked(
            prompts,
            choices,
            passages=[tuple(passage.id for passage in passages) for passages in shown],
            dropped=[len(all_) - len(some) for all_, some in zip(retrieved, shown, strict=True)],
            failures=failures,
        )

    def _build_lm_eval(self, task: Task, asked: LMEvalTask, context: Context, seed: int) -> Asked:
        """What the library asks, after the passages that are found for its questions."""
        cases = task.split.cases
        found = self._finder.find(task, context) if context.passages else None
        retrieved = [found.passages[case.id] if found else () for case in cases]
        wording = Wording("", task.suite.prompt.passage, task.suite.prompt.question)
        blocks = [[wording.render_passage(one.text, one.title) for one in passages] for passages in retrieved]
        instances = asked.instances(context.shots, seed, len(cases))
        made = requests(asked, instances, blocks, self.tokenizer, self._window)
        shown = [passages[: one.passages] for passages, one in zip(retrieved, made, strict=True)]
        self._refuse_none_shown(task, context, shown)
        return Asked(
            [Prompt("", one.ids, one.passages) for one in made],
            [[pair.continuation for pair in one.pairs] for one in made],
            passages=[tuple(passage.id for passage in passages) for passages in shown],
            dropped=[len(all_) - len(some) for all_, some in zip(retrieved, shown, strict=True)],
            failures=[""] * len(made),
            requests=made,
        )

    def _refuse_none_shown(self, task: Task, context: Context, shown: Sequence[Sequence[Shown]]) -> None:
        """Raises InputError where the prompts have no room for any passage, though passages are what they are for."""
        if context.passages and shown and not any(shown):
            raise InputError(
                f"{context} on {task.name}: the window of {self._window} tokens has no room for a single passage in "
                "any prompt, so its name would be untrue. Set retrieval.chunk.tokens lower, or take a base with a "
                "larger window."
            )

    def _choices(self, builder: PromptBuilder, prompt: Prompt, case: Case) -> list[tuple[int, ...]]:
        """The token ids of each choice as the continuation of `prompt`."""
        return [builder.answer(prompt, choice) for choice in case.choices]

    def _room(self, task: Task, case: Case) -> int:
        """How many tokens the answer may take: as many as the longest choice has, or as are generated at most."""
        if not case.choices:
            return task.suite.decoding.max_new_tokens
        encoded = self.tokenizer([f" {choice}" for choice in case.choices], add_special_tokens=False, verbose=False)
        return max(len(ids) for ids in encoded["input_ids"])


def _ids(one: Requests) -> JSON:
    """All that a task of lm-evaluation-harness asks of one case, in token ids, and how its answer is written."""
    written: list[JSON] = [list(one.prompt), one.writing.max_new_tokens, list(one.writing.stop)] if one.writing else []
    return [*([list(pair.context), list(pair.continuation)] for pair in one.pairs), *written]
