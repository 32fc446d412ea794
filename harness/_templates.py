"""A small template language for untrusted text: values, conditions and a few filters, in Jinja's syntax.

Nothing in it can loop or call, and what it renders is never longer than a multiple of the template and its values:
no filter makes a text longer, save `join`, which takes a list and so can't be applied twice. What there is of it is
rendered in Jinja's sandbox. Knows nothing of what the texts are for.
"""

from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, TemplateRuntimeError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from harness.errors import InputError

FILTERS = ("capitalize", "lower", "trim", "upper")
ROW_FILTERS = (*FILTERS, "after", "join", "replace")
_ALLOWED = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Filter),
    *(nodes.If, nodes.CondExpr, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not),
)


def wanted_values(template: str, filters: Collection[str] = FILTERS) -> set[str]:
    """The names of the values in a template; raises InputError for the first thing outside the small language."""
    try:
        tree = _ENVIRONMENT.parse(template)
        for node in tree.find_all(nodes.Node):
            if not isinstance(node, _ALLOWED):
                raise InputError(f"line {node.lineno} holds a {type(node).__name__}")
            if isinstance(node, nodes.Filter) and node.name not in filters:
                raise InputError(f"line {node.lineno} uses the filter {node.name!r}")
            if isinstance(node, nodes.Filter) and not all(isinstance(part, nodes.Const) for part in node.args):
                raise InputError(f"line {node.lineno} gives the filter {node.name!r} a value; give it a plain text")
        _compiled(template)
    except (TemplateError, RecursionError) as error:
        raise InputError(str(error)) from None
    return {node.name for node in tree.find_all(nodes.Name)}


def render(template: str, values: Mapping[str, Any]) -> str:
    """A template that `wanted_values` has accepted, with its values filled in; raises InputError with the reason."""
    try:
        return _compiled(template).render(values)
    except (TemplateError, TypeError) as error:  # such as a comparison of a text with a number
        raise InputError(str(error)) from None


@lru_cache
def _compiled(template: str) -> Template:
    return _ENVIRONMENT.from_string(template)


def _after(text: object, mark: str) -> str:
    """What stands after the last `mark`."""
    _, found, rest = str(text).rpartition(mark) if mark else ("", "", "")
    if not found:
        raise TemplateRuntimeError(f"there is no {mark!r} in the text")
    return rest


def _join(values: object, between: str = "") -> str:
    """The texts of a list as one, with `between` between them."""
    if not isinstance(values, list | tuple):
        raise TemplateRuntimeError("only a list can be joined")
    return str(between).join(str(value) for value in values)


def _replace(text: object, old: str, new: str) -> str:
    """`text` with every `old` made into `new`, which may not be longer: chained, that would grow without bound."""
    if not old or len(new) > len(old):
        raise TemplateRuntimeError(f"{old!r} can't be replaced by {new!r}, which is longer")
    return str(text).replace(old, new)


def _plain(value: Any) -> Any:
    """What may stand in a text: no list or mapping, which would be written as Python writes it."""
    if isinstance(value, list | tuple | Mapping):
        raise TemplateRuntimeError("a list or mapping is no text; join it, or name one of its fields")
    return str(value).lower() if isinstance(value, bool) else value


def _environment(**own: Callable[..., str]) -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False, finalize=_plain
    )
    environment.filters = {**{name: environment.filters[name] for name in FILTERS}, **own}
    return environment


_ENVIRONMENT = _environment(after=_after, join=_join, replace=_replace)
