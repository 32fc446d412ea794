"""What a suite consists of once it is loaded and checked. Knows nothing of files, models or metrics."""

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

TestKind = Literal["in-domain", "shifted", "retention"]
SplitKind = Literal["train", "validation", TestKind]  # one Literal: a union would be explained member by member
EvidenceNeed = Literal["all", "any"]
TEST_KINDS: tuple[TestKind, ...] = ("in-domain", "shifted", "retention")


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("is blank; write some text")
    return text


Text = Annotated[str, AfterValidator(_not_blank)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Evidence(_Strict):
    """Where an answer can be found: a document, or the characters `start` to `end` (exclusive) of its text.

    In a file a plain document id will do where the whole document is meant.
    """

    document: Text
    start: int | None = Field(default=None, ge=0)
    end: int | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_id(cls, value: Any) -> Any:
        return {"document": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _is_a_span(self) -> Self:
        if (self.start is None) != (self.end is None) or (self.end or 1) <= (self.start or 0):
            raise ValueError(
                f"the evidence in {self.document!r} goes from {self.start} to {self.end}, which holds nothing; "
                "give a start and a later end, or neither"
            )
        return self


class Case(_Strict):
    """One question with its references.

    With `choices` the model chooses by log-likelihood and the references are among them. `evidence` says where in the
    corpus the answer stands; `stale` lists answers that were right before the corpus changed; `weak` marks a question
    that nobody wrote or checked. Cases of one `group`, such as those about one incident, are not independent; where
    none is named, what a case's evidence stands in is its group.
    """

    id: Text
    question: Text
    references: tuple[Text, ...] = Field(min_length=1)
    choices: tuple[Text, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    stale: tuple[Text, ...] = ()
    weak: bool = False
    group: str = ""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        """All that is wrong between the fields, in one error."""
        problems = []
        absent = [text for text in self.references if text not in self.choices]
        if self.choices and absent:
            problems.append(f"the references {absent} are not among the choices; add them or mend the spelling")
        if self.choices and (len(self.choices) < 2 or len(set(self.choices)) < len(self.choices)):
            problems.append(f"the choices {list(self.choices)} are not two or more different ones; mend the list")
        both = [text for text in self.stale if text in self.references]
        if both:
            problems.append(f"{both} can't be stale and right at once; take it out of `stale` or `references`")
        if problems:
            raise ValueError(f"the case {self.id!r}: {'; '.join(problems)}")
        return self


class Document(_Strict):
    """One text of the corpus, valid from a date on and, if it was replaced, until another.

    `metadata` is what retrievers filter and suites split by: its source, topic or section, as plain texts.
    """

    id: Text
    text: Text
    title: str = ""
    valid_from: date | None = None
    valid_until: date | None = None
    metadata: dict[str, str] = {}

    @model_validator(mode="after")
    def _is_valid_some_day(self) -> Self:
        if self.valid_from and self.valid_until and self.valid_until <= self.valid_from:
            raise ValueError(
                f"the document {self.id!r} is valid on no day: valid_until {self.valid_until} is not after "
                f"valid_from {self.valid_from}; mend the dates"
            )
        return self

    def valid(self, as_of: date | None) -> bool:
        """Whether the document stands in the corpus revision of `as_of` (None: the latest)."""
        if as_of is None:
            return self.valid_until is None
        return (self.valid_from is None or self.valid_from <= as_of) and (
            self.valid_until is None or as_of < self.valid_until
        )


class PromptSettings(_Strict):
    """The wording of the prompts: Jinja2 templates, rendered in a sandbox."""

    instruction: str = ""
    passage: str = "Passage: {{ text }}\n"
    question: str = "Question: {{ question }}\nAnswer:"


class DecodingSettings(_Strict):
    """How answers are generated: greedy, up to `max_new_tokens` or the first `stop` text."""

    max_new_tokens: int = Field(default=32, ge=1)
    stop: tuple[Annotated[str, Field(min_length=1)], ...] = ("\n",)


class BaseSettings(_Strict):
    """The base model that a suite brings, and the recipe settings that suit it (not other models)."""

    model: str
    recipes: dict[str, dict[str, Any]] = {}


@dataclass(frozen=True)
class Split:
    """Cases of one kind, asked against the corpus revision of `as_of`.

    `metrics` name what judges the answers, the first of which decides; where there are none, the usual ones do.
    `evidence` says whether it takes all of a case's pieces of evidence to answer, or any one of them will do.
    """

    name: str
    kind: SplitKind
    cases: tuple[Case, ...]
    as_of: date | None = None
    metrics: tuple[str, ...] = ()
    evidence: EvidenceNeed = "all"

    @property
    def chooses(self) -> bool:
        """Whether the cases are multiple choice (all of a split's are, or none)."""
        return bool(self.cases) and bool(self.cases[0].choices)


@dataclass(frozen=True)
class Source:
    """Where data of a suite came from: a folder of the user's data, or a set on the Hugging Face hub."""

    name: str
    origin: str
    url: str = ""
    license: str = ""
    citation: str = ""

    def __str__(self) -> str:
        told = (self.origin, self.url, self.license and f"licence: {self.license}", self.citation)
        return f"{self.name}: {'; '.join(filter(None, told))}"


@dataclass(frozen=True)
class Suite:
    """A loaded suite; `hash` covers the bytes of every file that it was read from.

    `retrieval` is what it says of chunks, index and retrievers, which the retrieval stage understands. `notes` say what
    was mended in other people's data or left out of it, a sentence each.
    """

    name: str
    path: Path
    hash: str
    description: str
    splits: dict[str, Split]
    documents: tuple[Document, ...] = ()
    retrieval: dict[str, Any] = field(default_factory=dict)
    prompt: PromptSettings = field(default_factory=PromptSettings)
    decoding: DecodingSettings = field(default_factory=DecodingSettings)
    base: BaseSettings | None = None
    sources: tuple[Source, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def train(self) -> tuple[Case, ...]:
        """The cases to train on, of all splits of kind `train`."""
        return self._cases("train")

    @property
    def validation(self) -> tuple[Case, ...]:
        """The cases to choose settings by."""
        return self._cases("validation")

    @property
    def tests(self) -> tuple[Split, ...]:
        """The test splits: in-domain first, then shifted, then retention, each in the suite's order."""
        return tuple(s for kind in TEST_KINDS for s in self.splits.values() if s.kind == kind)

    def corpus(self, as_of: date | None) -> tuple[Document, ...]:
        """The documents of the corpus revision of `as_of`."""
        return tuple(document for document in self.documents if document.valid(as_of))

    def _cases(self, kind: SplitKind) -> tuple[Case, ...]:
        return tuple(case for split in self.splits.values() if split.kind == kind for case in split.cases)
