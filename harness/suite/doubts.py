"""What weakens a conclusion from a suite without forbidding it: the warnings of `harness suite check`.

Pure functions over a loaded suite, each of which yields findings; what forbids a conclusion is in `checks`.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from harness.suite.checks import normal
from harness.suite.findings import Finding
from harness.suite.labels import comparable_labels, imbalance, labels, majority
from harness.suite.near import NearPair, near_pairs
from harness.suite.records import Case, Document, Split, Suite

NEAR_TEXT = 0.8  # Jaccard similarity of shingles: what one changed word in eight leaves
MOST_IMBALANCE = 0.1  # beyond what chance makes
MOST_MAJORITY = 0.8
_SHOWN = 3
_WORD = re.compile(r"\w+")


def doubts(suite: Suite) -> list[Finding]:
    """Everything that can be seen without a model."""
    return [
        *(Finding("data", note) for note in suite.notes),
        *repeated_questions(suite),
        *repeated_documents(suite.documents),
        *near_duplicates(suite.train, suite.tests),
        *repeated_in_validation(suite),
        *without_evidence(suite),
        *unsupported_answers(suite),
        *unbalanced_labels(suite),
        *weak_questions(suite),
    ]


def repeated_questions(suite: Suite) -> Iterator[Finding]:
    """Questions that stand more than once in one split: they count twice, and may contradict one another."""
    for split in suite.splits.values():
        by_question = defaultdict(list)
        for case in split.cases:
            by_question[normal(case.question), case.choices].append(case)
        groups = [group for group in by_question.values() if len(group) > 1]
        if groups:
            differing = sum(len({normal(case.references[0]) for case in group}) > 1 for group in groups)
            told = f", {differing} of them with different answers" if differing else ""
            yield Finding(
                "duplicates",
                f"{split.name} holds {plural(len(groups), 'question')} more than once{told}: "
                f"{examples([' = '.join(case.id for case in group[:2]) for group in groups])}; each counts as often",
            )


def repeated_documents(documents: Sequence[Document]) -> Iterator[Finding]:
    """Documents of equal text that are valid at the same time."""
    by_text = defaultdict(list)
    for document in documents:
        by_text[normal(document.text), document.valid_from, document.valid_until].append(document.id)
    equal = [" = ".join(names[:2]) for names in by_text.values() if len(names) > 1]
    if equal:
        yield Finding(
            "duplicates",
            f"the corpus holds {plural(len(equal), 'text')} in more than one document: {examples(equal)}; only one of "
            "each can be the evidence, and they take one another's place among the passages",
        )


def near_duplicates(train: Sequence[Case], tests: Sequence[Split]) -> Iterator[Finding]:
    """Test questions that are nearly the text of a train question."""
    for split in tests:
        pairs = near_pairs([case.question for case in train], [case.question for case in split.cases], NEAR_TEXT)
        if pairs:
            yield Finding(
                "near-duplicates",
                f"{of(len(pairs), len(split.cases))} test questions of {split.name} have nearly the text of a train "
                f"question (Jaccard of shingles >= {NEAR_TEXT}): {examples(twins(pairs, train, split))}; their scores "
                "may measure memory",
            )


def repeated_in_validation(suite: Suite) -> Iterator[Finding]:
    """Questions of validation that another split answers alike: what is taught or tested would choose settings."""
    splits = suite.splits.values()
    tuned = {normal(case.question): case for split in splits if split.kind == "validation" for case in split.cases}
    for split in (split for split in splits if split.kind != "validation"):
        pairs = [(twin, case) for case in split.cases if (twin := tuned.get(normal(case.question))) is not None]
        found = [f"{twin.id} = {case.id}" for twin, case in pairs if set(twin.references) & set(case.references)]
        if found:
            yield Finding(
                "duplicates",
                f"{plural(len(found), 'question')} of {split.name} also in validation: {examples(found)}; "
                "settings are chosen by them, so leave them out (`without`)",
            )


def without_evidence(suite: Suite) -> Iterator[Finding]:
    """Test splits of a suite with documents in which retrieval can't be scored for every case."""
    for split in suite.tests:
        absent = [case.id for case in split.cases if not case.evidence]
        if suite.documents and absent and split.kind != "retention":
            yield Finding(
                "evidence",
                f"{of(len(absent), len(split.cases))} cases of {split.name} name no evidence ({examples(absent)}), so "
                "retrieval isn't scored on them",
            )


def unsupported_answers(suite: Suite) -> Iterator[Finding]:
    """Cases none of whose references stands in their evidence; labels needn't stand there."""
    for split in suite.splits.values():
        if labels(split) is not None:
            continue
        texts = {document.id: document.text for document in suite.corpus(split.as_of)}
        asked = [case for case in split.cases if case.evidence]
        absent = [case.id for case in asked if not _supported(case, texts)]
        if absent:
            yield Finding(
                "evidence",
                f"{of(len(absent), len(asked))} cases of {split.name} have no reference that stands in their evidence "
                f"({examples(absent)}); mend the answer or the evidence, unless it takes more than finding to answer",
            )


def unbalanced_labels(suite: Suite) -> Iterator[Finding]:
    """Test splits whose labels are distributed unlike those of train, or of which nearly all are the same."""
    for split in suite.tests:
        share = majority(split)
        if share is None:
            continue
        if share > MOST_MAJORITY:
            yield Finding(
                "labels", f"always giving the most frequent answer is right for {_percent(share)} of {split.name}"
            )
        trained, tested = comparable_labels(suite.train, split)
        if not set(trained) & set(tested) or 2 * len(tested) < len(split.cases):
            continue  # train has other tasks
        unlike = imbalance(trained, tested)
        if unlike.distance > unlike.chance + MOST_IMBALANCE:
            yield Finding(
                "labels",
                f"the labels of {split.name} are distributed unlike those of train: {_percent(unlike.distance)} differ "
                f"(by chance about {_percent(unlike.chance)}), {unlike.label!r} most, with {_percent(unlike.in_train)} "
                f"in train and {_percent(unlike.in_test)} here",
            )


def weak_questions(suite: Suite) -> Iterator[Finding]:
    """Splits of questions that nobody wrote or checked."""
    for split in suite.splits.values():
        weak = sum(case.weak for case in split.cases)
        if weak:
            means = "; a test on them says little about what people ask" if split in suite.tests else ""
            yield Finding(
                "weak", f"{of(weak, len(split.cases))} cases of {split.name} were made by rule and never checked{means}"
            )


def twins(pairs: Sequence[NearPair], train: Sequence[Case], split: Split) -> list[str]:
    """`TEST ~ TRAIN (0.93)` for each pair of a test question and its twin, the most alike first."""
    ordered = sorted(pairs, key=lambda pair: (-pair.similarity, pair.number))
    return [f"{split.cases[pair.number].id} ~ {train[pair.twin].id} ({pair.similarity:.2f})" for pair in ordered]


def examples(names: Sequence[str]) -> str:
    """The first few of `names`, and how many more there are."""
    rest = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + rest


def plural(count: int, thing: str) -> str:
    """`1 case`, or `3 cases`."""
    return f"{count} {thing}{'' if count == 1 else 's'}"


def of(count: int, total: int) -> str:
    """`all 12`, or `3 of 12`."""
    return f"all {total}" if count == total else f"{count} of {total}"


def _supported(case: Case, texts: Mapping[str, str]) -> bool:
    shown = [texts[piece.document][piece.start : piece.end] for piece in case.evidence if piece.document in texts]
    return any(_words(reference) in _words(text) for reference in case.references for text in shown)


@lru_cache(maxsize=100)  # the cases of one document stand together as a rule
def _words(text: str) -> str:
    return f" {' '.join(_WORD.findall(normal(text)))} "


def _percent(share: float) -> str:
    return f"{100 * share:.0f}%"
