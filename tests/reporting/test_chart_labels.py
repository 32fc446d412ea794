import itertools

import pytest

from harness.reporting.charts.labels import place


def overlap(one, other) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


@pytest.mark.parametrize(
    "points",
    [
        [(60.0 + 200 * (number % 3), 20.0 + 24 * number) for number in range(15)],
        [(40.0, 30.0 + 8 * number) for number in range(15)],
        [(40.0 + 3 * (number % 2), 180.0) for number in range(15)],
    ],
    ids=["spread", "a stack", "one place"],
)
def test_fifteen_names_cover_neither_one_another_nor_the_edge(points):
    """Fifteen names of points in a row, above one another and all in one place can all be read."""
    boxes = [label.box for label in place(points, [f"recipe-{number}/rag-3" for number in range(15)], 580, 360)]
    assert not any(overlap(one, other) for one, other in itertools.combinations(boxes, 2))
    assert all(left >= 0 and top >= 0 and right <= 580 and bottom <= 360 for left, top, right, bottom in boxes)


def test_a_lonely_point_has_its_name_at_its_right():
    """No line is needed where there is room."""
    (label,) = place([(100.0, 100.0)], ["base/zero-shot"], 580, 360)
    assert (label.align, label.y, label.far) == ("left", 100.0, False)
    assert label.x > 100
