import json
import re
from xml.etree import ElementTree

import pytest

from harness.comparison import BreakEven, Mean, Trial
from harness.reporting.charts import DARK, LIGHT, figures, svg
from harness.reporting.charts.break_even import break_even
from harness.reporting.charts.scores import scores

IN_ORDER = ["scores", "alpha-path", "forgetting", "cost", "break-even", "errors", "retrieval"]


@pytest.fixture(scope="module")
def drawn(full):
    """All charts by name."""
    return {figure.name: figure for figure in figures(full)}


@pytest.fixture(scope="module")
def texts(drawn):
    """All charts as SVG, by name and palette."""
    return {(name, palette): svg(figure, palette) for name, figure in drawn.items() for palette in ("page", "plain")}


def test_charts_stand_in_the_order_of_the_report(drawn):
    """Scores first, retrieval last; no chart of tuning, since nothing was tuned."""
    assert list(drawn) == IN_ORDER


def test_without_data_there_is_no_chart(world):
    """A run of one variant, with nothing to hold against anything, has its scores and no other chart."""
    alone = world.compare(world.rows({"base/zero-shot": {"in_domain": world.hits(50)}}))
    nothing = alone.model_copy(update={"cells": [], "pairs": []})
    assert [figure.name for figure in figures(alone)] == ["scores"]
    assert figures(nothing) == []


def test_charts_of_tuning_are_drawn_where_something_was_tuned(full):
    """What was learnt and what was kept are curves over the learning rate."""
    trials = [
        Trial(
            recipe="lora",
            number=number,
            settings={},
            learning_rate=10.0**-number,
            epochs=1,
            validation=Mean(value=0.5, low=0.4, high=0.6),
            retention=Mean(value=0.7, low=0.6, high=0.8),
        )
        for number in (2, 3, 4)
    ]
    (found,) = [one for one in figures(full.model_copy(update={"trials": trials})) if one.name == "tuning"]
    assert [row[1] for row in found.rows] == ["0.0001", "0.001", "0.01"]
    assert ">learnt</text>" in svg(found, "plain")
    assert ">kept</text>" in svg(found, "plain")


@pytest.mark.parametrize("name", IN_ORDER)
def test_a_chart_is_one_whole_image(drawn, texts, name):
    """It is well-formed, told in one sentence to who can't see it, and loads nothing from anywhere."""
    for palette in ("page", "plain"):
        text = texts[name, palette]
        root = ElementTree.fromstring(text)
        assert root.get("role") == "img"
        assert root.get("aria-label") == drawn[name].summary
        assert not re.search(r"<(script|image|style|foreignObject)|href=", text)
        assert not re.search(r'role="graphics', text)


@pytest.mark.parametrize("name", IN_ORDER)
def test_the_table_of_a_chart_is_whole(drawn, name):
    """Every row has a cell for each heading, and the summary and all cells are single lines of text."""
    figure = drawn[name]
    assert figure.rows
    assert {len(row) for row in figure.rows} == {len(figure.headings)}
    assert not any("\n" in cell for row in [*figure.rows, [figure.summary]] for cell in row)


def test_the_same_comparison_gives_the_same_bytes(full, drawn, texts):
    """Specification and drawing don't depend on what was drawn before."""
    again = {figure.name: figure for figure in figures(full)}
    assert json.dumps([one.spec for one in drawn.values()]) == json.dumps([one.spec for one in again.values()])
    assert svg(again["cost"], "plain") == texts["cost", "plain"]


@pytest.mark.parametrize("name", IN_ORDER)
def test_on_a_page_every_colour_is_a_variable(texts, name):
    """No colour is fixed, so that the chart follows light and dark; in a file all are, on white."""
    page, plain = texts[name, "page"], texts[name, "plain"]
    colours = r'(?:fill|stroke)="([^"]+)"'
    assert {colour for colour in re.findall(colours, page) if not colour.startswith("var(--")} <= {
        "none",
        "transparent",
    }
    assert "var(" not in plain
    assert f'fill="{LIGHT["paper"]}"' in plain.partition("<g")[0]


def test_charts_of_one_page_share_no_identifier(texts):
    """Clip paths and the like are named after their chart."""
    pages = [text for (_, palette), text in texts.items() if palette == "page"]
    identifiers = [identifier for text in pages for identifier in re.findall(r' id="([^"]+)"', text)]
    assert len(identifiers) == len(set(identifiers)) > 0


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_text_has_contrast(palette):
    """Every colour that text may have keeps 4.5 to 1 with what it stands on (WCAG 2.1, 1.4.3)."""
    on_paper = [palette[role] for role in ("ink", "muted", "blue", "orange", "teal")]
    assert all(contrast(colour, palette["paper"]) >= 4.5 for colour in on_paper)
    assert all(contrast(palette["ink"], palette[role]) >= 4.5 for role in ("line", "blue-soft", "orange-soft"))


def contrast(first: str, second: str) -> float:
    lighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_hostile_names_are_text(world):
    """Markup, expressions, control characters and right-to-left marks in names end up as text or as `?`."""
    right = {
        "<script>alert(1)</script>/zero-shot": {"a'b\"\\": world.hits(50)},
        "]]>&amp;\x00\u202e/zero-shot": {"a'b\"\\": world.hits(20)},
    }
    text = svg(scores(world.compare(world.rows(right))), "page")
    ElementTree.fromstring(text)
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;/zero-shot" in text
    assert "]]&gt;&amp;amp;??/zero-shot" in text


def test_a_tie_and_what_cannot_be_told_are_two_things(full):
    """Only a shown tie has its mark in the heat map; the table says both in words."""
    pair = next(pair for pair in full.pairs if pair.b == "base/zero-shot")
    verdicts = {}
    for verdict in ("tie", "unknown"):
        changed = full.model_copy(update={"pairs": [pair.model_copy(update={"verdict": verdict})]})
        figure = scores(changed)
        verdicts[verdict] = next(row[6] for row in figure.rows if row[:2] == [pair.a, pair.split])
        assert (" =</text>" in svg(figure, "plain")) == (verdict == "tie")
    assert verdicts == {"tie": "equal within the margin", "unknown": "cannot tell"}


def test_the_frontier_is_told_in_words(drawn):
    """The summary names who is on the frontier, from the cheapest on, and the table says it of each."""
    assert drawn["cost"].summary.endswith("beats in both: base/zero-shot, full@0.75/zero-shot and lora/rag-3.")
    assert [row[0] for row in drawn["cost"].rows if row[3] == "yes"] == [
        "base/zero-shot",
        "lora/rag-3",
        "full@0.75/zero-shot",
    ]


@pytest.mark.parametrize(
    ("tuned", "retrieving"),
    [((1, 100), (3, 10)), ((3, 10), (1, 100)), ((1, 10), (3, 100)), ((3, 100), (1, 10)), ((1, 0), (1, 5))],
)
def test_each_region_of_the_map_is_the_cheaper_ones(full, tuned, retrieving):
    """Within every area of the map, what it is named after costs no more than the other one."""
    pair = BreakEven(
        retrieving="base/rag-3",
        tuned="lora/zero-shot",
        unit="USD",
        retrieving_query=retrieving[0],
        retrieving_update=retrieving[1],
        tuned_query=tuned[0],
        tuned_update=tuned[1],
        equal_quality=True,
    )
    figure = break_even(full.model_copy(update={"break_even": [pair]}))
    (rows,) = figure.spec["datasets"].values()
    areas = [row for row in rows if row["part"] == "area" and row["least"] < row["updates"]]
    assert areas
    for row in areas:
        for updates in (row["least"], (row["least"] * row["updates"]) ** 0.5, row["updates"]):
            month = {
                "fine-tuning": row["queries"] * tuned[0] + updates * tuned[1],
                "retrieval": row["queries"] * retrieving[0] + updates * retrieving[1],
            }
            assert month[row["wins"]] <= min(month.values()) * (1 + 1e-9)


def test_the_retrieval_chart_counts_what_it_shows(drawn):
    """Its sentence names the measures that are drawn, and one context is not told as several."""
    found = drawn["retrieval"]
    contexts, splits = ({row[column] for row in found.rows} for column in (0, 1))
    assert f" of {len(contexts)} context{'' if len(contexts) == 1 else 's'} on {len(splits)} split" in found.summary
    assert all(row[2] in found.summary for row in found.rows)
