"""Where the names of points go, so that none covers another. Geometry in pixels; knows nothing of charts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

_CHARACTER = 5.7  # pixels that a character of 11 pixels takes on average, rather more than less
_LINE = 13.0  # pixels from line to line
_GAP = 7.0  # pixels between a point and its name
_SLIGHT = 150.0  # square pixels, about a tenth of a name
_RINGS = 7  # how far from its point a name may go, in lines
_SIDES: tuple[tuple[int, Literal["left", "right"]], ...] = ((1, "left"), (-1, "right"))  # where, and aligned how

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Label:
    """Where a name goes: its middle line at `y` begins, is centred or ends at `x`, in pixels from the upper left.

    One that is `far` needs a line to its point.
    """

    text: str
    x: float
    y: float
    align: Literal["left", "center", "right"]
    far: bool = False

    @property
    def box(self) -> Box:
        """Left, top, right and bottom."""
        wide = _CHARACTER * len(self.text)
        left = self.x - {"left": 0.0, "center": wide / 2, "right": wide}[self.align]
        return left, self.y - _LINE / 2, left + wide, self.y + _LINE / 2


def place(points: Sequence[tuple[float, float]], texts: Sequence[str], width: float, height: float) -> list[Label]:
    """One label for each of `points`, given in pixels within `width` by `height`, in the same order.

    From the highest point down, each takes the nearest place that covers no point and no label before it; where there
    is none, the one that covers the least. Points that stand in a stack get their labels as a column beside it, where
    that covers next to nothing.
    """
    taken: list[Box] = [(x - 5, y - 5, x + 5, y + 5) for x, y in points]
    labels: dict[int, Label] = {}

    def covered(option: Sequence[Label]) -> float:
        return sum(_covered(label.box, taken, width, height) for label in option)

    def take(numbers: Sequence[int], option: Sequence[Label]) -> None:
        taken.extend(label.box for label in option)
        labels.update(zip(numbers, option, strict=True))

    for stack in _stacks(points):
        columns = _columns([points[number] for number in stack], [texts[number] for number in stack], height)
        best = min(columns, key=covered)
        if len(stack) > 1 and covered(best) < _SLIGHT:
            take(stack, best)
            continue
        for number in stack:
            take([number], min(([label] for label in _candidates(*points[number], texts[number])), key=covered))
    return [labels[number] for number in range(len(points))]


def _stacks(points: Sequence[tuple[float, float]]) -> list[list[int]]:
    """The numbers of points that stand so close above one another that their names would touch, from the top."""
    stacks: list[list[int]] = []
    for number in sorted(range(len(points)), key=lambda number: (points[number][1], number)):
        x, y = points[number]
        above = (s for s in stacks if abs(points[s[-1]][0] - x) <= _GAP and y - points[s[-1]][1] <= 2 * _LINE)
        stack = next(above, None)
        if stack is None:
            stacks.append([number])
        else:
            stack.append(number)
    return stacks


def _columns(points: Sequence[tuple[float, float]], texts: Sequence[str], height: float) -> list[list[Label]]:
    """The names of a stack from its top down, to its right and to its left, a line apart and about as high as it."""
    ys = [points[0][1]]
    for _, y in points[1:]:
        ys.append(max(y, ys[-1] + _LINE))
    up = sum(ys) / len(ys) - sum(y for _, y in points) / len(points)
    up = min(max(up, ys[-1] + _LINE / 2 - height), ys[0] - _LINE / 2)
    return [
        [
            Label(text, x + side * 2 * _GAP, y - up, align, far=True)
            for (x, _), y, text in zip(points, ys, texts, strict=True)
        ]
        for side, align in _SIDES
    ]


def _candidates(x: float, y: float, text: str) -> list[Label]:
    """Right, left, above and below of the point, then further and further away."""
    near = [
        Label(text, x + _GAP, y, "left"),
        Label(text, x - _GAP, y, "right"),
        Label(text, x, y - _LINE, "center"),
        Label(text, x, y + _LINE, "center"),
    ]
    far = [
        Label(text, x + side * 2 * _GAP, y + up * ring * _LINE, align, far=True)
        for ring in range(1, _RINGS + 1)
        for up in (-1, 1)
        for side, align in _SIDES
    ]
    return near + far


def _covered(box: Box, taken: Sequence[Box], width: float, height: float) -> float:
    """Square pixels of `box` that lie over others or outside."""
    left, top, right, bottom = box
    outside = (max(0, -left) + max(0, right - width)) * _LINE + (max(0, -top) + max(0, bottom - height)) * 100
    return outside + sum(
        max(0.0, min(right, other[2]) - max(left, other[0])) * max(0.0, min(bottom, other[3]) - max(top, other[1]))
        for other in taken
    )
