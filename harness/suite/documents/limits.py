"""How much a folder's files may ask of the machine that reads them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file may need; a file that needs more is skipped, and told.

    `file_bytes` of the file as it lies there, `characters` of the text that it holds, `pages` of a PDF, `seconds` of
    computing and `memory_bytes` of address space for taking the one out of the other.
    """

    file_bytes: int = 100_000_000
    characters: int = 20_000_000
    pages: int = 10_000
    seconds: int = 60
    memory_bytes: int = 1_000_000_000
