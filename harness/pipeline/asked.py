"""What a run asked, as rows for its readers: cases with what they share, passages, and prompts.

Knows nothing of what was answered.
"""

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from harness.comparison import CaseRow, PassageRow, PromptRow, write_cases, write_passages, write_prompts
from harness.pipeline.find import Finder
from harness.pipeline.plan import Plan
from harness.pipeline.prompts import Prompts
from harness.pipeline.tasks import Task
from harness.suite import Case
from harness.variants import Context


def case_rows(tasks: Sequence[Task]) -> list[CaseRow]:
    """One row a case of every task, in order."""
    return [
        CaseRow(
            split=task.name,
            case=case.id,
            question=case.question,
            references=case.references,
            choices=case.choices,
            stale=case.stale,
            group=group_of(case, task.suite.name),
            evidence=tuple(dict.fromkeys(piece.document for piece in case.evidence)),
        )
        for task in tasks
        for case in task.split.cases
    ]


def group_of(case: Case, suite: str) -> str:
    """What makes `case` alike others of its `suite`: its own group, or else where its first piece of evidence stands.

    That is a document, or a span of one: questions about one entry of an encyclopedia hang together, those about one
    long handbook only where they ask about the same lines. "" where nothing is known.
    """
    if case.group:
        return f"{suite}: {case.group}"
    if not case.evidence:
        return ""
    piece = case.evidence[0]
    span = "" if piece.start is None else f"[{piece.start}:{piece.end}]"
    return f"{suite}: {piece.document}{span}"


def write_asked(run: Path, plan: Plan, prompts: Prompts, finder: Finder) -> Iterator[Path]:
    """Writes `cases.jsonl`, `passages.jsonl` and `prompts/` of the run folder, and gives the path of each in turn."""
    yield write_cases(case_rows(plan.tasks), run)
    yield write_passages(_shown(plan, prompts, finder), run)
    for context in plan.contexts:
        for task in plan.tasks:
            yield write_prompts(_prompts(prompts, task, context, _seeds(plan, context)), run, str(context), task.name)


def _seeds(plan: Plan, context: Context) -> range:
    """The seeds that word the prompts of `context` differently."""
    return range(plan.config.seeds if context.shots else 1)


def _prompts(prompts: Prompts, task: Task, context: Context, seeds: range) -> Iterator[PromptRow]:
    for seed in seeds:
        for case, prompt in zip(task.split.cases, prompts.asked(task, context, seed).prompts, strict=True):
            text = prompt.text or (str(prompts.tokenizer.decode(list(prompt.ids))) if prompt.ids else "")
            yield PromptRow(case=case.id, seed=seed, text=text)


def _shown(plan: Plan, prompts: Prompts, finder: Finder) -> list[PassageRow]:
    """Every passage that some prompt showed, once, by id."""
    found: dict[str, PassageRow] = {}
    for context in plan.contexts:
        for task in plan.tasks if context.passages else ():
            for seed in _seeds(plan, context):
                names = chain.from_iterable(prompts.asked(task, context, seed).passages)
                found.update({passage.id: passage for passage in finder.passages(task, names)})
    return [found[name] for name in sorted(found)]
