import json
import math
import os
import subprocess
import sys
from pathlib import Path

import bm25s
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import InputError
from harness.retrieval import Passage
from harness.retrieval.sparse import (
    SparseIndex,
    build_sparse_index,
    load_sparse_index,
    save_sparse_index,
    search_sparse,
)
from harness.retrieval.words import words

NATURAL_QUESTIONS = Path(__file__).parents[2].parent / "shared" / "data" / "nq_oracle"
TEXTS = {
    "p1": "The lynx hunts hares in the snow.",
    "p2": "Snow falls on the harbour, and the harbour sleeps.",
    "p3": "A harbour town sells fish.",
    "p4": "東京の港に雪が降る。",
    "p5": "🙂",
}


def passages(texts: dict[str, str] = TEXTS) -> list[Passage]:
    return [Passage(name, text, "d") for name, text in texts.items()]


def found(index: SparseIndex, query: str, k: int = 5) -> list[str]:
    return [hit.passage for hit in search_sparse(index, [query], k)[0] if hit.score > 0]


def random_texts(count: int, seed: int = 0) -> dict[str, str]:
    """Texts of invented words, of which some are frequent and most are rare."""
    draw = np.random.default_rng(seed)
    lengths = draw.integers(1, 40, count)
    return {f"p{row:04}": " ".join(f"w{n}" for n in draw.zipf(1.3, length) % 999) for row, length in enumerate(lengths)}


def test_scores_by_the_formula() -> None:
    """A score is the sum over the query's words of Lucene's BM25, computed here from its definition.

    idf = ln(1 + (N - n + 0.5) / (n + 0.5)), times tf / (tf + k1 (1 - b + b length / mean length)).
    """
    texts = random_texts(50)
    split = {name: text.split() for name, text in texts.items()}
    mean = sum(map(len, split.values())) / len(split)
    query = ["w1", "w2", "w1", "w17", "nowhere"]

    def formula(name: str) -> float:
        total = 0.0
        for word in query:
            holding = sum(word in other for other in split.values())
            frequency = split[name].count(word)
            idf = math.log(1 + (len(split) - holding + 0.5) / (holding + 0.5))
            total += idf * frequency / (frequency + 1.5 * (0.25 + 0.75 * len(split[name]) / mean))
        return total

    hits = search_sparse(build_sparse_index(passages(texts)), [" ".join(query)], 50)[0]
    assert {hit.passage: hit.score for hit in hits} == pytest.approx({name: formula(name) for name in texts}, abs=1e-5)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_same_as_plain_bm25s() -> None:
    """Scores are those that plain calls of bm25s give for the same words, in the same order of the scores."""
    texts = random_texts(300)
    queries = list(random_texts(40, seed=1).values())
    plain = bm25s.BM25()
    plain.index([words(text, "english") for text in texts.values()], show_progress=False)
    _, expected = plain.retrieve([words(query, "english") for query in queries], k=20, show_progress=False)
    hits = search_sparse(build_sparse_index(passages(texts)), queries, 20)
    assert np.allclose([[hit.score for hit in row] for row in hits], expected, atol=1e-6, rtol=0)


@pytest.mark.skipif(not NATURAL_QUESTIONS.is_dir(), reason=f"the real text is not beside it ({NATURAL_QUESTIONS})")
def test_same_as_plain_bm25s_on_real_text() -> None:
    """On 2,600 passages of Wikipedia and real questions too, to the score of the hundredth hit."""
    corpus, asked = (
        [json.loads(line) for line in (NATURAL_QUESTIONS / name).read_text(encoding="utf-8").splitlines()]
        for name in ("corpus.jsonl", "test.jsonl")
    )
    queries = [row["question"] for row in asked[:200]]
    plain = bm25s.BM25()
    plain.index([words(f"{row['title']}\n{row['text']}", "english") for row in corpus], show_progress=False)
    _, expected = plain.retrieve([words(query, "english") for query in queries], k=100, show_progress=False)
    index = build_sparse_index([Passage(row["id"], row["text"], row["id"], row["title"]) for row in corpus])
    hits = search_sparse(index, queries, 100)
    assert np.allclose([[hit.score for hit in row] for row in hits], expected, atol=1e-5, rtol=0)


def test_equal_scores_by_id() -> None:
    """Equal passages come in the order of their ids, wherever they stand in the corpus and wherever k cuts."""
    texts = {f"p{number}": "snow" for number in (3, 1, 4, 2, 0)} | {"a": "other"}
    index = build_sparse_index(passages(texts))
    for k in range(1, 6):
        assert found(index, "snow", k) == [f"p{number}" for number in range(k)]


@pytest.mark.parametrize("query", ["", "unheard of", "🙂", "the of and", "\ud800\x00"])
def test_query_without_a_known_word(query: str) -> None:
    """A query that shares no word with the corpus gets the passages in the order of their ids, all scored 0."""
    hits = search_sparse(build_sparse_index(passages(dict(reversed(TEXTS.items())))), [query], 3)[0]
    assert hits == [("p1", 0.0), ("p2", 0.0), ("p3", 0.0)]


def test_corpus_without_a_word(recwarn: pytest.WarningsRecorder) -> None:
    """A corpus of which nothing is a word can be indexed, saved and searched; nothing is found in it."""
    index = build_sparse_index(passages({"b": "🙂", "a": "…"}))
    assert search_sparse(index, ["snow"], 2) == [[("a", 0.0), ("b", 0.0)]]
    assert not list(recwarn)


def test_finds_words_of_any_script() -> None:
    """Inflected words, titles and words of scripts without spaces are found."""
    index = build_sparse_index([*passages(), Passage("p6", "text", "d", title="Hares")])
    assert found(index, "hare hunting") == ["p1", "p6"]
    assert found(index, "雪") == ["p4"]


def test_language_none_does_not_stem() -> None:
    """Without a language a word is found only as it is written, stop words too."""
    index = build_sparse_index(passages(), language=None)
    assert found(index, "hare hunting") == []
    assert set(found(index, "the")) == {"p1", "p2"}


@given(st.lists(st.text(st.characters()), min_size=1, max_size=8), st.text(st.characters()), st.randoms())
@settings(max_examples=50, deadline=None)
def test_any_text_in_any_order(texts: list[str], query: str, random: object) -> None:
    """Whatever the texts, the hits are the same in whatever order the corpus comes."""
    corpus = passages({f"p{number}": text for number, text in enumerate(texts)})
    shuffled = list(corpus)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = (search_sparse(build_sparse_index(order), [query], 3)[0] for order in (corpus, shuffled))
    assert len(one) == min(3, len(texts))
    assert [hit.passage for hit in one] == [hit.passage for hit in other]


def test_among_some_rows() -> None:
    """Restricted to some rows, only these are found, with the scores that they have in the whole corpus."""
    texts = random_texts(100)
    index = build_sparse_index(passages(texts))
    among = np.arange(100) % 3 == 0
    allowed = {f"p{row:04}" for row in np.flatnonzero(among)}
    for query in random_texts(10, seed=2).values():
        everything = [hit for hit in search_sparse(index, [query], 100)[0] if hit.passage in allowed]
        assert search_sparse(index, [query], 7, among)[0] == everything[:7]


def test_all_passages_for_a_large_k() -> None:
    """All passages come back if there are no more than k, and a k below 1 is refused."""
    index = build_sparse_index(passages())
    assert len(search_sparse(index, ["snow"], 99)[0]) == len(TEXTS)
    with pytest.raises(InputError, match="0 passages"):
        search_sparse(index, ["snow"], 0)


def test_no_passages() -> None:
    """An index over nothing is refused."""
    with pytest.raises(InputError, match="no passages"):
        build_sparse_index([])


def test_saved_and_loaded(tmp_path: Path) -> None:
    """A loaded index gives the same hits, and holds arrays and JSON alone."""
    index = build_sparse_index(passages())
    save_sparse_index(index, tmp_path)
    queries = ["snow harbour", "雪", "nothing"]
    assert search_sparse(load_sparse_index(tmp_path, passages()), queries, 5) == search_sparse(index, queries, 5)
    for path in tmp_path.iterdir():
        if path.suffix == ".npy":
            np.load(path, allow_pickle=False)
        else:
            json.loads(path.read_bytes())


def test_same_files_in_every_process(tmp_path: Path) -> None:
    """What is saved doesn't depend on the process's hash seed."""
    code = (
        "import sys; from pathlib import Path; from harness.retrieval import Passage\n"
        "from harness.retrieval.sparse import build_sparse_index, save_sparse_index\n"
        f"texts = {TEXTS!r}\n"
        "save_sparse_index(build_sparse_index([Passage(n, t, 'd') for n, t in texts.items()]), Path(sys.argv[1]))"
    )
    saved = []
    for seed in ("1", "2"):
        folder = tmp_path / seed
        folder.mkdir()
        subprocess.run([sys.executable, "-c", code, folder], env={**os.environ, "PYTHONHASHSEED": seed}, check=True)
        saved.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert saved[0] == saved[1]


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "sparse.json").unlink(),
        lambda folder: (folder / "sparse.json").write_text('{"language": "klingon", "ids": ""}'),
        lambda folder: (folder / "vocab.index.json").write_text("{"),
        lambda folder: (folder / "params.index.json").write_text('{"surprise": 1}'),
        lambda folder: (folder / "data.csc.index.npy").unlink(),
        lambda folder: (folder / "data.csc.index.npy").write_bytes(b"\x80\x04."),
        lambda folder: np.save(folder / "data.csc.index.npy", np.array([{}]), allow_pickle=True),
        lambda folder: np.save(folder / "indices.csc.index.npy", np.zeros(3, np.int32)),
        lambda folder: np.save(folder / "indptr.csc.index.npy", np.zeros(3, np.int64)),
    ],
    ids=["none", "settings", "vocabulary", "parameters", "no array", "no numpy", "pickle", "fewer", "other words"],
)
def test_broken_index(change: object, tmp_path: Path) -> None:
    """An index of which a part is missing or doesn't fit is refused, and what is pickled is never loaded."""
    save_sparse_index(build_sparse_index(passages()), tmp_path)
    change(tmp_path)  # type: ignore[operator]
    with pytest.raises(InputError, match=r"(?s)BM25 index.*Build"):
        load_sparse_index(tmp_path, passages())


def test_index_of_other_passages(tmp_path: Path) -> None:
    """An index isn't taken for one of other passages, nor of the same in another order."""
    save_sparse_index(build_sparse_index(passages()), tmp_path)
    for others in (passages()[:-1], passages()[::-1]):
        with pytest.raises(InputError, match="other passages"):
            load_sparse_index(tmp_path, others)
