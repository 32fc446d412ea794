import pytest

from harness.errors import InputError
from harness.prompting import Wording


def test_renders() -> None:
    """Templates fill in their values and keep their trailing white space."""
    wording = Wording("", "{% if title %}{{ title }}: {% endif %}{{ text | trim }}\n", "Q: {{ question }}\nA:")
    assert wording.render_passage(" salt ", "Cargo") == "Cargo: salt\n"
    assert wording.render_passage("salt") == "salt\n"
    assert wording.render_question("Who?") == "Q: Who?\nA:"


def test_values_are_not_templates() -> None:
    """Template syntax and HTML in a passage or a question are text, left as they are."""
    wording = Wording("", "{{ text }}", "{{ question }}")
    hostile = "{{ 7 * 7 }} {% raw %} <b>&amp;</b> {# x #}"
    assert wording.render_passage(hostile) == hostile
    assert wording.render_question(hostile) == hostile


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ text['__class__'] }}",
        "{{ '{0.__class__}'.format(text) }}",
        "{{ text | attr('__class__') }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ self }}",
        "{% include '/etc/passwd' %}",
        "{% for i in range(99999) %}{% for j in range(99999) %}x{% endfor %}{% endfor %}",
        "{{ 'x' * 99999999999 }}",
        "{{ 9 ** 9 ** 9 ** 9 }}",
        "{{ '%99999999999d' % 1 }}",
        "{{ text | center(99999999999) }}",
        "{{ lipsum(n=99999) }}",
        "{% set a = text ~ text %}{{ a }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{{ " + "(" * 5000 + "text" + ")" * 5000 + " }}",
        "{{ 1 / 0 }}",
        "{{ text",
        "{% if text %}",
        "{{ text | shout }}",
        "{{ body }}",
        "{{ text | upper(1, 2) }}",
    ],
)
def test_hostile_templates(template: str) -> None:
    """A template that reaches out, loops, grows without bound, or is broken is an InputError that names it."""
    with pytest.raises(InputError, match="the prompt template 'passage' can't be used"):
        Wording("", template, "{{ question }}").render_passage("salt")


def test_unknown_value() -> None:
    """A value that a template wants and isn't given is told when the wording is made, before anything is rendered."""
    with pytest.raises(InputError, match="it wants body, which it isn't given"):
        Wording("", "{% if title %}{{ body }}{% endif %}", "{{ question }}")


def test_both_templates_told() -> None:
    """Mistakes in both templates are told at once."""
    with pytest.raises(InputError, match=r"(?s)'passage'.*'question'"):
        Wording("", "{{ txt }}", "{{ question")
