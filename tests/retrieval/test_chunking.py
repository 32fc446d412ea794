from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from harness.errors import InputError
from harness.retrieval import Passage
from harness.retrieval.chunking import chunk
from harness.retrieval.settings import ChunkSettings
from harness.retrieval.tokens import token_lengths, token_starts

SENTENCE = "The engineer crossed the old bridge before the winter. "
PARTS = [
    *("word ", "Two words. ", SENTENCE, "(Quoted.)\n", "\n\n", " ", "\t", "-- ", "...", "3.14 ", "é"),
    *("\n# A heading\n\n", "Under\n===\n", "\n\n2.1 Part\n\n"),
    *("unbelievably" * 4, "x" * 120, "雪が降る。", "🙂", "\x00", "\u2028", "\ud800"),
]
TEXTS = st.lists(st.sampled_from(PARTS) | st.text(max_size=12), max_size=60).map("".join)


def document(text: str, title: str = "", name: str = "d") -> Passage:
    return Passage(name, text, name, title, metadata={"source": "made up"})


@pytest.fixture(scope="session")
def byte_level(minilm: Any) -> SentenceTransformer:
    """An embedder whose tokens hold the space before a word, and several of which stand for one character."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)  # type: ignore[assignment]
    tokenizer.decoder = decoders.ByteLevel()  # type: ignore[assignment]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator([SENTENCE * 9], trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet))
    model = SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=8)])
    model.tokenizer = PreTrainedTokenizerFast(tokenizer_object=tokenizer)
    return model


@pytest.fixture(scope="session")
def untold() -> SentenceTransformer:
    """An embedder whose tokenizer is none of transformers'."""
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    return SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=8)])


def check(model: Any, text: str, title: str, tokens: int, overlap: int) -> None:
    passages = chunk([document(text, title)], model, ChunkSettings(tokens=tokens, overlap=overlap))
    covered = bytearray(len(text))
    for passage in passages:
        assert passage.text == text[passage.start : passage.end] == passage.text.strip() != ""
        covered[passage.start : passage.end] = b"\1" * (passage.end - passage.start)
    assert all(character.isspace() for character, seen in zip(text, covered, strict=True) if not seen)
    bounds = [(passage.start, passage.end) for passage in passages]
    assert bounds == sorted(bounds)
    assert [end for _, end in bounds] == sorted({end for _, end in bounds})
    assert len({start for start, _ in bounds}) == len(bounds)  # none lies within its neighbour
    lengths = token_lengths(model, [passage.searched_text for passage in passages])
    assert all(length <= tokens or len(p.text) == 1 for length, p in zip(lengths, passages, strict=True))
    (starts,) = token_starts(model, [text])
    for before, after in pairwise(bounds):
        assert ((starts >= after[0]) & (starts < before[1])).sum() <= overlap
    assert len({passage.id for passage in passages}) == len(passages)


@settings(deadline=None, max_examples=100)
@given(
    text=TEXTS, title=st.sampled_from(["", "A title"]), tokens=st.integers(16, 60), share=st.sampled_from([0, 0.2, 0.5])
)
def test_nothing_is_lost(minilm: Any, text: str, title: str, tokens: int, share: float) -> None:
    """Passages are spans of their document, in order, within the limits, and hold all of it but white space."""
    check(minilm, text, title, tokens, int(share * tokens))


@settings(deadline=None, max_examples=60)
@given(text=TEXTS, tokens=st.integers(16, 60))
def test_nothing_is_lost_by_bytes(byte_level: Any, text: str, tokens: int) -> None:
    """The same holds for a tokenizer that counts spaces and knows parts of characters, but for what is repeated."""
    check(byte_level, text, "", tokens, 0)


@settings(deadline=None, max_examples=60)
@given(text=TEXTS, tokens=st.integers(16, 60))
def test_nothing_is_lost_without_a_tokenizer(untold: Any, text: str, tokens: int) -> None:
    """The same holds where tokens can only be guessed from the number of characters."""
    check(untold, text, "", tokens, 0)


@settings(deadline=None, max_examples=100)
@given(text=st.lists(st.sampled_from(PARTS), max_size=80).map("".join), tokens=st.integers(16, 40))
def test_words_are_whole(minilm: Any, text: str, tokens: int) -> None:
    """A word, with what stands at its end without a space, is cut inside only if it is too long for a passage."""
    passages = chunk([document(text)], minilm, ChunkSettings(tokens=tokens, overlap=tokens // 4))
    for place in {place for passage in passages for place in (passage.start, passage.end)}:
        before, after = text[:place], text[place:]
        if before and after and not before[-1].isspace() and not after[0].isspace() and before[-1] != "。":
            word = before.split()[-1].split("。")[-1] + "".join(after.split()[0].partition("。")[:2])
            assert len(word) > 100 or token_lengths(minilm, [word])[0] > tokens


def test_document_within_the_limit(minilm: Any) -> None:
    """A document that fits is one passage, whatever headings it has, and keeps its title and metadata."""
    text = f"\n# One\n\n{SENTENCE}\n\n# Two\n\n{SENTENCE}\n"
    (passage,) = chunk([document(text, "Title")], minilm, ChunkSettings())
    assert (passage.text, passage.start) == (text.strip(), 1)
    assert (passage.document, passage.title, passage.metadata) == ("d", "Title", {"source": "made up"})


@pytest.mark.parametrize("tokens", [16, None])
def test_empty_documents(tokens: int | None, minilm: Any) -> None:
    """A document of nothing but white space has no passage; the others keep theirs."""
    documents = [document("", name="a"), document("text", name="b"), document(" \n\t\u2028", name="c")]
    assert [p.document for p in chunk(documents, minilm, ChunkSettings(tokens=tokens, overlap=0))] == ["b"]


def test_whole_documents(minilm: Any) -> None:
    """Without a limit a document is one passage, however long it is."""
    (passage,) = chunk([document(SENTENCE * 100)], minilm, ChunkSettings(tokens=None))
    assert passage.text == (SENTENCE * 100).strip()


@pytest.mark.parametrize(
    "heading", ["# Bridges", "Bridges\n=======", "2.1 Bridges"], ids=["hash", "underlined", "numbered"]
)
def test_cut_at_a_heading(heading: str, minilm: Any) -> None:
    """Where a heading begins in the second half of a passage, the next passage begins with it and repeats nothing."""
    text = f"{SENTENCE * 4}\n\n{SENTENCE}\n\n{heading}\n\n{SENTENCE * 6}"
    first, second, *_ = chunk([document(text)], minilm, ChunkSettings(tokens=80, overlap=20))
    assert second.text.startswith(heading)
    assert first.end <= second.start


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        (SENTENCE * 5 + "\n\nParagraph of this. " + SENTENCE * 5, "Paragraph"),
        ("crossing bridges " * 25 + "ended. Sentences follow " + "crossing bridges " * 20, "Sentences"),
        ("crossing bridges " * 60, "crossing"),
        ("雪が降る" * 8 + "。" + "雪が降る" * 12, "雪"),
    ],
    ids=["paragraph", "sentence", "word", "no spaces"],
)
def test_cut_at_the_best_border(text: str, begins: str, minilm: Any) -> None:
    """Without a heading a passage ends before a paragraph, else a sentence, else a word."""
    _, second, *_ = chunk([document(text)], minilm, ChunkSettings(tokens=70, overlap=0))
    assert second.text.startswith(begins)


def test_overlap_begins_with_a_sentence(minilm: Any) -> None:
    """What a passage repeats of the one before it are whole sentences where there are any, and not nothing."""
    first, second, *_ = chunk([document(SENTENCE * 20)], minilm, ChunkSettings(tokens=60, overlap=25))
    assert second.start < first.end
    assert second.text.startswith("The engineer")


def test_title_prompt_and_special_tokens_count(minilm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that the embedder reads of a passage is within the limit, not its text alone."""
    monkeypatch.setattr(minilm, "prompts", {"query": "", "passage": "search the documents for: "})
    passages = chunk([document("bridge " * 300, "The bridge")], minilm, ChunkSettings(tokens=40, overlap=0))
    read = [f"search the documents for: {passage.searched_text}" for passage in passages]
    assert max(token_lengths(minilm, read)) == 40


def test_ids_depend_on_content(minilm: Any) -> None:
    """A passage keeps its id when its document is edited elsewhere or others come and go, and not when it is edited."""
    sections = [f"# Section {number}\n\n{SENTENCE * 4}\n\n" for number in range(6)]
    limits = ChunkSettings(tokens=64, overlap=16)
    before = [p.id for p in chunk([document("".join(sections))], minilm, limits)]
    sections[1] = f"# Section 1, which was edited\n\n{SENTENCE * 3}\n\n"
    documents = [document("another", name="new"), document("".join(sections))]
    after = [p.id for p in chunk(documents, minilm, limits)][1:]
    assert (before[0], before[2:]) == (after[0], after[2:])
    assert before[1] != after[1]


def test_equal_passages_of_a_document_differ_in_id(minilm: Any) -> None:
    """Passages with the same text in one document, or in two, have ids of their own."""
    repeated = document("# A heading\n\n" + ("the same words again " * 8 + "\n\n# A heading\n\n") * 5)
    other = document(repeated.text, name="other")
    passages = chunk([repeated, other], minilm, ChunkSettings(tokens=50, overlap=0))
    assert len({p.text for p in passages}) < len(passages) == len({p.id for p in passages})


def test_many_documents(minilm: Any) -> None:
    """However many documents there are, each is cut as it is by itself, and the progress callback is told of all."""
    documents = [document(SENTENCE * (1 + number % 7), name=str(number)) for number in range(300)]
    limits, done = ChunkSettings(tokens=40, overlap=8), list[int]()
    passages = chunk(documents, minilm, limits, advance=done.append)
    assert (sum(done), len(done)) == (300, 2)
    for place in (0, 5, 255, 256, 299):
        alone = chunk(documents[place : place + 1], minilm, limits)
        assert [p for p in passages if p.document == str(place)] == alone


def test_more_than_the_embedder_reads(minilm: Any) -> None:
    """Passages longer than the embedder's window are refused, since their ends would never be found."""
    with pytest.raises(InputError, match=r"500 tokens are asked for and the embedder reads 256.*at most 256"):
        chunk([document("text")], minilm, ChunkSettings(tokens=500))


def test_titles_that_leave_no_room(minilm: Any) -> None:
    """All documents whose title fills more than half of a passage are told at once."""
    documents = [document("text", "long " * 20, "a"), document("text", "Title", "b"), document("t", "so " * 30, "c")]
    with pytest.raises(InputError, match=r"2 documents .*'a', 'c'"):
        chunk(documents, minilm, ChunkSettings(tokens=32, overlap=0))


def test_overlap_of_more_than_half() -> None:
    """An overlap that would repeat more than it adds is refused."""
    with pytest.raises(ValidationError, match="lower the overlap"):
        ChunkSettings(tokens=40, overlap=21)


@pytest.mark.parametrize(
    "text",
    ["x" * 300_000, "word " * 60_000, "." * 100_000, "# h\n" * 40_000, "a\n=" * 60_000, "a" + " " * 500_000 + "b"],
    ids=["one word", "words", "dots", "headings", "underlined", "spaces"],
)
def test_one_long_line(text: str, minilm: Any) -> None:
    """Text without the borders that one hopes for, or with nothing else, is cut all the same."""
    passages = chunk([document(text)], minilm, ChunkSettings(tokens=200, overlap=32))
    assert sum(len(p.text) for p in passages) >= len(text.replace(" ", "").replace("\n", ""))
    assert all(len(p.text.split()) <= 198 for p in passages)
