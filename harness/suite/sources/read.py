"""Reads what a suite selects from its sources, as cases or documents, and notes all that is wrong with it."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from harness._settings import merge, validate
from harness.errors import InputError, UnknownNameError
from harness.suite.records import Case, Document
from harness.suite.sources.choose import Among, chosen, drawn, wanted_to_choose
from harness.suite.sources.formats import format_of
from harness.suite.sources.mapping import CaseMaker, DocumentMaker, make_records, unknown_fields
from harness.suite.sources.places import MissingSourceError, Place, find
from harness.suite.sources.rows import Findings, Format, Reader, Row
from harness.suite.sources.settings import CaseMapping, DocumentMapping, Selection, SourceEntry
from harness.suite.sources.values import Taken, as_text

AnyMapping = TypeVar("AnyMapping", CaseMapping, DocumentMapping)


@dataclass(frozen=True)
class _Opened:
    """A selection whose files were found, and what reads them; `source` has nothing to say of another format's rows."""

    selection: Selection
    source: SourceEntry
    place: Place
    format: Format
    options: Any


class SourceReader:
    """Reads selections, and remembers what was read.

    `files` are the data by names that are the same on every machine; `missing` are the sources that aren't there, each
    with the files that were wanted of it; `origins` say where those that are came from.
    """

    def __init__(self, suite: Path, sources: Mapping[str, SourceEntry], data: Path | None, found: Findings) -> None:
        self._suite, self._sources, self._data, self._found = suite, sources, data, found
        self.files: dict[str, Path] = {}
        self.missing: dict[str, list[str]] = {}
        self.origins: dict[str, str] = {}

    def cases(self, selections: Iterable[Selection], where: str) -> list[Case]:
        """The cases of some selections; `where` is their place in suite.yaml."""
        cases = []
        for number, selection in enumerate(selections):
            with self._telling(selection, f"{where}.{number}"):
                opened = self._open(selection)
                mapping = _laid_over(CaseMapping, opened.format.case, opened.source.case, selection.case)
                maker = CaseMaker(mapping, self._every(mapping, opened))
                rows = self._chosen(opened, opened.format.rows, maker.wanted)
                cases += make_records(rows, maker.make, Case, self._found.problems)
        return cases

    def documents(self, selections: Iterable[Selection], where: str) -> list[Document]:
        """The documents of some selections; `where` is their place in suite.yaml."""
        documents = []
        for number, selection in enumerate(selections):
            with self._telling(selection, f"{where}.{number}"):
                opened = self._open(selection)
                defaults = (opened.format.document, opened.source.document)
                maker = DocumentMaker(_laid_over(DocumentMapping, *defaults, selection.document))
                rows = self._chosen(opened, opened.format.documents or opened.format.rows, maker.wanted)
                documents += make_records(rows, maker.make, Document, self._found.problems)
        return documents

    @contextmanager
    def _telling(self, selection: Selection, where: str) -> Iterator[None]:
        """Notes an error as a problem of this place, so that the other selections are read all the same."""
        try:
            yield
        except MissingSourceError:
            self.missing.setdefault(selection.source or "", []).extend(filter(None, [selection.file]))
        except (InputError, RecursionError) as error:  # the latter from values that are nested too deeply
            self._found.problems += [
                f"{self._suite / 'suite.yaml'}: {where}: {line}" for line in str(error).split("\n")
            ]

    def _open(self, selection: Selection) -> _Opened:
        name = selection.source
        if name and name not in self._sources:
            raise UnknownNameError("source", name, self._sources)
        source = self._sources[name] if name else SourceEntry()
        place = find(self._suite, self._data, source, selection)
        if name:
            self.origins[name] = place.origin
        stated = None if place.by_suffix else selection.format or source.format
        if not place.by_suffix and stated != source.format:
            source = SourceEntry()
        content = {} if place.by_suffix else merge(source.options, selection.options)
        format_ = format_of(place.files[0], stated)
        return _Opened(selection, source, place, format_, validate(content, format_.options, place="options"))

    def _rows(self, opened: _Opened, reader: Reader) -> Iterator[Row]:
        """All rows of a selection's files."""
        folder = opened.place.folder
        try:
            for name in opened.place.files:
                yield from reader(folder, name, opened.options, self._found)
        finally:
            prefix = f"{opened.selection.source}:" if opened.selection.source else ""
            self.files.update({f"{prefix}{name}": path for name, path in folder.read.items()})

    def _chosen(self, opened: _Opened, reader: Reader, wanted: Iterable[Taken]) -> list[Row]:
        """The rows that a selection takes; raises InputError for fields that no row has, and if there are none."""
        selection, fields = opened.selection, dict[str, None]()
        known = len(self._found.problems)
        rows = list(chosen(_noting(self._rows(opened, reader), fields), selection, self._lookups(opened)))
        unknown = [
            text for taken in (*wanted_to_choose(selection), *wanted) for text in unknown_fields(taken, list(fields))
        ]
        if fields and unknown:
            raise InputError("\n".join(dict.fromkeys(unknown)))
        if not rows and len(self._found.problems) == known:
            raise InputError("takes no row; mend `where`, `only_in`, `not_in` or `part`, or the file")
        return drawn(rows, selection.limit, selection.seed)

    def _lookups(self, opened: _Opened) -> list[Among]:
        selection = opened.selection
        return [
            Among(Taken(lookup.by), self._texts(opened, lookup.file, lookup.field or lookup.by), wanted)
            for lookup, wanted in ((selection.only_in, True), (selection.not_in, False))
            if lookup
        ]

    def _every(self, mapping: CaseMapping, opened: _Opened) -> list[str]:
        """The values, in order, that `choices.every` has in all rows."""
        choices = mapping.choices
        return sorted(self._texts(opened, choices.file, choices.every)) if choices and choices.every else []

    def _texts(self, opened: _Opened, file: str | None, expression: str) -> frozenset[str]:
        """The values of an expression in another file, read as the selection's own is, or in the selection's own."""
        taken, fields = Taken(expression), dict[str, None]()
        place = replace(opened.place, files=(file,)) if file else opened.place
        rows = _noting(self._rows(replace(opened, place=place), opened.format.rows), fields)
        texts = frozenset(as_text(value) for row in rows for value in taken.values(row.fields))
        unknown = list(unknown_fields(taken, list(fields)))
        if unknown:
            raise InputError("\n".join(f"{file}: {text}" if file else text for text in unknown))
        return texts


def _laid_over(
    model: type[AnyMapping], defaults: dict[str, Any] | None, *stated: CaseMapping | DocumentMapping | None
) -> AnyMapping:
    """The mapping that suits a format, with what a source and then a selection say instead."""
    content = dict(defaults or {})
    for mapping in stated:
        content.update(mapping.model_dump(exclude_unset=True) if mapping else {})
    if content.get("right"):
        content.pop("references", None)
    return model(**content)


def _noting(rows: Iterable[Row], fields: dict[str, None]) -> Iterator[Row]:
    """The rows, whose fields' names are added to `fields` as they pass."""
    for row in rows:
        fields.update(dict.fromkeys(row.fields))
        yield row
