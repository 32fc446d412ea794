"""Passages, the retrievable pieces of a corpus, and their file. Knows nothing of how they are found."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from harness.errors import InputError


@dataclass(frozen=True, slots=True)
class Passage:
    """One retrievable piece of a document; `id` is unique in a corpus, `document` names what it is a piece of.

    `text` are the characters `start` to `end` (exclusive) of the document; `metadata` is the document's.
    """

    id: str
    text: str
    document: str
    title: str = ""
    start: int = 0
    end: int = 0
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def searched_text(self) -> str:
        """What is embedded: the text, after its title if it has one."""
        return f"{self.title}\n{self.text}" if self.title else self.text


def check_passages(passages: Sequence[Passage]) -> None:
    """Raises InputError for a corpus in which nothing can be found, or not unambiguously."""
    if not passages:
        raise InputError("The corpus has no passages, so there is nothing to retrieve. Give it documents.")
    counts = Counter(passage.id for passage in passages)
    repeated = [id_ for id_, count in counts.items() if count > 1]
    if repeated:
        raise InputError(
            f"{len(repeated)} passage ids stand more than once in the corpus ({', '.join(map(repr, repeated[:5]))}), "
            "so what was retrieved would be ambiguous. Give each passage an id of its own."
        )


def write_passages(path: Path, passages: Iterable[Passage]) -> None:
    """Writes one line of JSON a passage."""
    with path.open("w", encoding="ascii") as file:
        file.writelines(json.dumps(asdict(passage)) + "\n" for passage in passages)


def read_passages(path: Path) -> tuple[Passage, ...]:
    """The passages that `write_passages` wrote; raises InputError with file and line for a broken one."""
    passages = []
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                passages.append(_parse(line, f"{path}:{number}"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: can't be read ({error}). Build the index again.") from error
    return tuple(passages)


def _parse(line: str, place: str) -> Passage:
    try:
        passage = Passage(**json.loads(line))
    except (ValueError, TypeError) as error:
        raise InputError(f"{place}: not a passage ({error}). Build the index again.") from error
    texts = (passage.id, passage.text, passage.document, passage.title)
    if not all(isinstance(value, str) for value in texts):
        raise InputError(f"{place}: a passage's id, text, document and title are texts. Build the index again.")
    return passage
