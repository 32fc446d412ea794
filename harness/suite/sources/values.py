"""Values of rows as texts, and the expressions that take them out of a row. Knows nothing of files."""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any

from harness._templates import ROW_FILTERS, render, wanted_values
from harness.errors import InputError

Fields = Mapping[str, Any]


def as_text(value: Any) -> str:
    """A plain value as people write it: whole numbers without a point, `true` and `false`, days without a time."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime):
        return value.isoformat() if value.time().isoformat() != "00:00:00" else value.date().isoformat()
    return value.isoformat() if isinstance(value, date) else str(value)


def share(text: str) -> float:
    """A number from 0 up to 1 that is the same for the same text everywhere."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6]) / 2**48


@dataclass(frozen=True)
class Taken:
    """An expression of a mapping: a template if it holds braces, a dotted path into the row's fields otherwise."""

    text: str

    @property
    def is_template(self) -> bool:
        """Whether text is put together, rather than one field taken."""
        return "{{" in self.text or "{%" in self.text

    @cached_property
    def wanted(self) -> frozenset[str]:
        """The names of the fields that it wants; raises InputError for a template outside the small language."""
        return frozenset(wanted_values(self.text, ROW_FILTERS)) if self.is_template else frozenset({self.text})

    def values(self, fields: Fields, *, empty: bool = False) -> list[Any]:
        """What it takes from a row: a list's items one by one, and nothing for what is empty, unless `empty`."""
        if not self.is_template:
            return _found(fields, self.text, empty)
        text = self._rendered(fields)
        return [text] if text or empty else []

    def texts(self, fields: Fields) -> list[str]:
        """What it takes from a row, as texts; raises InputError for a value that has fields of its own."""
        values = self.values(fields)
        deeper = next((value for value in values if isinstance(value, Mapping)), None)
        if deeper is not None:
            raise InputError(f"{self.text!r} holds fields of its own ({', '.join(map(str, deeper))}); name one of them")
        return [as_text(value) for value in values]

    def one(self, fields: Fields) -> str:
        """Its only value as text, or an empty text; raises InputError if there are several."""
        texts = self.texts(fields)
        if len(texts) > 1:
            raise InputError(f"{self.text!r} holds {len(texts)} values where one is wanted; join them in a template")
        return texts[0] if texts else ""

    def _rendered(self, fields: Fields) -> str:
        try:
            return render(self.text, {name: _shown(fields.get(name)) for name in self.wanted})
        except InputError as error:
            raise InputError(f"{self.text!r} can't be filled in: {error}") from None


def knows(fields: Collection[str], path: str) -> bool:
    """Whether a field of that name is among `fields`, or one that the dotted path begins with."""
    return any(name in fields for name in (path, *_beginnings(path)))


def _shown(value: Any) -> Any:
    """What a template sees of a value: texts, lists of texts, and booleans for its conditions."""
    if isinstance(value, list | tuple):
        return [_shown(item) for item in value]
    return value if isinstance(value, bool) else "" if value is None else as_text(value)


def _found(value: Any, path: str, empty: bool) -> list[Any]:
    """The values at the end of a dotted path, through lists on the way; what is empty is left out unless `empty`."""
    if isinstance(value, list | tuple):
        return [found for item in value for found in _found(item, path, empty)]
    if not path:
        return [value] if empty or value not in (None, "") else []
    if isinstance(value, Mapping):
        for name in (path, *_beginnings(path)):
            if name in value:
                return _found(value[name], path[len(name) + 1 :], empty)
    return []


def _beginnings(path: str) -> Iterator[str]:
    """The parts of a dotted path that could name a field, longest first."""
    while "." in path:
        path = path.rpartition(".")[0]
        yield path
