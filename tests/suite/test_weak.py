import pytest

from harness.suite import Document
from harness.suite.checks import normal
from harness.suite.weak import reworded, weak_cases


def cases(text: str) -> dict[str, str]:
    """Question and answer of every case that a document of that text makes."""
    made = weak_cases([Document(id="d", text=text)], 100, seed=0)
    assert all(case.weak and case.evidence[0].document == "d" for case in made)
    return {case.question: case.references[0] for case in made}


def test_the_last_name_number_or_word_is_asked_for() -> None:
    """What looks like an answer is left out: at the end `what?` takes its place, and a gap elsewhere."""
    text = "The Swan is led by Moss. The Swan was built in 1810 by hand. In the 12th year. The Swan is painted green"
    assert cases(text) == {
        "In the 12th what?": "year",
        "The Swan is led by what?": "Moss",
        "The Swan was built in ____ by hand.": "1810",
        "The Swan is painted what?": "green",
    }


@pytest.mark.parametrize("fence", ["```", "~~~"])
def test_code_makes_no_questions(fence: str) -> None:
    """What stands between fences is code, and what stands after them is text again."""
    code = f"{fence}python\nThe value of this is printed as 12.\n{fence}"
    document = Document(id="page", text=f"The Otter is at home in Brindle.\n\n{code}\n\nIt was built in 1912.")
    assert {case.references[0] for case in weak_cases([document], 9, seed=0)} == {"Brindle", "1912"}


def test_evidence_is_the_sentence() -> None:
    """The evidence of a question is the place of its sentence in the document, over line breaks and code."""
    text = "The Otter\nis at home in  Brindle. It is old and green.\n\n```\nIt is new.\n```\n\nIt was built in 1912."
    (found,) = [c for c in weak_cases([Document(id="p", text=text)], 9, seed=0) if c.references == ("Brindle",)]
    (piece,) = found.evidence
    assert text[piece.start : piece.end] == "The Otter\nis at home in  Brindle."
    (last,) = [c for c in weak_cases([Document(id="p", text=text)], 9, seed=0) if c.references == ("1912",)]
    assert text[last.evidence[0].start : last.evidence[0].end] == "It was built in 1912."


def test_headings_lists_and_long_sentences_make_no_questions() -> None:
    """Only sentences do: they end like one, have from 4 to 40 words and may go over lines."""
    text = (
        "# Ships of the old harbour\n\n- one of many items here\n- another one in the list\n\n"
        "The Swan\nis led by Moss.\n\n"
        f"{'very ' * 50}long it is here. Too short this.\n\nIs the Swan led by Moss?"
    )
    assert cases(text) == {"The Swan is led by what?": "Moss"}


def test_the_other_wording_asks_for_the_same() -> None:
    """A reworded case has another id and question, a gap in it, and the same answer and evidence."""
    for case in weak_cases([Document(id="d", text="The Swan is led by Moss. It came in 1810 by sea.")], 10, seed=0):
        other = reworded(case)
        assert other.question.startswith("What belongs into the gap? ")
        assert other.question.count("____") == 1
        assert other.id != case.id
        assert normal(other.question) != normal(case.question)
        assert (other.references, other.evidence, other.weak) == (case.references, case.evidence, True)
