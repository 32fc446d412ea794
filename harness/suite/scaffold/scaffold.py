"""From documents, and questions if there are any, to the splits of a suite. Knows nothing of how files are written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.errors import InputError
from harness.suite.checks import normal
from harness.suite.documents import Skipped, read_documents
from harness.suite.doubts import plural
from harness.suite.labels import labels
from harness.suite.records import Document, Split
from harness.suite.scaffold.evidence import by_name, evidence
from harness.suite.scaffold.folder import check_place, write_suite
from harness.suite.scaffold.questions import Drafted, read_questions
from harness.suite.scaffold.readme import Description
from harness.suite.scaffold.splits import Division, divide
from harness.suite.scaffold.typing_errors import mistyped
from harness.suite.weak import reworded, weak_cases


@dataclass(frozen=True)
class ScaffoldRequest:
    """What a suite is made of: `questions` is a file of them, without which up to `cloze` questions are made by rule.

    `columns` names the columns of `questions` that hold its fields (see `read_questions`), `shifts` those whose values
    are held out as shifted splits.
    """

    name: str
    documents: Path
    questions: Path | None = None
    out: Path | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    shifts: tuple[str, ...] = ()
    share_documents: bool = False
    cloze: int = 1000
    seed: int = 0


@dataclass(frozen=True)
class Scaffolded:
    """The folder that was written, how many cases each split has, and what somebody should know of it."""

    path: Path
    documents: int
    splits: dict[str, int]
    notes: tuple[str, ...]


def scaffold(request: ScaffoldRequest) -> Scaffolded:
    """Writes a suite that can be compared on as it is.

    The same request on the same files writes the same bytes. Raises InputError where something stands in the suite's
    place already or can't be used; nothing is then written.
    """
    place = request.out or Path(request.name)
    check_place(request.name, place)
    notes: list[str] = []
    drafted = read_questions(request.questions, request.columns, notes) if request.questions else []
    skipped: list[Skipped] = []
    documents = list(read_documents(request.documents, skipped))
    if skipped:
        notes.append(f"{plural(len(skipped), 'file')} left out, such as {skipped[0]}")
    drafted = _asked(drafted, documents, notes) if drafted else _cloze(documents, request.cloze, request.seed)
    division = divide(
        drafted, request.shifts, _alike(documents), share_documents=request.share_documents, seed=request.seed
    )
    splits = _splits(division, request.seed)
    description = Description(
        name=request.name,
        documents=request.documents.resolve().name,
        questions=request.questions.name if request.questions else None,
        held_out=division.values,
        share_documents=request.share_documents,
        seed=request.seed,
        notes=tuple(notes),
    )
    write_suite(place, description, splits, documents)
    return Scaffolded(place, len(documents), {split.name: len(split.cases) for split in splits}, tuple(notes))


def _alike(documents: Sequence[Document]) -> dict[str, str]:
    """For each document the first one that has the same text, so that one text doesn't stand on both sides."""
    first: dict[str, str] = {}
    return {document.id: first.setdefault(normal(document.text), document.id) for document in documents}


def _joined(first: Drafted, other: Drafted) -> Drafted:
    """A case with the answers, documents and choices of both, which ask the same."""

    def both(field: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys([*getattr(first.case, field), *getattr(other.case, field)]))

    case = first.case.model_copy(update={field: both(field) for field in ("references", "choices")})
    return replace(first, case=case, named=tuple(dict.fromkeys([*first.named, *other.named])))


def _asked(drafted: Sequence[Drafted], documents: Sequence[Document], notes: list[str]) -> list[Drafted]:
    """Somebody's questions, each once, with their evidence and with what is known of their documents."""
    first: dict[str, Drafted] = {}
    for item in drafted:
        question = normal(item.case.question)
        first[question] = _joined(first[question], item) if question in first else item
    if len(first) < len(drafted):
        rows = plural(len(drafted) - len(first), "row")
        notes.append(f"{rows} joined with an earlier one that asks the same: any of the answers is right.")
    known = by_name(documents)
    absent = sorted({name for item in first.values() for name in item.named if name not in known})
    if absent:
        notes.append(
            f"No evidence came of {plural(len(absent), 'name')} of documents, such as {absent[0]!r}: none in the "
            "folder goes by that name, or several do."
        )
    if not any(item.named for item in first.values()):
        notes.append("No case names a document, so there is no evidence, and retrieval can't be scored.")
    free_text = labels(Split("all", "train", tuple(item.case for item in first.values()))) is None
    return [_with_evidence(item, known, pinned=free_text) for item in first.values()]


def _cloze(documents: Sequence[Document], count: int, seed: int) -> list[Drafted]:
    """Questions made by rule from the documents; raises InputError where none can be."""
    known = by_name(documents)
    cases = weak_cases(documents, count, seed=seed)
    if not cases:
        raise InputError("No sentence of the documents makes a question. Give questions with --qa, or whole sentences.")
    named = [Drafted(case, tuple(piece.document for piece in case.evidence), {}) for case in cases]
    return [_with_evidence(item, known, pinned=True) for item in named]


def _with_evidence(item: Drafted, known: Mapping[str, Document], *, pinned: bool) -> Drafted:
    """The case with its evidence, and with the metadata of its documents among its columns."""
    found = evidence(item.named, known, item.case.references if pinned else ())
    metadata = {key: value for piece in found for key, value in known[piece.document].metadata.items()}
    return Drafted(item.case.model_copy(update={"evidence": found}), item.named, {**metadata, **item.columns})


def _splits(division: Division, seed: int) -> list[Split]:
    """The splits of a division, and those that are made of its in-domain cases by changing the questions."""
    tested = division.in_domain
    asked = {normal(case.question) for case in (*division.train, *tested)}
    mistakes = [(case, mistyped(case.question, f"{seed}:{case.id}", asked)) for case in tested]
    changed = {
        "reworded": [reworded(case) for case in tested if case.weak],
        "typing_errors": [
            case.model_copy(update={"id": f"{case.id}:typing", "question": question})
            for case, question in mistakes
            if question is not None
        ],
    }
    splits = [
        Split("train", "train", tuple(division.train)),
        Split("validation", "validation", tuple(division.validation)),
        Split("in_domain", "in-domain", tuple(tested)),
        *(Split(name, "shifted", tuple(cases)) for name, cases in {**division.shifted, **changed}.items()),
    ]
    return [split for split in splits if split.cases]
