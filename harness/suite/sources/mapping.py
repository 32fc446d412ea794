"""Makes cases and documents of rows, as a suite's mapping says."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from difflib import get_close_matches
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from harness._settings import explain
from harness.errors import InputError
from harness.suite.sources.rows import Row
from harness.suite.sources.settings import CaseMapping, DocumentMapping
from harness.suite.sources.values import Fields, Taken, as_text, knows

AnyRecord = TypeVar("AnyRecord", bound=BaseModel)


class _Maker:
    """What both kinds of mapping share: the expressions that they want of a row, and its id."""

    def __init__(self, id_: str | None, *expressions: str | None) -> None:
        self._id = id_
        self._taken = {text: Taken(text) for text in (id_, *expressions) if text}

    @property
    def wanted(self) -> Collection[Taken]:
        """What is taken from a row."""
        return self._taken.values()

    def _name(self, row: Row) -> str:
        return self._one(self._id, row.fields) if self._id else row.id

    def _one(self, text: str | None, fields: Fields) -> str:
        return self._taken[text].one(fields) if text else ""

    def _all(self, texts: Iterable[str], fields: Fields) -> list[str]:
        return [value for text in texts for value in self._taken[text].texts(fields)]


class CaseMaker(_Maker):
    """Makes a case of a row. `every` are the choices, where the mapping takes them from other rows."""

    def __init__(self, mapping: CaseMapping, every: Sequence[str] = ()) -> None:
        self._mapping = mapping
        texts = [mapping.labels.get(text, text) for text in every]
        self._choices = texts or list(mapping.choices.texts if mapping.choices else ())
        self._fields = mapping.choices.fields if mapping.choices else ()
        self._references = () if mapping.right else mapping.references
        several = (*self._references, *self._fields, *mapping.evidence, *mapping.stale)
        super().__init__(mapping.id, mapping.question, mapping.right, mapping.group, *several)

    def make(self, row: Row) -> dict[str, Any]:
        """The content of a case; raises InputError."""
        mapping, fields = self._mapping, row.fields
        choices = self._choices or self._all(self._fields, fields)
        if mapping.right:
            self._check_places(fields)
            references = [_right(self._one(mapping.right, fields), choices, mapping.first)]
        else:
            references = self._labelled(self._references, fields)
        return {
            "id": self._name(row),
            "question": self._one(mapping.question, fields),
            "references": references,
            "choices": choices,
            "evidence": self._evidence(fields),
            "stale": self._labelled(mapping.stale, fields),
            "weak": mapping.weak,
            "group": self._one(mapping.group, fields),
        }

    def _check_places(self, fields: Fields) -> None:
        """Raises InputError for an empty choice before another, which a number or letter would then mean."""
        listed = [value for text in self._fields for value in self._taken[text].values(fields, empty=True)]
        full = [value not in (None, "") for value in listed]
        if True in full and False in full[: len(full) - full[::-1].index(True)]:
            raise InputError("a choice before the last is empty, so the number or letter of a later one means another")

    def _evidence(self, fields: Fields) -> list[Any]:
        """Ids of documents, or mappings that say which part of which document."""
        found = [value for text in self._mapping.evidence for value in self._taken[text].values(fields)]
        return [value if isinstance(value, dict) else as_text(value) for value in found]

    def _labelled(self, texts: Iterable[str], fields: Fields) -> list[str]:
        """Answers, each once, in the words that `labels` has for them."""
        labels = self._mapping.labels
        values = list(dict.fromkeys(self._all(texts, fields)))
        unknown = [value for value in values if value not in labels]
        if labels and unknown:
            raise InputError(f"`labels` has no text for {unknown}; it has some for {', '.join(labels)}")
        return [labels[value] for value in values] if labels else values


class DocumentMaker(_Maker):
    """Makes a document of a row."""

    def __init__(self, mapping: DocumentMapping) -> None:
        self._mapping = mapping
        dates = (mapping.valid_from, mapping.valid_until)
        super().__init__(mapping.id, mapping.text, mapping.title, *dates, *mapping.metadata.values())

    def make(self, row: Row) -> dict[str, Any]:
        """The content of a document; raises InputError."""
        mapping, fields = self._mapping, row.fields
        return {
            "id": self._name(row),
            "text": self._one(mapping.text, fields),
            "title": self._one(mapping.title, fields),
            "valid_from": self._one(mapping.valid_from, fields) or None,
            "valid_until": self._one(mapping.valid_until, fields) or None,
            "metadata": {name: value for name, text in mapping.metadata.items() if (value := self._one(text, fields))},
        }


def make_records(
    rows: Iterable[Row], make: Callable[[Row], dict[str, Any]], model: type[AnyRecord], problems: list[str]
) -> list[AnyRecord]:
    """A record for each row; a row of which none can be made is a problem, told with its place."""
    records = []
    for row in rows:
        try:
            records.append(model.model_validate(make(row)))
        except ValidationError as error:
            problems += [f"{row.place}: {text}" for text in explain(error, model)]
        except (InputError, RecursionError) as error:
            problems.append(f"{row.place}: {error}")
    return records


def unknown_fields(taken: Taken, known: Sequence[str]) -> Iterator[str]:
    """A sentence for each field that an expression wants and no row has, or for a template that can't be used."""
    try:
        wanted = sorted(taken.wanted)
    except InputError as error:
        yield f"the template {taken.text!r} can't be used: {error}"
        return
    for name in wanted:
        if not knows(known, name):
            nearest = get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f" (did you mean {nearest[0]!r}?)" if nearest else ""
            yield f"no row has the field {name!r}{hint}; the fields are {', '.join(known)}"


def _right(mark: str, choices: Sequence[str], first: int) -> str:
    """The choice that a number or a letter means; raises InputError."""
    if mark.isdecimal() and len(mark) < len(str(2**31)):
        place = int(mark) - first
    else:
        place = ord(mark.lower()) - ord("a") if len(mark) == len(mark.lower()) == 1 else -1
    if not 0 <= place < len(choices):
        raise InputError(
            f"{mark[:20]!r} is the number or letter of none of {len(choices)} choices; mend it, or `first`"
        )
    return choices[place]
