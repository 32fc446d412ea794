import pytest

from harness.retrieval.borders import HEADING, borders


@pytest.mark.parametrize("fence", ["```", "~~~"])
def test_code_has_no_headings(fence: str) -> None:
    """A comment between fences is no heading, a heading after them is, and an open fence goes on to the end."""
    text = f"Text.\n\n{fence}sh\n# a comment\n{fence}\n\n# A heading\n\n{fence}\n# another comment\n"
    levels = borders(text)
    assert levels[text.index("# A heading")] == HEADING
    assert levels[text.index("# a comment")] < HEADING
    assert levels[text.index("# another comment")] < HEADING


def test_another_fence_does_not_close() -> None:
    """Tildes within backticks are code."""
    text = "```\n~~~\n# a comment\n```\n# A heading\n"
    levels = borders(text)
    assert levels[text.index("# a comment")] < HEADING
    assert levels[text.index("# A heading")] == HEADING
