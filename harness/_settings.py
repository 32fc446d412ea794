"""Reads YAML files into pydantic models and explains what is wrong with them, all mistakes at once."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from harness.errors import InputError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

AnyModel = TypeVar("AnyModel", bound=BaseModel)

SHOWN_CHARACTERS = 60
MOST_BYTES = 1_000_000
MOST_VALUES = 100_000
MOST_DIGITS = 100
_PLAINLY = {
    "missing": "is missing",
    "tuple_type": "must be a list",
    "dict_type": "must be a mapping of keys to values",
    "model_type": "must be a mapping of keys to values",
}


class _PlainLoader(yaml.SafeLoader):
    """Refuses what would be lost or blow up.

    A key that stands twice in one mapping, of which YAML would silently keep the last; aliases by which a few lines
    stand for millions of values, or for themselves; a number of so many digits that it can't be written out.
    """

    def construct_document(self, node: yaml.Node) -> Any:
        if _size(node, {}) > MOST_VALUES:
            told = f"its aliases stand for more than {MOST_VALUES:,} values, or for themselves"
            raise yaml.constructor.ConstructorError(None, None, told, node.start_mark)
        return super().construct_document(node)

    def construct_number(self, node: yaml.ScalarNode) -> int:
        if len(node.value) > MOST_DIGITS:
            told = f"a number of {len(node.value)} digits"
            raise yaml.constructor.ConstructorError(None, None, told, node.start_mark)
        return self.construct_yaml_int(node)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value != "<<":
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(None, None, f"the key {key.value!r} twice", key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


_PlainLoader.add_constructor("tag:yaml.org,2002:int", _PlainLoader.construct_number)


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """How many values a node holds once its aliases are written out; too many if it holds itself."""
    if id(node) not in known:
        known[id(node)] = MOST_VALUES + 1  # what it is to itself
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        items = node.value if isinstance(node, yaml.SequenceNode) else [part for pair in pairs for part in pair]
        known[id(node)] = 1 + sum(_size(item, known) for item in items)
    return known[id(node)]


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping that a YAML file holds; raises InputError with file and line."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"{path}: is too large for settings ({MOST_BYTES:,} bytes at most). Move data out of it.")
        content = yaml.load(path.read_text(encoding="utf-8-sig"), _PlainLoader)  # a SafeLoader: builds plain data only
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}:{mark.line + 1}" if mark else str(path)
        raise InputError(f"{place}: not valid YAML ({getattr(error, 'problem', error)}). Mend that line.") from None
    except (RecursionError, ValueError) as error:  # nested too deeply; a date or number that there isn't; not UTF-8
        raise InputError(f"{path}: not valid YAML ({error}). Give a UTF-8 text file of `key: value` lines.") from None
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror}). Check the path and its permissions.") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise InputError(f"{path}: holds a {type(content).__name__} where `key: value` lines are needed.")
    return content


def validate(content: Mapping[str, Any], model: type[AnyModel], *, place: str) -> AnyModel:
    """`content` as a `model`; raises InputError with one line a mistake, each beginning with `place`."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise InputError("\n".join(f"{place}: {line}" for line in explain(error, model))) from None


def explain(error: ValidationError, model: type[BaseModel]) -> Iterator[str]:
    """One line a mistake: where, what, the value, and for an unknown key or word the nearest known one."""
    for problem in error.errors():
        where = ".".join(str(part) for part in problem["loc"] if part != "[key]")
        if problem["type"] == "extra_forbidden":
            known = _keys_at(model, problem["loc"][:-1])
            listing = ", ".join(sorted(known)) or "none"
            yield f"unknown key {where!r}{_nearest(problem['loc'][-1], known)}; known: {listing}"
        else:
            told = problem["msg"].removeprefix("Value error, ").removeprefix("Input ")
            message = _PLAINLY.get(problem["type"], told) + _value(problem)
            if problem["type"] == "literal_error":
                message += _nearest(problem["input"], _words_at(model, problem["loc"]))
            yield f"{where}: {message}" if where else message


def merge(content: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """`content` with `overrides` laid over it; mappings are merged, everything else is replaced."""
    merged = dict(content)
    for key, value in overrides.items():
        here = merged.get(key)
        merged[key] = merge(here, value) if isinstance(here, Mapping) and isinstance(value, Mapping) else value
    return merged


def _nearest(name: object, known: list[str]) -> str:
    """` (did you mean …?)`, or nothing where no known name is near."""
    nearest = get_close_matches(str(name), known, n=1, cutoff=0.5)
    return f" (did you mean {nearest[0]!r}?)" if nearest else ""


def _value(problem: "ErrorDetails") -> str:
    """`, not VALUE` for a mistake in a plain value; nothing where the message says it already."""
    value = problem["input"]
    if problem["type"] == "value_error" or not isinstance(value, str | int | float | None):
        return ""
    shown = repr(value)
    return f", not {shown if len(shown) <= SHOWN_CHARACTERS else shown[:SHOWN_CHARACTERS] + '…'}"


def _keys_at(model: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    """The field names of the model that is nested in `model` at `place`."""
    return [name for kind in _types_at(model, place) if _is_model(kind) for name in _fields(kind)]


def _words_at(model: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    """The words that a Literal at `place` allows."""
    return [str(word) for kind in _types_at(model, place) if get_origin(kind) is Literal for word in get_args(kind)]


def _types_at(model: type[BaseModel], place: tuple[int | str, ...]) -> list[Any]:
    """The types that a value at `place` (field names, mapping keys, list positions) may have."""
    types: list[Any] = [model]
    for part in place:
        types = [inner for kind in types for inner in _alternatives(_inside(kind, part))]
    return types


def _inside(kind: Any, part: int | str) -> Any:
    """The annotation of what lies at `part` of a value of type `kind`; None where nothing can."""
    if _is_model(kind):
        field = _fields(kind).get(str(part))
        return field.annotation if field else None
    arguments = get_args(kind)  # of dict[str, X], tuple[X, ...] or list[X]
    return arguments[-1 if get_origin(kind) is dict else 0] if arguments else None


def _alternatives(annotation: Any) -> list[Any]:
    """The members of a union, what is annotated, or the annotation itself."""
    if get_origin(annotation) in (Union, UnionType):
        return [inner for part in get_args(annotation) for inner in _alternatives(part)]
    return _alternatives(get_args(annotation)[0]) if get_origin(annotation) is Annotated else [annotation]


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields of a model by the names that they have in a file."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
