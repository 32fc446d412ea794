import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.retrieval import Passage
from harness.retrieval.evidence import Coverage, Piece

# a document of 100 characters in four passages, of which neighbours share ten; and two short documents
SPANS = {"a1": (0, 30), "a2": (20, 60), "a3": (50, 80), "a4": (80, 100)}
CORPUS = [
    *(Passage(name, "x" * (end - start), "a", start=start, end=end) for name, (start, end) in SPANS.items()),
    *(Passage(f"{name}1", "x" * 50, name, start=0, end=50) for name in ("b", "c")),
]
COVERAGE = Coverage(CORPUS)


def test_names() -> None:
    """A piece is named by its document, and by its place if it is not all of it."""
    assert Piece("doc").name == "doc"
    assert Piece("doc", 370, 452).name == "doc:370-452"


@pytest.mark.parametrize(
    ("piece", "passages"),
    [
        (Piece("b"), ["b1"]),
        (Piece("a"), ["a1", "a2", "a3", "a4"]),
        (Piece("a", 3, 9), ["a1"]),
        (Piece("a", 0, 30), ["a1"]),
        (Piece("a", 22, 28), ["a1", "a2"]),
        (Piece("a", 10, 35), ["a1"]),
        (Piece("a", 10, 90), ["a2"]),
        (Piece("a", 75, 85), ["a3", "a4"]),
        (Piece("a", 99, 150), ["a4"]),
        (Piece("a", 100, 150), []),
        (Piece("nowhere"), []),
        (Piece("nowhere", 0, 5), []),
    ],
    ids=lambda value: value.name if isinstance(value, Piece) else "+".join(value) or "none",
)
def test_what_covers_a_piece(piece: Piece, passages: list[str]) -> None:
    """A document is covered by its passages, and a span by those that hold all of it, or else the most of it."""
    assert list(COVERAGE.covering(piece)) == passages


def test_gold_passages() -> None:
    """Gold are all that cover a piece, in the order of the corpus, but first one for each piece."""
    assert COVERAGE.gold([Piece("b"), Piece("a", 22, 28)]) == ("a1", "b1", "a2")
    assert COVERAGE.gold([Piece("c"), Piece("a")]) == ("a1", "c1", "a2", "a3", "a4")
    assert COVERAGE.gold([Piece("nowhere")]) == ()


def test_first_cover_bears_the_name() -> None:
    """The first passage that covers a piece bears its name; a later one, and one that covers none, its own id."""
    judged = COVERAGE.judge([Piece("a"), Piece("c")], ["b1", "a3", "a1", "c1"])
    assert set(judged.relevant) == {"a", "c"}
    assert judged.ranking == ("b1", "a", "a1", "c")


def test_pieces_that_one_passage_covers() -> None:
    """Two pieces in one passage are found with it: the ranking isn't asked for a second one."""
    judged = COVERAGE.judge([Piece("a", 1, 5), Piece("a", 8, 12)], ["a1", "b1"])
    assert judged == (("a:1-5",), ("a:1-5", "b1"), 1)


def test_piece_that_is_found_by_the_way() -> None:
    """A piece that every cover of another one covers too is left out, and counts neither way."""
    wide, narrow = Piece("a", 22, 28), Piece("a", 2, 6)  # a1 or a2; a1 alone
    assert COVERAGE.judge([wide, narrow], ["a1"]) == (("a:2-6",), ("a:2-6",), 1)
    assert COVERAGE.judge([narrow, Piece("a")], ["a4", "a1"]).relevant == ("a:2-6",)


def test_all_pieces_are_held_by_passages_whatever_names_they_bear() -> None:
    """How many passages hold all evidence goes by what they cover, and one passage can hold two pieces."""
    left, right = Piece("a", 22, 28), Piece("a", 52, 58)  # a1 or a2; a2 or a3
    assert COVERAGE.judge([left, right], ["b1", "a2"]).complete_after == 2
    assert COVERAGE.judge([left, right], ["a1", "b1", "a3"]).complete_after == 3
    assert COVERAGE.judge([left, right], ["a1", "b1"]).complete_after is None
    assert COVERAGE.judge([left, Piece("nowhere")], ["a1", "a2", "a3", "b1"]).complete_after is None


def test_alternatives_are_one_piece() -> None:
    """Where any piece will do they are one, found with whatever covers any of them, and found only once."""
    narrow, wide = Piece("a", 2, 6), Piece("a", 22, 28)  # a1 alone; a1 or a2
    judged = COVERAGE.judge([narrow, wide], ["b1", "a2", "a1"], any_will_do=True)
    assert judged == (("a:2-6",), ("b1", "a:2-6", "a1"), 2)
    assert COVERAGE.judge([], ["b1"], any_will_do=True).relevant == ()


def test_passages_that_tell_a_part() -> None:
    """A passage touches a span if it holds any character of it, and a document if it is of it."""
    across = Piece("a", 15, 45)
    for piece in (across, Piece("a")):
        touching = COVERAGE.touching([piece])
        assert set(COVERAGE.covering(piece)) <= touching
        assert "b1" not in touching
    assert len(COVERAGE.touching([across])) > len(COVERAGE.covering(across))


def test_hardest_piece_is_borne_first() -> None:
    """A passage that covers two pieces bears the one that fewer passages cover, so that others can bear the other."""
    three, two = Piece("a"), Piece("b")
    assert COVERAGE.judge([three, two], ["b1", "a2"]).ranking == ("b", "a")
    left, right = Piece("a", 22, 28), Piece("a", 52, 58)  # a1 or a2; a2 or a3
    judged = COVERAGE.judge([left, right], ["a2", "a3"])
    assert judged.relevant == ("a:22-28", "a:52-58")
    assert judged.ranking == ("a:22-28", "a:52-58")


def test_piece_that_is_not_there() -> None:
    """What nothing covers stays to be found, so that every ranking misses it."""
    judged = COVERAGE.judge([Piece("nowhere"), Piece("b")], ["b1"])
    assert set(judged.relevant) == {"nowhere", "b"}
    assert judged.ranking == ("b",)


PIECES = st.lists(
    st.one_of(
        st.sampled_from("abc").map(Piece),
        st.tuples(st.integers(0, 99), st.integers(1, 99)).map(lambda pair: Piece("a", pair[0], pair[0] + pair[1])),
    ),
    min_size=1,
    max_size=5,
)


@given(PIECES, st.permutations([passage.id for passage in CORPUS]))
def test_any_pieces_and_ranking(pieces: list[Piece], ranking: list[str]) -> None:
    """No name comes twice, every passage keeps its place, and a ranking of the whole corpus finds a piece it can."""
    judged = COVERAGE.judge(pieces, ranking)
    assert len(set(judged.ranking)) == len(ranking)
    assert set(judged.relevant) <= {piece.name for piece in pieces}
    borne = [name for name in judged.ranking if name in judged.relevant]
    assert borne
    assert all(name == passage or name in borne for name, passage in zip(judged.ranking, ranking, strict=True))


@given(PIECES)
def test_gold_passages_find_everything(pieces: list[Piece]) -> None:
    """As many gold passages as there are pieces cover every piece."""
    first = set(COVERAGE.gold(pieces)[: len(pieces)])
    assert all(first & set(COVERAGE.covering(piece)) for piece in pieces)
