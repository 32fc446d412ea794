"""From cases to token ids: the prompts of every context, and the examples to train on.

All prompts are built before anything is trained, so that one that doesn't fit the window stops a run at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.pipeline.index import Retrieved
from harness.pipeline.plan import Plan
from harness.pipeline.progress import Progress
from harness.prompting import Prompt, PromptBuilder, Shot, Wording, choose_shots
from harness.runs import JSON, fingerprint
from harness.suite import Case, Split
from harness.variants import Context
from harness.weights import Example, load_tokenizer, window


@dataclass(frozen=True)
class Asked:
    """What the cases of one split are asked in one context: the same for all weights.

    `choices` are the token ids of every choice of every case (empty for generated answers), `passages` the ids
    of those shown, `hash` covers all token ids.
    """

    prompts: list[Prompt]
    choices: list[list[tuple[int, ...]]]
    passages: list[tuple[str, ...]]
    hash: str


class Prompts:
    """Builds the prompts of a run with one tokenizer and one wording, each only once."""

    def __init__(self, plan: Plan, retrieved: Mapping[str, Retrieved]) -> None:
        """`retrieved` by split. Loads the tokenizer; raises InputError if the base has none."""
        self.tokenizer = load_tokenizer(plan.base)
        self._plan, self._retrieved = plan, retrieved
        settings = plan.suite.prompt
        wording = Wording(settings.instruction, settings.passage, settings.question)
        self._builder = PromptBuilder(wording, self.tokenizer, window(plan.base))
        self._limit = plan.suite.decoding.max_new_tokens
        self._asked: dict[tuple[str, Context, int], Asked] = {}

    def build_all(self, progress: Progress) -> None:
        """Builds the prompts of every variant; raises InputError for one that doesn't fit the window."""
        cells = [
            (split, variant.context, seed)
            for variant in self._plan.variants
            for seed in self._plan.seeds(variant)
            for split in self._plan.splits
        ]
        with progress.task("write the prompts", len(cells)) as advance:
            for split, context, seed in cells:
                self.asked(split, context, seed)
                advance(1)

    def asked(self, split: Split, context: Context, seed: int) -> Asked:
        """What the cases of `split` are asked in `context`; `seed` draws the shots, if there are any."""
        key = (split.name, context, seed if context.shots else 0)
        if key not in self._asked:
            self._asked[key] = self._build(split, context, seed)
        return self._asked[key]

    def examples(self, cases: Sequence[Case]) -> list[Example]:
        """Zero-shot prompts with their first reference and the end token, to train on."""
        built = []
        for case in cases:
            prompt = self._builder.build(case.question, answer_tokens=self._limit)
            built.append(Example(prompt.ids, self._builder.answer(prompt, case.references[0], end=True)))
        return built

    def _build(self, split: Split, context: Context, seed: int) -> Asked:
        shots = choose_shots(self._pool, context.shots, seed=seed) if context.shots else ()
        found = self._retrieved[split.name].passages if context.passages else {}
        shown = [found.get(case.id, ())[: context.passages] for case in split.cases]
        prompts = [
            self._builder.build(case.question, shots=shots, passages=passages, answer_tokens=self._limit)
            for case, passages in zip(split.cases, shown, strict=True)
        ]
        choices = [
            [self._builder.answer(prompt, choice) for choice in case.choices]
            for case, prompt in zip(split.cases, prompts, strict=True)
        ]
        ids: JSON = [[list(prompt.ids) for prompt in prompts], [[list(choice) for choice in row] for row in choices]]
        return Asked(prompts, choices, [tuple(p.id for p in passages) for passages in shown], fingerprint(ids))

    @property
    def _pool(self) -> list[Shot]:
        return [Shot(case.question, case.references[0]) for case in self._plan.suite.train]
