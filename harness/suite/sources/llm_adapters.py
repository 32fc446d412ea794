"""Instructions with numbered options, as LLM-Adapters writes them (Hu et al. 2023, arXiv:2304.01933).

The options stand inside the instruction: `Answer1: … Answer2: …` with `answer2` as the answer, `(A) … (B) …` with `B`,
or nothing but `Answer format: true/false`.
"""

import re
from collections.abc import Iterator
from typing import Any

from harness.suite.sources.folders import DataFolder
from harness.suite.sources.json_files import JSON, JsonOptions
from harness.suite.sources.rows import Findings, Format, NoOptions, Row

_ASKED = re.compile(
    r"Please [^:]*?(?:question|sentence): ?(?P<body>.*?)\s*Answer format: (?P<answers>\S+)\s*", re.DOTALL
)
_LETTERED = re.compile(r"(?P<body>.*?)\s*Answer Choices: (?P<options>\(A\).*)", re.DOTALL)


def _read(folder: DataFolder, name: str, options: NoOptions, found: Findings) -> Iterator[Row]:
    """A row for each instruction: question, choices, answer (one of them). Options that stand twice are one."""
    merged = 0
    for row in JSON.rows(folder, name, JsonOptions(), found):
        instruction, answer = str(row.fields.get("instruction", "")), str(row.fields.get("answer", ""))
        parts = _numbered(instruction) or _lettered(instruction)
        if parts is None or answer not in parts[1]:
            found.problems.append(
                f"{row.place}: the answer {answer!r} is none of the options that the instruction numbers or letters"
            )
            continue
        question, texts = parts
        choices = list(dict.fromkeys(texts.values()))
        merged += len(choices) < len(texts)
        yield Row(row.place, row.id, {"question": question, "choices": choices, "answer": texts[answer]})
    if merged:
        found.notes.append(f"{folder.label}/{name}: {merged} questions have an option twice, which was taken as one")


def _numbered(instruction: str) -> tuple[str, dict[str, str]] | None:
    """The question, and the text of each answer (`answer1`, …, or `true` and `false`); None for other instructions."""
    match = _ASKED.fullmatch(instruction)
    if match is None:
        return None
    answers = match["answers"].split("/")
    marks = [answer for answer in answers if answer[-1:].isdigit()]
    pattern = "|".join(re.escape(mark.capitalize()) for mark in marks)
    parts: list[Any] = re.split(rf"(?:^|\s+)({pattern}): ?", match["body"]) if marks else [match["body"]]
    if [part.lower() for part in parts[1::2]] != marks or marks not in ([], answers):
        return None
    texts = [text.strip() for text in parts[2::2]]
    return parts[0].strip(), dict(zip(answers, texts or answers, strict=True))


def _lettered(instruction: str) -> tuple[str, dict[str, str]] | None:
    """The question, and the text of each letter; None for other instructions."""
    match = _LETTERED.fullmatch(instruction)
    if match is None:
        return None
    parts = re.split(r"(?:^|\s)\(([A-E])\)\s*", match["options"])
    return match["body"].strip(), dict(zip(parts[1::2], (text.strip() for text in parts[2::2]), strict=True))


LLM_ADAPTERS = Format(_read, case={"question": "question", "references": "answer", "choices": "choices"})
