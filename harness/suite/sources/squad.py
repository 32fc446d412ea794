"""Questions in SQuAD's format (Rajpurkar et al. 2016, arXiv:1606.05250): paragraphs, each with its questions.

A paragraph is a document, and an answer the span of it that `answer_start` says. Real files have offsets that are
wrong by a character or two: the answer's text then counts where it stands nearest to what was said.
"""

import re
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from harness._settings import explain
from harness.suite.sources.folders import DataFolder
from harness.suite.sources.json_files import read_document
from harness.suite.sources.rows import Findings, Format, NoOptions, Row


class _Loose(BaseModel):
    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)


class _Answer(_Loose):
    text: str
    answer_start: int

    def place_in(self, context: str) -> int | None:
        """Where the answer, without white space around it, begins in its paragraph; None if it's nowhere."""
        if not self.stripped or context.startswith(self.stripped, self.said):
            return self.said if self.stripped else None
        places = [match.start() for match in re.finditer(re.escape(self.stripped), context)]
        return min(places, key=lambda place: abs(place - self.said), default=None)

    @property
    def said(self) -> int:
        """Where the answer, without white space around it, begins according to the file."""
        return self.answer_start + len(self.text) - len(self.text.lstrip())

    @property
    def stripped(self) -> str:
        """The answer's text without white space around it."""
        return self.text.strip()


class _Question(_Loose):
    id: str
    question: str
    answers: tuple[_Answer, ...] = ()
    is_impossible: bool = False


class _Paragraph(_Loose):
    context: str
    qas: tuple[_Question, ...] = ()


class _Article(_Loose):
    title: str = ""
    paragraphs: tuple[_Paragraph, ...]


class _File(_Loose):
    data: tuple[_Article, ...]


def _paragraphs(folder: DataFolder, name: str, found: Findings) -> Iterator[tuple[str, str, _Paragraph]]:
    """The paragraphs of a file, each with the id of its document and its title."""
    path = folder.file(name)
    content = read_document(path, found)
    if content is None:
        return
    try:
        articles = _File.model_validate(content).data
    except ValidationError as error:
        found.problems += [f"{path}: {text}" for text in explain(error, _File)]
        return
    for place, article in enumerate(articles, 1):
        article_id = "_".join(article.title.split()) or str(place)
        for number, paragraph in enumerate(article.paragraphs, 1):
            yield f"{folder.label}/{article_id}/{number}", article.title.replace("_", " "), paragraph


def _read_questions(folder: DataFolder, name: str, options: NoOptions, found: Findings) -> Iterator[Row]:
    """A row for each question: id, question, answers, evidence, title, context, is_impossible."""
    path, moved = folder.file(name), 0
    for document, title, paragraph in _paragraphs(folder, name, found):
        for question in paragraph.qas:
            spans = {}
            for answer in question.answers:
                place = answer.place_in(paragraph.context)
                if place is None:
                    found.problems.append(
                        f"{path}: the answer {answer.text!r} of question {question.id} isn't in its paragraph"
                    )
                else:
                    moved += place not in (answer.answer_start, answer.said)
                    spans[place, place + len(answer.stripped)] = answer.stripped
            fields: dict[str, Any] = {
                "id": question.id,
                "question": question.question,
                "answers": list(dict.fromkeys(spans.values())),
                "evidence": [{"document": document, "start": start, "end": end} for start, end in spans],
                "title": title,
                "context": paragraph.context,
                "is_impossible": question.is_impossible,
            }
            yield Row(f"{path}: question {question.id}", question.id, fields)
    if moved:
        found.notes.append(
            f"{folder.label}/{name}: {moved} answers don't stand where `answer_start` says; the nearest place was taken"
        )


def _read_paragraphs(folder: DataFolder, name: str, options: NoOptions, found: Findings) -> Iterator[Row]:
    """A row for each paragraph: id, title, text."""
    for document, title, paragraph in _paragraphs(folder, name, found):
        fields = {"id": document, "title": title, "text": paragraph.context}
        yield Row(f"{folder.root / name}: paragraph {document}", document, fields)


SQUAD = Format(
    _read_questions,
    _read_paragraphs,
    case={"id": "id", "question": "question", "references": "answers", "evidence": "evidence"},
    document={"id": "id", "text": "text", "title": "title"},
)
