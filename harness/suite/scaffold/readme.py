"""What a scaffolded suite says of itself: its description, and a README that tells how it was made."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness import __version__
from harness.suite.records import Split

_README = """# {name}

Made by `harness suite init` {version} out of {documents}{questions}, with seed {seed}.
The same files make the same suite, byte for byte.
{weak}
| split | kind | cases | what it holds |
| --- | --- | ---: | --- |
{splits}

{division}
Cases that name no document go by their question. All documents can be retrieved.
Evidence is a document, or the span of it where the answer stands, if that is one place only.
{notes}
`harness suite check` tells what weakens a conclusion from it, `harness suite show` shows its cases.
"""
_WEAK = """
**These questions are weak.** A rule made them out of sentences of the documents, by leaving out what looks like an
answer; nobody wrote or checked them. What is concluded from them is about filling gaps in these texts, and not about
what people will ask. Put real questions in their place as soon as there are some.
"""
_APART = """Cases that share a document stand together: all to train on, all to validate with, or all to test on.
So no document of a test case is trained on."""
_SHARED = "Documents of test cases are trained on as well (`--share-documents`)."
_HOLDS = {
    "train": "to learn from, and to draw worked examples from",
    "validation": "to choose settings by, never scored",
    "in_domain": "like train, and new to it",
    "typing_errors": "the questions of `in_domain`, with typing errors",
    "reworded": "the questions of `in_domain`, in a wording that train does not have",
}
_SHOWN_VALUES = 10


@dataclass(frozen=True)
class Description:
    """From which folder and file (by name) a suite was made, and how; `held_out` are values by split."""

    name: str
    documents: str
    questions: str | None
    held_out: Mapping[str, Sequence[str]]
    share_documents: bool
    seed: int
    notes: Sequence[str] = ()


def description(about: Description, documents: int) -> str:
    """One line for suite.yaml."""
    if about.questions is None:
        return f"WEAK cloze questions, made by rule and checked by nobody, about {documents} documents."
    return f"The questions of {about.questions} about {documents} documents."


def readme(about: Description, splits: Sequence[Split], documents: int) -> str:
    """The README in Markdown; names and values out of files stand in it as they are, on one line."""
    rows = [f"| `{split.name}` | {split.kind} | {len(split.cases)} | {_holds(split, about)} |" for split in splits]
    notes = "".join(f"- {_one_line(note)}\n" for note in about.notes)
    return _README.format(
        name=about.name,
        version=__version__,
        documents=f"the {documents} documents of {_code(about.documents)}",
        questions=f" and the questions of {_code(about.questions)}" if about.questions else "",
        seed=about.seed,
        weak="" if about.questions else _WEAK,
        splits="\n".join(rows),
        division=_SHARED if about.share_documents else _APART,
        notes=f"\n{notes}" if notes else "",
    )


def _holds(split: Split, about: Description) -> str:
    if split.name not in about.held_out:
        return _HOLDS[split.name]
    values = about.held_out[split.name]
    more = f" and {len(values) - _SHOWN_VALUES} more" if len(values) > _SHOWN_VALUES else ""
    return f"held out of train: {', '.join(map(_code, values[:_SHOWN_VALUES]))}{more}"


def _code(text: str) -> str:
    return f"`{re.sub('[`|]', '?', _one_line(text))}`"


def _one_line(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)
