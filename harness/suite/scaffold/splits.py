"""Divides cases into splits so that no test case's document is trained on. Pure functions; knows no files."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from harness.errors import InputError, UnknownNameError
from harness.suite.checks import normal
from harness.suite.records import Case
from harness.suite.scaffold.held_out import held_out
from harness.suite.scaffold.questions import Drafted

IN_DOMAIN, VALIDATION, SHIFTED = 0.2, 0.1, 0.2  # shares of all cases

Group = list[Drafted]


@dataclass
class Division:
    """Cases by use; `shifted` by the column that each split holds out, `values` what of it is held out."""

    train: list[Case] = field(default_factory=list)
    validation: list[Case] = field(default_factory=list)
    in_domain: list[Case] = field(default_factory=list)
    shifted: dict[str, list[Case]] = field(default_factory=dict)
    values: dict[str, list[str]] = field(default_factory=dict)


def divide(
    drafted: Sequence[Drafted],
    shifts: Sequence[str],
    alike: Mapping[str, str],
    *,
    share_documents: bool,
    seed: int,
) -> Division:
    """Divides cases that differ in their questions, the same for the same `seed`.

    Cases that share a document, or one that is `alike`, stay together, unless `share_documents`; cases without one go
    by their question. What a column of `shifts` holds out becomes a split of its own, and what shares documents with
    that is in-domain. Raises UnknownNameError for a column that there isn't, and InputError where nothing would be left
    to train on or to test.
    """
    groups = sorted(_groups(drafted, alike, share_documents), key=lambda group: _drawn(group, seed))
    division = Division()
    for column in shifts:
        rest = [item for group in groups for item in group]
        known = {name for item in drafted for name in item.columns}
        if column not in known:
            raise UnknownNameError("column", column, known, place="--shift")
        name = split_name(column)
        if name in division.values:
            raise InputError(f"--shift {column}: {name} holds something out already. Name each column once.")
        values = held_out(column, [item.columns.get(column, "") for item in rest], SHIFTED)
        kept = []
        for group in groups:
            out = [item.case for item in group if item.columns.get(column) in values]
            division.shifted.setdefault(name, []).extend(out)
            if out:
                division.in_domain += [item.case for item in group if item.columns.get(column) not in values]
            else:
                kept.append(group)
        division.values[name] = values
        groups = kept
    room = IN_DOMAIN * len(drafted) - len(division.in_domain)
    division.in_domain += _take(groups, room, needed=not division.in_domain)
    division.validation += _take(groups, VALIDATION * len(drafted), needed=False)
    division.train += [item.case for group in groups for item in group]
    if not division.train or not division.in_domain:
        raise InputError(
            f"the {len(drafted)} cases can't be divided into train and test: they share documents with one another, or "
            "with what is held out. Add documents, drop a --shift, or allow it with --share-documents."
        )
    return division


def split_name(column: str) -> str:
    """The name of the split that holds out values of `column`."""
    return f"shifted_{re.sub(r'[^A-Za-z0-9]+', '_', column).strip('_').lower() or 'column'}"[:100]


def _take(groups: list[Group], room: float, *, needed: bool) -> list[Case]:
    """Takes out of `groups` those that fit into `room`, all but one at most; the smallest if one is `needed`."""
    taken: list[int] = []
    for place, group in enumerate(groups):
        if len(group) <= room and len(taken) < len(groups) - 1:
            taken.append(place)
            room -= len(group)
    if not taken and needed and len(groups) > 1:
        taken = [min(range(len(groups)), key=lambda place: len(groups[place]))]
    return [item.case for place in reversed(taken) for item in groups.pop(place)]


def _groups(drafted: Sequence[Drafted], alike: Mapping[str, str], share_documents: bool) -> Iterable[Group]:
    """Cases that must stay together: those that are linked by documents."""
    leaders: dict[str, str] = {}

    def leader(name: str) -> str:
        while leaders.setdefault(name, name) != name:
            leaders[name] = name = leaders[leaders[name]]
        return name

    keys = []
    for item in drafted:
        documents = [f"document {alike[piece.document]}" for piece in item.case.evidence] or [
            f"name {name}" for name in item.named
        ]
        names = (not share_documents and documents) or [f"question {normal(item.case.question)}"]
        keys.append(names[0])
        for name in names[1:]:
            leaders[leader(name)] = leader(names[0])
    groups: defaultdict[str, Group] = defaultdict(list)
    for key, item in zip(keys, drafted, strict=True):
        groups[leader(key)].append(item)
    return groups.values()


def _drawn(group: Group, seed: int) -> str:
    """Where a group stands in the draw: the same wherever it stood in the file."""
    first = min(item.case.question for item in group)
    return hashlib.sha256(f"{seed}:{first}".encode()).hexdigest()
