"""Which documents a case means, and where in them its answer stands. Pure functions over records."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from harness.suite.records import Document, Evidence

_SHORTEST = 3  # characters: a shorter answer stands in a text by chance


def by_name(documents: Iterable[Document]) -> dict[str, Document]:
    """Documents by what people call them: the id, or its last part, with or without suffix, or the title.

    A name that several documents could have is left out, unless it is the id of one.
    """
    named: defaultdict[str, list[Document]] = defaultdict(list)
    exact = {}
    for document in documents:
        path = PurePosixPath(document.id)
        exact[document.id] = document
        for name in {str(path.with_suffix("")) if path.name else "", path.name, path.stem, document.title} - {""}:
            named[name].append(document)
    return {name: found[0] for name, found in named.items() if len(found) == 1} | exact


def evidence(names: Sequence[str], known: Mapping[str, Document], answers: Sequence[str]) -> tuple[Evidence, ...]:
    """The evidence in the documents of `names` that are `known`, each once.

    If it is one document, and one of `answers` stands there in exactly one place, then that span; else all of it.
    """
    documents = {known[name].id: known[name] for name in names if name in known}
    if len(documents) == 1:
        (document,) = documents.values()
        places = _places(document.text, answers)
        if len(places) == 1:
            return (Evidence(document=document.id, start=places[0][0], end=places[0][1]),)
    return tuple(Evidence(document=name) for name in documents)


def _places(text: str, answers: Sequence[str]) -> list[tuple[int, int]]:
    """Where any of `answers` stands in `text` as whole words; what overlaps is one place."""
    spans = sorted(
        match.span()
        for answer in answers
        if len(answer) >= _SHORTEST
        for match in re.finditer(rf"(?<!\w){re.escape(answer)}(?!\w)", text)
    )
    places: list[tuple[int, int]] = []
    for start, end in spans:
        if places and start < places[-1][1]:
            places[-1] = (places[-1][0], max(end, places[-1][1]))
        else:
            places.append((start, end))
    return places
