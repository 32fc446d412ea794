"""From cases to token ids: the prompts of every context, in the wording of each suite.

All prompts are built before anything is trained, so that one that doesn't fit the window stops a run at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from harness.pipeline.index import Retrieved
from harness.pipeline.plan import Plan
from harness.pipeline.progress import Progress
from harness.pipeline.tasks import Task
from harness.prompting import Prompt, PromptBuilder, Shot, Wording, choose_shots
from harness.runs import JSON, fingerprint
from harness.suite import Suite
from harness.variants import Context
from harness.weights import load_tokenizer, window


@dataclass(frozen=True)
class Asked:
    """What the cases of one task are asked in one context: the same for all weights.

    `choices` are the token ids of every choice of every case (empty for generated answers), `passages` the ids
    of those shown, `hash` covers all token ids.
    """

    prompts: list[Prompt]
    choices: list[list[tuple[int, ...]]]
    passages: list[tuple[str, ...]]
    hash: str


class Prompts:
    """Builds the prompts of a run with one tokenizer, each only once."""

    def __init__(self, plan: Plan, retrieved: Mapping[str, Retrieved]) -> None:
        """`retrieved` by task. Loads the tokenizer; raises InputError if the base has none."""
        self.tokenizer = load_tokenizer(plan.base)
        self._plan, self._retrieved = plan, retrieved
        room = window(plan.base)
        self._window = None if room is None else room - plan.virtual_tokens
        self._builders: dict[tuple[str, str], PromptBuilder] = {}
        self._asked: dict[tuple[str, Context, int], Asked] = {}

    def build_all(self, progress: Progress) -> None:
        """Builds the prompts of every variant; raises InputError for one that doesn't fit the window."""
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
        key = (task.name, context, seed if context.shots else 0)
        if key not in self._asked:
            self._asked[key] = self._build(task, context, seed)
        return self._asked[key]

    def builder(self, suite: Suite, template: str | None = None) -> PromptBuilder:
        """What writes the prompts of `suite`, its question in the wording of `template` if one is given."""
        question = template or suite.prompt.question
        if (suite.hash, question) not in self._builders:
            wording = Wording(suite.prompt.instruction, suite.prompt.passage, question)
            self._builders[suite.hash, question] = PromptBuilder(wording, self.tokenizer, self._window)
        return self._builders[suite.hash, question]

    def shots(self, suite: Suite, context: Context, seed: int) -> tuple[Shot, ...]:
        """The worked examples of `context`, from the train cases of `suite`."""
        pool = [Shot(case.question, case.references[0]) for case in suite.train]
        return choose_shots(pool, context.shots, seed=seed) if context.shots else ()

    def _build(self, task: Task, context: Context, seed: int) -> Asked:
        builder, cases = self.builder(task.suite), task.split.cases
        shots = self.shots(task.suite, context, seed)
        found = self._retrieved[task.name].passages if context.passages else {}
        shown = [found.get(case.id, ())[: context.passages] for case in cases]
        limit = task.suite.decoding.max_new_tokens
        prompts = [
            builder.build(case.question, shots=shots, passages=passages, answer_tokens=limit)
            for case, passages in zip(cases, shown, strict=True)
        ]
        choices = [
            [builder.answer(prompt, choice) for choice in case.choices]
            for case, prompt in zip(cases, prompts, strict=True)
        ]
        ids: JSON = [[list(prompt.ids) for prompt in prompts], [[list(choice) for choice in row] for row in choices]]
        return Asked(prompts, choices, [tuple(p.id for p in passages) for passages in shown], fingerprint(ids))
