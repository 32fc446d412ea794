"""What each recipe learns: the examples, and for each where it came from.

Suites are mixed, questions made from the corpus, wordings drawn, passages and distractors shown, and wrong answers put
beside the right ones, as the recipe's `data` says. What happens to a case is drawn by seed, and every example recorded.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from random import Random
from typing import Any, NamedTuple

from harness.errors import InputError, TooLongError
from harness.pipeline.earlier import Earlier
from harness.pipeline.find import Finder
from harness.pipeline.mixture import mix
from harness.pipeline.plan import Plan
from harness.pipeline.preferences import rejected_answer
from harness.pipeline.prompts import Prompts
from harness.pipeline.recipes import train_context
from harness.pipeline.tasks import Task, train_tasks, validation_tasks
from harness.prompting import Message, Prompt, PromptBuilder, Shot, Shown
from harness.runs import fingerprint
from harness.suite import Case, Split, Suite
from harness.suite.weak import weak_cases
from harness.weights import Example, Recipe, method_of

END = 1  # token after an answer

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Lesson:
    """One example to train on: token ids, and where they came from.

    `template` counts the recipe's own wordings from 1 on (0: the suite's), `content` identifies question and answer.
    What a server is to learn is a `chat`, which it encodes itself: the turns of the prompt, and the answer.
    """

    example: Example
    suite: str
    case: str
    weak: bool
    template: int
    passages: tuple[str, ...]
    content: str
    chat: tuple[Message, ...] = ()

    def as_row(self) -> dict[str, Any]:
        """The lesson as one line of its file."""
        return {
            "suite": self.suite,
            "case": self.case,
            "weak": self.weak,
            "template": self.template,
            "passages": list(self.passages),
            "content": self.content,
        }


class _Material(NamedTuple):
    """A case, and what its prompt may show: worked examples, and passages of which the `gold` ones hold the answer."""

    case: Case
    shots: Sequence[Shot]
    passages: Sequence[Shown] = ()
    gold: Collection[str] = ()


class Lessons:
    """Makes the lessons of recipes; each set only once."""

    def __init__(self, plan: Plan, prompts: Prompts, finder: Finder) -> None:
        self._plan, self._prompts, self._finder = plan, prompts, finder
        self._made: dict[tuple[str, int], list[Lesson]] = {}
        self.left_out: dict[tuple[str, str], int] = {}  # by recipe and task: how many cases don't fit the window

    def of(self, recipe: Recipe, seed: int) -> list[Lesson]:
        """What `recipe` learns with `seed`; raises InputError if that is nothing."""
        key = (fingerprint([recipe.data.model_dump(mode="json"), recipe.method, recipe.name]), seed)
        if key not in self._made:
            self._made[key] = self._make(recipe, seed)
        return self._made[key]

    def validation(self, recipe: Recipe, seed: int) -> list[Example]:
        """The validation cases of the suites that `recipe` learns, worded and shown as those that it trains on."""
        return [lesson.example for lesson in self.validated(recipe, seed)]

    def validated(self, recipe: Recipe, seed: int) -> list[Lesson]:
        """As `validation`, with where they came from."""
        tasks = [task for suite in self._plan.learnt[recipe.name] for task in validation_tasks(suite)]
        return [lesson for task in tasks for lesson in self._lessons(recipe, task, seed)]

    def _make(self, recipe: Recipe, seed: int) -> list[Lesson]:
        seen = Earlier(recipe.data.continue_from, recipe.name).contents() if recipe.data.continue_from else frozenset()
        groups = [
            [lesson for task in self._tasks(recipe, suite, seed) for lesson in self._lessons(recipe, task, seed)]
            for suite in self._plan.learnt[recipe.name]
        ]
        new = [[lesson for lesson in group if lesson.content not in seen] for group in groups]
        if not any(groups):
            raise InputError(f"recipe {recipe.name}: there is nothing to learn: {self._why_nothing(recipe)}")
        if not any(new):
            raise InputError(
                f"recipe {recipe.name}: there is nothing to learn: all {sum(map(len, groups))} training cases were "
                f"learnt in {recipe.data.continue_from} already. Add new cases, or take continue_from out."
            )
        return mix(new, recipe.data.temperature, seed=seed)

    def _why_nothing(self, recipe: Recipe) -> str:
        if any(name == recipe.name for name, _ in self.left_out):
            return "all training cases are too long for the base's window. Take a base with a larger one."
        return "no questions can be made of the corpus by rules. Give it whole sentences, or set supervised to true."

    def _tasks(self, recipe: Recipe, suite: Suite, seed: int) -> list[Task]:
        """The train splits of `suite`, and a split of weak questions, as far as the recipe wants them."""
        tasks = [*train_tasks(suite)] if recipe.data.supervised else []
        if recipe.data.weak:
            as_of = _train_revision(suite)
            asked = [case.question for split in suite.splits.values() for case in split.cases]
            cases = weak_cases(suite.corpus(as_of), recipe.data.weak, seed=seed, without=asked)
            tasks.append(Task(f"weak:{suite.name}", suite, Split("weak", "train", tuple(cases), as_of)))
        return tasks

    def _lessons(self, recipe: Recipe, task: Task, seed: int) -> list[Lesson]:
        """The lessons of one task; cases that don't fit the window are left out, which is told once."""
        lessons, reasons = [], []
        for material in self._materials(recipe, task, seed):
            try:
                lessons.append(self._lesson(recipe, task, material, seed))
            except TooLongError as error:
                reasons.append(str(error))
        if reasons and (recipe.name, task.name) not in self.left_out:
            self.left_out[recipe.name, task.name] = len(reasons)
            logger.warning(
                "recipe %s: %d of %d cases of %s are too long to be trained on and left out; the first: %s",
                *(recipe.name, len(reasons), len(task.split.cases), task.name, reasons[0]),
            )
        return lessons

    def _lesson(self, recipe: Recipe, task: Task, material: _Material, seed: int) -> Lesson:
        case = material.case
        templates = (None, *recipe.data.templates)
        template = Random(f"{seed}/template/{case.id}").randrange(len(templates))
        builder = self._prompts.builder(task.suite, templates[template])
        right = case.references[0]
        wrong = rejected_answer(case, task.split.cases, seed) if method_of(recipe)[0].preferences else ""
        room = self._room(builder, (right, wrong))

        def build(passages: Sequence[Shown]) -> Prompt:
            return builder.build(case.question, shots=material.shots, passages=passages, answer_tokens=room)

        prompt, passages = fit(build, material.passages, material.gold)
        example, chat = self._taught(builder, prompt, right, wrong)
        names = tuple(passage.id for passage in passages)
        content = fingerprint([case.question, right])[:16]
        return Lesson(example, task.suite.name, case.id, case.weak, template, names, content, chat)

    def _room(self, builder: PromptBuilder, answers: Iterable[str]) -> int:
        """How many tokens the longest of the answers takes, its end among them."""
        return max(builder.tokens(f" {answer}") for answer in answers) + END

    def _taught(
        self, builder: PromptBuilder, prompt: Prompt, right: str, wrong: str
    ) -> tuple[Example, tuple[Message, ...]]:
        """Prompt and answers in token ids, or as the turns of a chat where a server is to learn them."""
        rejected = builder.answer(prompt, wrong, end=True) if wrong else ()
        return Example(prompt.ids, builder.answer(prompt, right, end=True), rejected), ()

    def _materials(self, recipe: Recipe, task: Task, seed: int) -> Iterator[_Material]:
        """Each case with what its prompt shows: what the retriever finds, the evidence among it, or by chance not."""
        context, cases = train_context(recipe), task.split.cases
        shots = self._prompts.shots(task.suite, context, seed)
        shown = [[shot for shot in shots if shot.question != case.question] for case in cases]
        if not context.passages:
            yield from map(_Material, cases, shown)
            return
        gold, telling = self._finder.gold(task), self._finder.telling(task)
        share = recipe.data.without_evidence
        if share and not any(telling.values()):
            raise InputError(
                f"recipe {recipe.name}: data.without_evidence is {share}, and no case of {task.name} names evidence "
                "that could be withheld, so all would be shown. Add evidence to the cases, or take it out."
            )
        spare = max(map(len, telling.values()), default=0) if share else 0
        found = self._finder.find(task, context, spare=spare).passages
        for case, examples in zip(cases, shown, strict=True):
            passages = choose_passages(
                found[case.id],
                gold[case.id],
                context.passages,
                telling=telling[case.id],
                withheld=Random(f"{seed}/evidence/{case.id}").random() < share,
                draw=Random(f"{seed}/place/{case.id}"),
            )
            yield _Material(case, examples, passages, frozenset(passage.id for passage in gold[case.id]))


def fit(
    build: Callable[[Sequence[Shown]], Prompt], passages: Sequence[Shown], gold: Collection[str]
) -> tuple[Prompt, Sequence[Shown]]:
    """The prompt that `build` makes of the most passages that there is room for, and these passages.

    Those that aren't `gold` (by id) go first, the last one before the others; gold ones where nothing else is left.
    """
    prompt = build(passages)
    while prompt.passages < len(passages):
        others = [place for place, passage in enumerate(passages) if passage.id not in gold]
        out = others[-1] if others else len(passages) - 1
        passages = [passage for place, passage in enumerate(passages) if place != out]
        prompt = build(passages)
    return prompt, passages


def choose_passages(
    found: Sequence[Shown],
    evidence: Sequence[Shown],
    count: int,
    *,
    telling: Collection[str],
    withheld: bool,
    draw: Random,
) -> list[Shown]:
    """The `count` passages that training shows for one case, of those `found`, best first.

    They stand in the retriever's order, as they will when the model is asked. Evidence that the retriever missed takes
    the place of a distractor that `draw` chooses; where it is `withheld`, only distractors are shown, and none of the
    passages `telling` (by id) that hold a part of it.
    """
    names = {passage.id for passage in evidence}
    if withheld:
        return [passage for passage in found if passage.id not in telling][:count]
    shown = list(found[:count])
    missed = [passage for passage in evidence if passage not in shown]
    free = [place for place, passage in enumerate(shown) if passage.id not in names]
    for passage, place in zip(missed, draw.sample(free, min(len(free), len(missed))), strict=False):
        shown[place] = passage
    return shown


def _train_revision(suite: Suite) -> date | None:
    """The corpus revision that the train splits speak of: weak questions must not know more."""
    return next((task.split.as_of for task in train_tasks(suite)), None)
