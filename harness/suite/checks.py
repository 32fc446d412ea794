"""What must hold of a suite before anybody may conclude something from it. Pure functions over records."""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import pairwise

from harness.suite.records import TEST_KINDS, Document, Split


def duplicate_ids(splits: Sequence[Split]) -> Iterator[str]:
    """Case ids that occur more than once in the suite."""
    cases = Counter(case.id for split in splits for case in split.cases)
    for name, count in cases.items():
        if count > 1:
            places = sorted({split.name for split in splits for case in split.cases if case.id == name})
            yield f"the case id {name!r} occurs {count} times (in {', '.join(places)}); ids must be unique"


def overlapping_revisions(documents: Sequence[Document]) -> Iterator[str]:
    """Documents of one id that are valid at the same time, so that a corpus revision would hold both."""
    by_id = defaultdict(list)
    for document in documents:
        by_id[document.id].append(document)
    for name, revisions in by_id.items():
        for before, after in pairwise(sorted(revisions, key=lambda document: document.valid_from or date.min)):
            if before.valid_until is None or before.valid_until > (after.valid_from or date.min):
                yield (
                    f"the document id {name!r} is valid twice at once, from {before.valid_from} and from "
                    f"{after.valid_from}; end the earlier revision (valid_until) or give one of them another id"
                )


def leakage(splits: Sequence[Split]) -> Iterator[str]:
    """Test cases whose question also stands in a train split: their scores would measure memory."""
    trained = {normal(case.question): case.id for split in splits if split.kind == "train" for case in split.cases}
    for split in splits:
        if split.kind in TEST_KINDS:
            for case in split.cases:
                twin = trained.get(normal(case.question))
                if twin is not None:
                    yield (
                        f"the question of the test case {case.id!r} of split {split.name!r} also stands in train as "
                        f"{twin!r} (leakage), so its score would measure memory; take it out of one of them"
                    )


def mixed_choices(splits: Sequence[Split]) -> Iterator[str]:
    """Splits in which some cases have choices and others don't."""
    for split in splits:
        if len({bool(case.choices) for case in split.cases}) > 1:
            yield f"the split {split.name!r} mixes cases with and without choices; make two splits of it"


def missing_evidence(splits: Sequence[Split], documents: Sequence[Document]) -> Iterator[str]:
    """Cases whose evidence isn't in the corpus revision that their split is asked against."""
    for split in splits:
        lengths = {document.id: len(document.text) for document in documents if document.valid(split.as_of)}
        for case in split.cases:
            absent = [e.document for e in case.evidence if (e.end or 0) > lengths.get(e.document, -1)]
            if absent:
                yield (
                    f"the case {case.id!r} of split {split.name!r} names evidence that its corpus lacks: "
                    f"{', '.join(absent)}; add the document or mend its dates"
                )


def empty_corpora(splits: Sequence[Split], documents: Sequence[Document]) -> Iterator[str]:
    """Test splits that would be asked against a corpus revision without any document."""
    for split in splits:
        if documents and split.kind in TEST_KINDS and not any(document.valid(split.as_of) for document in documents):
            yield (
                f"no document of the corpus is valid for the split {split.name!r} (as_of {split.as_of or 'latest'}), "
                "so there would be nothing to retrieve; mend the dates"
            )


def empty_splits(splits: Sequence[Split]) -> Iterator[str]:
    """Splits without cases, and a suite without any test split."""
    for split in splits:
        if not split.cases:
            yield f"the split {split.name!r} has no cases"
    if not any(split.kind in TEST_KINDS for split in splits):
        yield f"there is no test split; give at least one split a kind of {', '.join(TEST_KINDS)}"


def problems(splits: Sequence[Split], documents: Sequence[Document]) -> list[str]:
    """Everything that is wrong with a suite's content, one sentence each."""
    return [
        *empty_splits(splits),
        *duplicate_ids(splits),
        *overlapping_revisions(documents),
        *empty_corpora(splits, documents),
        *mixed_choices(splits),
        *leakage(splits),
        *missing_evidence(splits, documents),
    ]


def normal(text: str) -> str:
    """`text` without differences of case, width, composition (NFKC) and white space, to find equal questions by."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
