"""Where the time went: every moment counts for one stage, the innermost."""

from hypothesis import given
from hypothesis import strategies as st

from harness.runs import Span, in_order, seconds_by_stage


def test_nested_spans_are_not_counted_twice():
    """What is done inside another stage's span is the inner one's time; gaps are `other`."""
    spans = [Span("retrieval", 1, 9), Span("loading", 2, 3), Span("retrieval", 4, 6), Span("scoring", 10, 11)]
    assert seconds_by_stage(spans, 0, 12) == {"retrieval": 7, "loading": 1, "scoring": 1, "other": 3}


def test_what_lies_outside_is_left_out():
    """Only the time between begin and end counts."""
    assert seconds_by_stage([Span("training", -5, 2), Span("training", 3, 30)], 0, 4) == {"training": 3, "other": 1}


def test_overlapping_spans_count_for_the_later_one():
    """Two workers at once take the time once."""
    assert seconds_by_stage([Span("a", 0, 4), Span("b", 2, 6)], 0, 6) == {"a": 2, "b": 4, "other": 0}


lists_of_spans = st.lists(
    st.builds(
        lambda stage, begun, length: Span(stage, begun, begun + length),
        st.sampled_from("abc"),
        st.integers(0, 12),
        st.integers(0, 9),
    ),
    max_size=12,
    unique_by=lambda span: span.begun,  # of two that begin at once either may have the time
)


@given(lists_of_spans)
def test_the_seconds_add_up_and_agree_with_asking_each_moment(spans):
    """The sum is the whole time; a clock that asks each second who began last finds the same."""
    ticks = dict.fromkeys([*"abc", "other"], 0)
    for tick in range(10):
        running = [span for span in spans if span.begun <= tick < span.ended]
        ticks[max(running, key=lambda span: span.begun).stage if running else "other"] += 1
    spent = seconds_by_stage(spans, 0, 10)
    assert {stage: spent.get(stage, 0) for stage in ticks} == ticks
    assert sum(spent.values()) == 10


def test_stages_come_in_their_order_and_other_last():
    """Known stages first, then those nobody has listed, then what no stage explains."""
    assert list(in_order({"other": 1, "new": 2, "training": 3}, ["retrieval", "training"])) == [
        "training",
        "new",
        "other",
    ]
