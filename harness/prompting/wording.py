"""Renders the parts of a prompt from templates: templates of a suite are untrusted text."""

from collections.abc import Collection
from dataclasses import dataclass

from harness._templates import FILTERS, render, wanted_values
from harness.errors import InputError

_PASSAGE_VALUES = ("text", "title")
_QUESTION_VALUES = ("question",)


@dataclass(frozen=True)
class Wording:
    """The templates of a suite: instruction (plain text), one passage (`text`, `title`), one question (`question`)."""

    instruction: str
    passage: str
    question: str

    def __post_init__(self) -> None:
        """Checks both templates; raises InputError that tells what is wrong with either."""
        checked = (("passage", self.passage, _PASSAGE_VALUES), ("question", self.question, _QUESTION_VALUES))
        problems = []
        for name, template, known in checked:
            try:
                _check(template, known)
            except InputError as error:
                problems.append(_told(name, error, known))
        if problems:
            raise InputError("\n".join(problems))

    def render_passage(self, text: str, title: str = "") -> str:
        """One passage as the model sees it; raises InputError for a template that can't be rendered."""
        return _render("passage", self.passage, text=text, title=title)

    def render_question(self, question: str) -> str:
        """One question as the model sees it, up to where the answer begins; raises InputError."""
        return _render("question", self.question, question=question)


def _render(name: str, template: str, **values: str) -> str:
    try:
        return render(template, values)
    except InputError as error:
        raise InputError(_told(name, error, values)) from None


def _check(template: str, known: Collection[str]) -> None:
    """Raises InputError for a template outside the small language, or for values that it wants and isn't given."""
    unknown = sorted(wanted_values(template) - set(known))
    if unknown:
        raise InputError(f"it wants {', '.join(unknown)}, which it isn't given")


def _told(name: str, error: Exception, known: Collection[str]) -> str:
    return (
        f"the prompt template {name!r} can't be used: {error}. A suite's templates are untrusted, so they may hold "
        f"only text, the values {', '.join(known)} in double braces, conditions, and the filters {', '.join(FILTERS)}. "
        "Mend it in suite.yaml."
    )
