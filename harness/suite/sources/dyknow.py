"""DyKnow (Mousavi et al. 2024, arXiv:2404.08700): facts that change, with the days on which each answer held.

Its questions as of a day (`dyknow`); its dated answers as statements that are valid between their days
(`dyknow-statements`); and paragraphs of Wikipedia, from when on they can have been written (`dyknow-passages`).
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

from pydantic import BaseModel, ConfigDict

from harness.suite.sources.dyknow_facts import PASSAGES, QUESTIONS, read_facts, read_passages, slug
from harness.suite.sources.folders import DataFolder
from harness.suite.sources.rows import Findings, Format, NoOptions, Row


class DyknowOptions(BaseModel):
    """Questions are answered as of the day `as_of`, and compared with their answers on the day `since`."""

    model_config = ConfigDict(extra="forbid")

    as_of: date
    since: date | None = None


def _read_questions(folder: DataFolder, name: str, options: DyknowOptions, found: Findings) -> Iterator[Row]:
    """A row for each question, as of a day.

    Its fields: id, topic, entity, subject, question, answers (right that day), outdated (right before), answered,
    status (since then: same, partly, changed or new), evidence.
    """
    facts = read_facts(folder, name, found)
    passages = read_passages(folder, name, facts, found)
    day, before = options.as_of, options.since
    for fact in facts:
        right = {answer.name for answer in fact.on(day)}
        past = [a.name for a in fact.answers if a.end and a.end <= day and a.name not in right]
        fields: dict[str, Any] = {
            "id": f"{slug(fact.subject)}@{day}",
            "topic": fact.topic,
            "entity": fact.entity,
            "subject": fact.subject,
            "question": fact.question,
            "answers": sorted(right),
            "outdated": sorted(set(past)),
            "answered": bool(right),
            "status": _status({answer.name for answer in fact.on(before)}, right) if before else None,
            "evidence": [a.id for a in fact.on(day)] + [p.id for p in passages if p.answers(fact, day)],
        }
        yield Row(f"{folder.root / name / QUESTIONS}: {fact.question}", fields["id"], fields)


def _read_passages(folder: DataFolder, name: str, options: NoOptions, found: Findings) -> Iterator[Row]:
    """A row for each paragraph: id, title, text, valid_from, topic, kind."""
    for passage in read_passages(folder, name, read_facts(folder, name, found), found):
        fields = {
            "id": passage.id,
            "title": passage.fact.entity,
            "text": passage.text,
            "valid_from": passage.valid_from,
            "topic": passage.fact.topic,
            "kind": "passage",
        }
        yield Row(f"{folder.root / name / PASSAGES}: {passage.id}", passage.id, fields)


def _read_statements(folder: DataFolder, name: str, options: NoOptions, found: Findings) -> Iterator[Row]:
    """A row for each dated answer: id, title, text, valid_from, valid_until, lasts (a day at least), topic, kind."""
    dated = [(fact, answer) for fact in read_facts(folder, name, found) for answer in fact.answers]
    for fact, answer in dated:
        fields = {
            "id": answer.id,
            "title": fact.entity,
            "text": f"The {fact.subject} is {answer.name}.",
            "valid_from": answer.start,
            "valid_until": answer.end,
            "lasts": not (answer.start and answer.end and answer.end <= answer.start),
            "topic": fact.topic,
            "kind": "statement",
        }
        yield Row(f"{folder.root / name / QUESTIONS}: {answer.id}", answer.id, fields)


def _status(before: set[str], after: set[str]) -> str:
    """What became of a fact's answers."""
    if before == after:
        return "same"
    return "new" if not before else "partly" if before & after else "changed"


_DOCUMENT = {"id": "id", "text": "text", "title": "title", "valid_from": "valid_from"}
DYKNOW = Format(
    _read_questions,
    options=DyknowOptions,
    case={"id": "id", "question": "question", "references": "answers", "stale": "outdated", "evidence": "evidence"},
)
DYKNOW_PASSAGES = Format(_read_passages, document=_DOCUMENT)
DYKNOW_STATEMENTS = Format(_read_statements, document={**_DOCUMENT, "valid_until": "valid_until"})
