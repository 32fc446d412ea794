"""Which answers are labels, how they are distributed, and what a constant answer would score. Pure functions."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from math import pi, sqrt
from typing import NamedTuple

from harness.suite.checks import normal
from harness.suite.records import Case, Split

MOST_LABELS = 20
CASES_A_LABEL = 5  # fewer cases a distinct answer, and the answers are taken for free text


def labels(split: Split) -> list[str] | None:
    """The label of each case of `split`; None where the answers are free text.

    With the same few lists of choices in all cases the label is the right choice, and else its place among them.
    Without choices answers count as labels where there are at most 20 different ones, for five times as many cases.
    """
    by_list = _has_few_lists(split)
    found = [_label(case, by_list) for case in split.cases]
    different = len(set(found))
    if split.chooses or (different <= MOST_LABELS and len(found) >= CASES_A_LABEL * different):
        return found
    return None


def comparable_labels(train: Sequence[Case], split: Split) -> tuple[list[str], list[str]]:
    """The labels of those cases of `train` and of `split` that choose alike: from the same lists, or from as many.

    Where places are compared, lists that are labels in `train` don't count: another of its tasks has those.
    """
    by_list = _has_few_lists(split)
    lists = Counter(frozenset(case.choices) for case in train)
    alike = [case for case in train if by_list or lists[frozenset(case.choices)] < CASES_A_LABEL]
    kinds = {_kind(case, by_list) for case in alike} & {_kind(case, by_list) for case in split.cases}
    trained, tested = (
        [_label(case, by_list) for case in cases if _kind(case, by_list) in kinds] for cases in (alike, split.cases)
    )
    return trained, tested


def majority(split: Split) -> float | None:
    """What always giving the most frequent label scores, a label for each kind of choice; None for free text."""
    if labels(split) is None:
        return None
    by_list = _has_few_lists(split)
    counts: defaultdict[frozenset[str] | int, Counter[str]] = defaultdict(Counter)
    for case in split.cases:
        counts[_kind(case, by_list)][_label(case, by_list)] += 1
    return sum(max(count.values()) for count in counts.values()) / len(split.cases)


class Imbalance(NamedTuple):
    """How unlike the labels of train and of a test split are; all shares go from 0 to 1.

    `distance` is the total variation distance, `chance` what chance alone would make of it, `label` the one whose
    shares `in_train` and `in_test` differ most.
    """

    distance: float
    chance: float
    label: str
    in_train: float
    in_test: float


def imbalance(train: Sequence[str], test: Sequence[str]) -> Imbalance:
    """Compares the labels of two lists, neither of them empty.

    By chance two lists from one distribution differ in a label's share p by √(2/π) √(p(1-p)(1/n + 1/m)) on average,
    by the normal approximation of the two shares.
    """
    ours, theirs, both = Counter(train), Counter(test), Counter([*train, *test])
    shares = {label: (ours[label] / len(train), theirs[label] / len(test)) for label in sorted(both)}
    distance = sum(abs(a - b) for a, b in shares.values()) / 2
    pooled = [count / both.total() for count in both.values()]
    spread = sqrt(1 / len(train) + 1 / len(test))
    chance = sum(sqrt(2 / pi * share * (1 - share)) for share in pooled) * spread / 2
    label, (in_train, in_test) = max(shares.items(), key=lambda item: abs(item[1][0] - item[1][1]))
    return Imbalance(distance, chance, label, in_train, in_test)


def _has_few_lists(split: Split) -> bool:
    lists = len({frozenset(case.choices) for case in split.cases})
    return lists == 1 or len(split.cases) >= CASES_A_LABEL * lists


def _kind(case: Case, by_list: bool) -> frozenset[str] | int:
    return frozenset(case.choices) if by_list else len(case.choices)


def _label(case: Case, by_list: bool) -> str:
    if not case.choices:
        return normal(case.references[0])
    if by_list:
        return case.references[0]
    return f"choice {case.choices.index(case.references[0]) + 1} of {len(case.choices)}"
