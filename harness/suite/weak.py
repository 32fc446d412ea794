"""Questions made from the corpus by rules, to train on where nobody wrote questions: weak supervision.

A sentence loses the span that looks like its answer: a number, a name, or else its last word. Where that span ends the
sentence, `what?` takes its place, otherwise a gap. What doesn't end like a sentence, such as a heading, makes no
question in a text of several paragraphs. Nobody checked these questions, so they are marked `weak`.
Source of the idea: cloze questions from declarative sentences (Lewis et al. 2019, arXiv:1906.04980).
"""

import re
from collections.abc import Collection, Iterator, Sequence
from random import Random

from harness.suite.checks import normal
from harness.suite.records import Case, Document, Evidence

MIN_WORDS = 4
MAX_WORDS, MAX_CHARACTERS = 40, 500  # what is longer was rarely one sentence
GAP = "____"
_FENCES = ("```", "~~~")
_NOT_BREAK = re.compile(r"[^\r\n]")
_OPENING = "What belongs into the gap? "
_PARAGRAPH = re.compile(r"\n\s*\n|\n(?=\s*(?:[#|>*+-]|\d+[.)]\s))")  # or a line of Markdown that begins something else
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_SPAN = re.compile(r"(?:\b[A-Z][\w'-]*(?: [A-Z][\w'-]*)*|\b\d[\d.,:]*\d(?!\w)|\b\d(?!\w))")


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


def reworded(case: Case) -> Case:
    """A weak case in the other of the two wordings, which training never shows."""
    gapped = case.question if GAP in case.question else case.question.removesuffix("what?") + GAP + "."
    return case.model_copy(update={"id": f"{case.id}:reworded", "question": _OPENING + gapped})


def _questions(document: Document) -> Iterator[Case]:
    for number, (sentence, start, end) in enumerate(_sentences(document.text)):
        body = sentence.rstrip(".!? ")
        fits = len(body) <= MAX_CHARACTERS and MIN_WORDS <= len(body.split()) <= MAX_WORDS
        span = _answer(body) if fits else None
        if span:
            before, answer, after = body[: span[0]], body[span[0] : span[1]], body[span[1] :]
            question = f"{before}{GAP}{after}." if after else f"{before}what?"
            name = f"weak:{document.id}:{document.valid_from or 'always'}:{number}"
            evidence = (Evidence(document=document.id, start=start, end=end),)
            yield Case(id=name, question=question, references=(answer,), evidence=evidence, weak=True)


def _sentences(text: str) -> Iterator[tuple[str, int, int]]:
    """The sentences of a text, each on one line, and where they start and end in it.

    In a text of one paragraph the last needs no full stop.
    """
    text = _without_code(text)
    paragraphs = [" ".join(part.split()) for part in _PARAGRAPH.split(text)]
    place = 0
    for paragraph in paragraphs:
        for sentence in filter(None, _SENTENCE.split(paragraph)):
            start = end = place
            for word in sentence.split():
                found = text.index(word, end)
                start, end = (found if end == place else start), found + len(word)
            place = end
            if sentence.endswith((".", "!")) or len(paragraphs) == 1:
                yield sentence, start, end


def _without_code(text: str) -> str:
    """`text` with blanks in place of its fenced code, so that every other character keeps its place."""
    kept, fence = [], ""
    for line in text.splitlines(keepends=True):
        begins = line.strip()[:3]
        if fence or begins in _FENCES:
            fence = "" if fence and begins == fence else fence or begins
            kept.append(_NOT_BREAK.sub(" ", line))
        else:
            kept.append(line)
    return "".join(kept)


def _answer(body: str) -> tuple[int, int] | None:
    """Where the answer lies: the last name or number that doesn't begin the sentence, or else its last word."""
    spans = [match.span() for match in _SPAN.finditer(body) if match.start() > 0]
    last = body.rfind(" ") + 1
    inside = [span for span in spans if not _continues_subject(body, span)]
    return inside[-1] if inside else (last, len(body)) if last else None


def _continues_subject(body: str, span: tuple[int, int]) -> bool:
    """Whether only an article stands before `span`: then it is what the sentence is about."""
    return body[: span[0]].strip().lower() in {"the", "a", "an"}
