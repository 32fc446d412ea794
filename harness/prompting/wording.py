"""Renders the parts of a prompt from templates: templates of a suite are untrusted text.

They may hold text, values, conditions and a few filters. Nothing in that small language can loop, call, or grow
the text beyond a multiple of the template, and what there is of it is rendered in Jinja's sandbox.
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

from jinja2 import StrictUndefined, Template, TemplateError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from harness.errors import InputError

FILTERS = ("capitalize", "lower", "trim", "upper")
_ENVIRONMENT = ImmutableSandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
_ALLOWED = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Filter),
    *(nodes.If, nodes.CondExpr, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not),
)
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
                _compiled(template)
            except (InputError, TemplateError, RecursionError) as error:
                problems.append(_told(name, error, known))
        if problems:
            raise InputError("\n".join(problems))

    def render_passage(self, text: str, title: str = "") -> str:
        """One passage as the model sees it; raises InputError for a template that can't be rendered."""
        return _render("passage", self.passage, text=text, title=title)

    def render_question(self, question: str) -> str:
        """One question as the model sees it, up to where the answer begins; raises InputError."""
        return _render("question", self.question, question=question)


@lru_cache
def _compiled(template: str) -> Template:
    return _ENVIRONMENT.from_string(template)


def _render(name: str, template: str, **values: str) -> str:
    try:
        return _compiled(template).render(values)
    except (TemplateError, TypeError) as error:  # such as a comparison of a text with a number
        raise InputError(_told(name, error, values)) from None


def _check(template: str, known: Collection[str]) -> None:
    """Raises InputError for the first thing in a template that is outside the small language."""
    tree = _ENVIRONMENT.parse(template)
    for node in tree.find_all(nodes.Node):
        if not isinstance(node, _ALLOWED):
            raise InputError(f"line {node.lineno} holds a {type(node).__name__}")
        if isinstance(node, nodes.Filter) and node.name not in FILTERS:
            raise InputError(f"line {node.lineno} uses the filter {node.name!r}")
    unknown = sorted({node.name for node in tree.find_all(nodes.Name)} - set(known))
    if unknown:
        raise InputError(f"it wants {', '.join(unknown)}, which it isn't given")


def _told(name: str, error: Exception, known: Collection[str]) -> str:
    return (
        f"the prompt template {name!r} can't be used: {error}. A suite's templates are untrusted, so they may hold "
        f"only text, the values {', '.join(known)} in double braces, conditions, and the filters {', '.join(FILTERS)}. "
        "Mend it in suite.yaml."
    )
