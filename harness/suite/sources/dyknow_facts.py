"""What DyKnow's files hold: questions with dated answers, and Wikipedia's paragraphs on them.

A paragraph has no date. It can't be older than the answers that it names, so that is from when it counts; what else it
says may be younger still.
"""

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, Field, ValidationError

from harness._settings import explain
from harness.suite.sources.folders import DataFolder
from harness.suite.sources.json_files import read_document
from harness.suite.sources.rows import Findings

AnyLeaf = TypeVar("AnyLeaf", bound=BaseModel)
QUESTIONS, PASSAGES = "qa_generated.json", "passages.json"
_ANSWER = re.compile(r"(?P<name>[^|]+?)(?P<days>(?: \|[SEP]:? \+\d{4}-\d\d-\d\dT00:00:00Z)*)")
_DAY = re.compile(r"\|(?P<mark>[SEP]):? \+(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)T")
_ASKED = re.compile(r"(?:Who|What) is the (?P<subject>.+)\?")


class _Dated(BaseModel):
    questions: list[str] = Field(min_length=1)
    answers: list[str]


class _Paragraph(BaseModel):
    text: str


class _Match(BaseModel):
    paragraph: _Paragraph
    matched: str | list[str]


class _Matched(BaseModel):
    matches: dict[str, list[_Match]]


@dataclass(frozen=True)
class Answer:
    """One dated answer; `end` is the first day on which it no longer held. What isn't known is None."""

    id: str
    name: str
    start: date | None
    end: date | None

    def holds(self, day: date) -> bool:
        """Whether it was right on a day."""
        return (self.start is None or self.start <= day) and (self.end is None or day < self.end)


@dataclass(frozen=True)
class Fact:
    """One question with all its answers; `subject` is what it asks for, such as "President of Italy"."""

    place: tuple[str, ...]
    question: str
    subject: str
    answers: tuple[Answer, ...]

    @property
    def topic(self) -> str:
        """What kind of entity it is about, such as `countries_byGDP`."""
        return self.place[0]

    @property
    def entity(self) -> str:
        """What it is about, such as "Italy"."""
        return self.place[1]

    def on(self, day: date) -> list[Answer]:
        """The answers that were right on a day."""
        return [answer for answer in self.answers if answer.holds(day)]


@dataclass
class Passage:
    """A paragraph; `names` are those under which it gives the answer, by the question that it was found for."""

    id: str
    fact: Fact
    text: str
    valid_from: date | None = None
    names: dict[tuple[str, ...], list[str]] = field(default_factory=dict)

    def answers(self, fact: Fact, day: date) -> bool:
        """Whether it names an answer to a question that was right on a day, on which the paragraph counted."""
        names = [name for name in self.names.get(fact.place, ()) if name in self.text]
        right = any(name in answer.name for name in names for answer in fact.on(day))
        return right and (self.valid_from is None or self.valid_from <= day)


def read_facts(folder: DataFolder, name: str, found: Findings) -> list[Fact]:
    """The questions of a folder."""
    path = folder.file(posixpath.join(name, QUESTIONS))
    facts = []
    for place, leaf in _leaves(path, "questions", _Dated, found):
        asked = _ASKED.fullmatch(leaf.questions[0])
        answers = [_answer(f"{slug(*place[1:])}/{n}", text) for n, text in enumerate(leaf.answers, 1)]
        known = tuple(answer for answer in answers if answer)
        if asked and len(known) == len(answers):
            facts.append(Fact(place, asked[0], asked["subject"], known))
        else:
            found.problems.append(f"{path}: {'/'.join(place)}: is no question with dated answers as DyKnow writes them")
    return facts


def read_passages(folder: DataFolder, name: str, facts: list[Fact], found: Findings) -> list[Passage]:
    """The paragraphs, each once, of questions that are among `facts`."""
    path = folder.file(posixpath.join(name, PASSAGES))
    by_place = {fact.place: fact for fact in facts}
    passages: dict[str, Passage] = {}
    for place, leaf in _leaves(path, "matches", _Matched, found):
        fact = by_place.get(place)
        if fact is None:
            continue
        for match in (match for matches in leaf.matches.values() for match in matches):
            text = match.paragraph.text
            passage = passages.setdefault(text, Passage(f"passage/{len(passages) + 1}", fact, text))
            names = match.matched if isinstance(match.matched, list) else [match.matched]
            passage.names.setdefault(place, []).extend(names)
    for passage in passages.values():
        named = [a for f in facts if f.entity == passage.fact.entity for a in f.answers if a.name in passage.text]
        current = [a for place in passage.names for a in by_place[place].answers if a.end is None]
        passage.valid_from = max((a.start for a in (*named, *current) if a.start), default=None)
    return list(passages.values())


def _leaves(path: Path, key: str, model: type[AnyLeaf], found: Findings) -> list[tuple[tuple[str, ...], AnyLeaf]]:
    """The mappings of a file that have `key`, however deep, each with the keys (topic, entity, …) to it."""
    leaves = []
    for place, content in _mappings(read_document(path, found), key, ()):
        try:
            leaves.append((place, model.model_validate(content)))
        except ValidationError as error:
            found.problems += [f"{path}: {'/'.join(place)}: {text}" for text in explain(error, model)]
    return leaves


def _mappings(content: Any, key: str, place: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(content, dict) and key in content and len(place) > 1:
        yield place, content
    elif isinstance(content, dict):
        for name, inner in content.items():
            yield from _mappings(inner, key, (*place, name))


def _answer(name: str, text: str) -> Answer | None:
    """An answer such as `Jeff Bezos |S: +1996-05-00T00:00:00Z`; an unknown month or day counts as the first."""
    match = _ANSWER.fullmatch(text)
    if match is None:
        return None
    try:
        days = {
            day["mark"]: date(int(day["year"]), max(int(day["month"]), 1), max(int(day["day"]), 1))
            for day in _DAY.finditer(match["days"])
        }
    except ValueError:  # a day that there isn't
        return None
    return Answer(name, match["name"], days.get("S"), days.get("E"))


def slug(*names: str) -> str:
    """Names as part of an id, without white space."""
    return "/".join("_".join(name.split()) for name in names)
