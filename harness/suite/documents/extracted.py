"""What is taken out of one file, and the error for a file that nothing is taken out of."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Extracted:
    """The text of one file, with the title (blank: none) and the metadata that the file itself states."""

    text: str
    title: str = ""
    metadata: dict[str, str] = field(default_factory=dict)


class UnreadableError(Exception):
    """A file can't be read; the message continues the sentence "the file …" and says what to do about it."""
