"""Reads what `suite.yaml` names, files of the suite or data that lie elsewhere, into splits and documents."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from harness.suite.checks import normal
from harness.suite.files import AnyRecord, Filled, SuiteFile, inside, read_lines
from harness.suite.records import Case, Document, Source, Split
from harness.suite.sources import Findings, SourceReader


class SuiteReader:
    """Reads a suite; `files` are what was read, by names that are the same on every machine."""

    def __init__(self, folder: Path, manifest: SuiteFile, data: Path | None) -> None:
        self._folder, self._manifest, self._data = folder, manifest, data
        self._found = Findings()
        self._elsewhere = SourceReader(folder, manifest.sources, data, self._found)
        self._files: dict[str, Path] = {}

    @property
    def files(self) -> dict[str, Path]:
        """The files that were read, sorted by name."""
        return dict(sorted({**self._files, **self._elsewhere.files}.items()))

    @property
    def sources(self) -> tuple[Source, ...]:
        """The sources that were read from."""
        entries, origins = self._manifest.sources, self._elsewhere.origins
        return tuple(
            Source(name, origins[name], entry.url, entry.license, entry.citation)
            for name, entry in entries.items()
            if name in origins
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What was mended in the data or left out of them, each once."""
        return tuple(dict.fromkeys(self._found.notes))

    def problems(self) -> list[str]:
        """All that is wrong with what was read so far, each once; first of all, data that aren't there."""
        return [*self._missing(), *dict.fromkeys(self._found.problems)]

    def splits(self) -> dict[str, Split]:
        """All splits, with all cases that were selected for them."""
        return {
            name: Split(name, entry.kind, self._cases(name, entry), entry.as_of, entry.metrics, entry.evidence)
            for name, entry in self._manifest.splits.items()
        }

    def documents(self) -> tuple[Document, ...]:
        """The corpus."""
        entry = self._manifest.corpus
        if entry is None:
            return ()
        documents = self._records(entry, Document) + self._elsewhere.documents(entry.selections, "corpus.from")
        if not documents and not self.problems():
            place = self._folder / (entry.file or "")
            self._found.problems.append(f"{place}: holds no documents; add some, or leave `corpus` out of suite.yaml")
        return tuple(documents)

    def without_repeated(self, splits: dict[str, Split], documents: Sequence[Document]) -> dict[str, Split]:
        """The splits, each without the cases whose question or evidence stands in a split that its `without` names.

        Documents of equal text are the same evidence.
        """
        texts = {document.id: normal(document.text) for document in documents}
        return {
            name: self._without(split, texts, [splits[other] for other in self._manifest.splits[name].without])
            for name, split in splits.items()
        }

    def _cases(self, name: str, entry: Filled) -> tuple[Case, ...]:
        return (*self._records(entry, Case), *self._elsewhere.cases(entry.selections, f"splits.{name}.from"))

    def _records(self, entry: Filled, model: type[AnyRecord]) -> list[AnyRecord]:
        path = inside(self._folder, entry.file, self._found.problems) if entry.file else None
        if path is None:
            return []
        self._files[path.relative_to(self._folder).as_posix()] = path
        return read_lines(path, model, self._found.problems)

    def _without(self, split: Split, texts: Mapping[str, str], others: list[Split]) -> Split:
        cases = [case for other in others for case in other.cases]
        questions = {normal(case.question) for case in cases}
        documents = {texts.get(e.document, e.document) for case in cases for e in case.evidence}
        kept = tuple(
            case
            for case in split.cases
            if normal(case.question) not in questions
            and documents.isdisjoint(texts.get(e.document, e.document) for e in case.evidence)
        )
        if len(kept) < len(split.cases):
            self._found.notes.append(
                f"{split.name}: {len(split.cases) - len(kept)} of {len(split.cases)} cases were left out, whose "
                f"question or evidence stands in {', '.join(other.name for other in others)}"
            )
        return replace(split, cases=kept)

    def _missing(self) -> list[str]:
        """What data the user must give, in one piece."""
        if not self._elsewhere.missing:
            return []
        place = f"in {self._data}" if self._data else "given"
        place += "" if self._data is None or self._data.is_dir() else " (which is no folder)"
        lines = [
            f"{self._manifest.name} needs data that aren't {place}. Put them into one folder, and give it with --data:"
        ]
        for name, files in self._elsewhere.missing.items():
            source = self._manifest.sources[name]
            terms = ", ".join(filter(None, [source.url, source.license and f"licence {source.license}"]))
            wanted = ", ".join(sorted(set(files))) or "the whole folder"
            lines.append(f"  {source.path or name}: {wanted}" + (f" ({terms})" if terms else ""))
        return ["\n".join(lines)]
