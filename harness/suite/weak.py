"""Questions made from the corpus by rules, to train on where nobody wrote questions: weak supervision.

A sentence loses the span that looks like its answer: a number, a name, or else its last word. Where that span ends the
sentence, `what?` takes its place, otherwise a gap. Nobody checked these questions, so they are marked `weak`.
Source of the idea: cloze questions from declarative sentences (Lewis et al. 2019, arXiv:1906.04980).
"""

import re
from collections.abc import Collection, Iterator, Sequence
from random import Random

from harness.suite.checks import normal
from harness.suite.records import Case, Document

MIN_WORDS = 4
GAP = "____"
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_SPAN = re.compile(r"(?:\b[A-Z][\w'-]*(?: [A-Z][\w'-]*)*|\b\d[\d.,:]*\d|\b\d)")


def weak_cases(documents: Sequence[Document], count: int, *, seed: int, without: Collection[str] = ()) -> list[Case]:
    """Up to `count` questions from the sentences of `documents`, drawn by `seed`.

    Questions that stand in `without` (those of test splits) are left out, and so is one that stood twice.
    """
    taken = {normal(question) for question in without}
    found = []
    for case in (case for document in documents for case in _questions(document)):
        if normal(case.question) not in taken:
            taken.add(normal(case.question))
            found.append(case)
    Random(seed).shuffle(found)
    return found[:count]


def _questions(document: Document) -> Iterator[Case]:
    for number, sentence in enumerate(_SENTENCE.split(document.text.strip())):
        body = sentence.rstrip(".!? ")
        span = _answer(body) if len(body.split()) >= MIN_WORDS else None
        if span:
            before, answer, after = body[: span[0]], body[span[0] : span[1]], body[span[1] :]
            question = f"{before}{GAP}{after}." if after else f"{before}what?"
            name = f"weak:{document.id}:{document.valid_from or 'always'}:{number}"
            yield Case(id=name, question=question, references=(answer,), evidence=(document.id,), weak=True)


def _answer(body: str) -> tuple[int, int] | None:
    """Where the answer lies: the last name or number that doesn't begin the sentence, or else its last word."""
    spans = [match.span() for match in _SPAN.finditer(body) if match.start() > 0]
    last = body.rfind(" ") + 1
    inside = [span for span in spans if not _continues_subject(body, span)]
    return inside[-1] if inside else (last, len(body)) if last else None


def _continues_subject(body: str, span: tuple[int, int]) -> bool:
    """Whether only an article stands before `span`: then it is what the sentence is about."""
    return body[: span[0]].strip().lower() in {"the", "a", "an"}
