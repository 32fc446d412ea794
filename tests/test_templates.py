import pytest

from harness._templates import FILTERS, ROW_FILTERS, render, wanted_values
from harness.errors import InputError


def test_wanted_values() -> None:
    """The values that a template wants are named, those of its conditions too."""
    assert wanted_values("{% if title %}{{ title }}: {% endif %}{{ text | trim }}") == {"title", "text"}


@pytest.mark.parametrize(
    ("template", "rendered"),
    [
        ("{{ answer | after('####') | replace(',', '') | trim }}", "1200"),
        ("{{ facts | join(' ') }}", "one two"),
        ("{{ name | replace('_', ' ') }}", "card arrival"),
    ],
)
def test_filters_of_rows(template: str, rendered: str) -> None:
    """What follows a mark, a list as one text, and another sign for one are to be had of a row."""
    values = {"answer": "3 * 400 = <<1,200>>\n#### 1,200", "facts": ["one", "two"], "name": "card_arrival"}
    assert wanted_values(template, ROW_FILTERS) <= set(values)
    assert render(template, values) == rendered


@pytest.mark.parametrize("name", sorted(set(ROW_FILTERS) - set(FILTERS)))
def test_prompts_have_fewer_filters(name: str) -> None:
    """A filter that is meant for rows is refused where it isn't asked for."""
    with pytest.raises(InputError, match=f"uses the filter '{name}'"):
        wanted_values(f"{{{{ text | {name} }}}}")


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("{{ text | replace('a', 'aa') }}", "which is longer"),
        ("{{ text | replace('', '') }}", "which is longer"),
        ("{{ text | join('aa') }}", "only a list can be joined"),
        ("{{ texts | join(',') | join(',') }}", "only a list can be joined"),
        ("{{ text | after('####') }}", "there is no '####' in the text"),
        ("{{ text | after('') }}", "there is no '' in the text"),
        ("{{ text | replace('a') }}", "missing 1 required positional argument"),
        ("{{ texts }}", "a list or mapping is no text"),
    ],
)
def test_filters_that_refuse(template: str, told: str) -> None:
    """A filter that would make texts grow, or that finds nothing to cut at, is an error with its reason."""
    wanted_values(template, ROW_FILTERS)
    with pytest.raises(InputError, match=told):
        render(template, {"text": "banana", "texts": ["a", "b"]})


def test_filters_take_plain_texts_only() -> None:
    """A filter's argument can't be computed, by which a short template could make a long text."""
    with pytest.raises(InputError, match="gives the filter 'join' a value"):
        wanted_values("{{ texts | join(texts | join(text)) }}", ROW_FILTERS)


def test_truth_is_written_as_in_the_data() -> None:
    """A truth value in a template reads as it does in JSON and in a plain field."""
    assert render("{{ right }}", {"right": True}) == "true"
