"""What a suite may say of data that lie elsewhere: sources, selections of them, and how a row becomes a record."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from harness.suite.sources.values import as_text


def _listed(value: Any) -> Any:
    """One thing where several may stand, as a list of one."""
    return [value] if isinstance(value, str | dict) else value


def _texts_by_text(value: Any) -> Any:
    """A mapping whose keys YAML may have read as numbers or booleans, with the texts that rows hold."""
    return {as_text(key): text for key, text in value.items()} if isinstance(value, dict) else value


def _not_boolean(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("is read as true or false by YAML; put words such as yes, no, on and off in quotes")
    return value


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


Expression = Annotated[str, Field(min_length=1)]
"""A field of the row (`answer`, or `answers.text` for what lies deeper), or a template with `{{ field }}`."""
Expressions = Annotated[tuple[Expression, ...], BeforeValidator(_listed)]
Word = Annotated[str, BeforeValidator(_not_boolean)]
Labels = Annotated[dict[str, Word], BeforeValidator(_texts_by_text)]
Wanted = Annotated[tuple[str, ...], BeforeValidator(lambda value: [as_text(each) for each in _as_list(value)])]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Choices(_Strict):
    """The choices of a case: fields of its row, the same `texts` for all, or `every` value that a field has.

    `every` is taken over the rows of this selection, or of another `file` of its source.
    """

    fields: Expressions = ()
    texts: tuple[Word, ...] = ()
    every: Expression | None = None
    file: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_fields(cls, value: Any) -> Any:
        return {"fields": value} if isinstance(value, str | list) else value

    @model_validator(mode="after")
    def _is_one_of_three(self) -> Self:
        if sum(map(bool, (self.fields, self.texts, self.every))) != 1:
            raise ValueError("give the fields that hold the choices, or `texts`, or `every`")
        return self


class CaseMapping(_Strict):
    """How a row becomes a case.

    `labels` puts the texts of answers in place of the values that rows hold. With `right` the reference is the choice
    of that number (the first one has the number `first`) or of that letter (a is the first).
    """

    id: Expression | None = None
    question: Expression = "question"
    references: Expressions = ("references",)
    labels: Labels = {}
    choices: Choices | None = None
    right: Expression | None = None
    first: int = 0
    evidence: Expressions = ()
    stale: Expressions = ()
    weak: bool = False
    group: Expression | None = None

    @model_validator(mode="after")
    def _has_one_answer(self) -> Self:
        if self.right and ("references" in self.model_fields_set or not self.choices):
            raise ValueError("`right` names one of the `choices`: give those, and leave `references` out")
        return self


class DocumentMapping(_Strict):
    """How a row becomes a document of the corpus."""

    id: Expression | None = None
    text: Expression = "text"
    title: Expression | None = None
    valid_from: Expression | None = None
    valid_until: Expression | None = None
    metadata: dict[str, Expression] = {}


class Lookup(_Strict):
    """Another `file` of the same source, and what rows are compared `by`; `field` if it has another name there."""

    file: str
    by: Expression
    field: Expression | None = None


class Part(_Strict):
    """The share of rows whose hash of `by` lies from `start` up to `end`: rows of one value stay on one side."""

    model_config = ConfigDict(populate_by_name=True)

    by: Expression
    start: float = Field(default=0.0, ge=0, le=1, alias="from")
    end: float = Field(default=1.0, ge=0, le=1, alias="to")

    @model_validator(mode="after")
    def _holds_something(self) -> Self:
        if self.end <= self.start:
            raise ValueError(f"the part from {self.start} to {self.end} holds nothing; give a later end")
        return self


class Selection(_Strict):
    """Rows of one file (or split, of a set on the hub), which of them, and what becomes of them.

    Without a `source` the file lies in the suite's own folder.
    """

    source: str | None = None
    file: str | None = None
    split: str | None = None
    format: str | None = None
    options: dict[str, Any] = {}
    where: dict[str, Wanted] = {}
    only_in: Lookup | None = None
    not_in: Lookup | None = None
    part: Part | None = None
    limit: int | None = Field(default=None, ge=1)
    seed: int = 0
    case: CaseMapping | None = None
    document: DocumentMapping | None = None


Selections = Annotated[tuple[Selection, ...], BeforeValidator(_listed)]


class Hub(_Strict):
    """A data set on the Hugging Face hub; a `revision` (a commit) keeps it what it was."""

    id: str = Field(pattern=r"^[\w.-]+(/[\w.-]+)?$")
    config: str | None = None
    revision: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_id(cls, value: Any) -> Any:
        return {"id": value} if isinstance(value, str) else value

    @property
    def page(self) -> str:
        """Where people find it."""
        return f"https://huggingface.co/datasets/{self.id}" + (f"/tree/{self.revision}" if self.revision else "")


class SourceEntry(_Strict):
    """Where data come from, under which licence, and whom to cite.

    `path` is a folder inside the one that the user gives with `--data`; it is the source's name if not said.
    `format`, `case` and `document` hold for every selection of the source that doesn't say otherwise.
    """

    path: str | None = None
    hub: Hub | None = None
    url: str = ""
    license: str = ""
    citation: str = ""
    format: str | None = None
    options: dict[str, Any] = {}
    case: CaseMapping | None = None
    document: DocumentMapping | None = None
