"""How many cases of each suite an epoch takes, and which: mixing by temperature. Knows nothing of what a case is."""

from collections.abc import Sequence
from random import Random
from typing import TypeVar

Item = TypeVar("Item")


def mix(groups: Sequence[Sequence[Item]], temperature: float, *, seed: int) -> list[Item]:
    """As many items as there are in all `groups`, each group with a share proportional to `size ** (1 / temperature)`.

    A group that gets more places than it has items gives all of them as often as they fit, and a part drawn by `seed`;
    so does one that gets fewer. At temperature 1 every item comes once. Source: Raffel et al. 2020, arXiv:1910.10683,
    section 3.5.2.
    """
    sizes = [len(group) ** (1 / temperature) for group in groups]
    total = sum(len(group) for group in groups)
    mixed: list[Item] = []
    for number, (group, places) in enumerate(zip(groups, shares(sizes, total), strict=True)):
        whole, rest = divmod(places, len(group)) if group else (0, 0)
        mixed += [*group] * whole + Random(f"{seed}/{number}").sample(list(group), rest)
    return mixed


def shares(sizes: Sequence[float], total: int) -> list[int]:
    """`total` divided in proportion to `sizes`, in whole numbers that sum to it (largest remainders get the rest)."""
    exact = [total * size / sum(sizes) for size in sizes] if total else [0.0] * len(sizes)
    counts = [int(part) for part in exact]
    by_remainder = sorted(range(len(sizes)), key=lambda place: counts[place] - exact[place])
    for place in by_remainder[: total - sum(counts)]:
        counts[place] += 1
    return counts
