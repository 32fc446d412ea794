"""The readers of formats: what rows they make of files, and how they tell of files that they can't use."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from harness.errors import InputError
from harness.suite.sources.folders import DataFolder
from harness.suite.sources.formats import FORMATS, format_of
from harness.suite.sources.rows import Findings, Row


def read(
    folder: Path, name: str, kind: str, *, documents: bool = False, **options: Any
) -> tuple[list[dict[str, Any]], Findings]:
    """The fields of all rows of a file, and what was found wrong."""
    format_, found = FORMATS[kind], Findings()
    reader = format_.documents if documents and format_.documents else format_.rows
    rows: list[Row] = list(reader(DataFolder(folder, "src", folder), name, format_.options(**options), found))
    return [row.fields for row in rows], found


def write(folder: Path, name: str, content: object) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "format_"),
    [("a.csv", "csv"), ("a.TSV", "tsv"), ("b/a.jsonl", "jsonl"), ("a.ndjson", "jsonl"), ("a.json", "json")],
)
def test_format_by_suffix(name: str, format_: str) -> None:
    """A file's suffix says its format where nobody does, and what is said counts more."""
    assert format_of(name, None) is FORMATS[format_]
    assert format_of(name, "squad") is FORMATS["squad"]


def test_no_known_suffix() -> None:
    """A file of an unknown suffix needs a format."""
    with pytest.raises(InputError, match=r"'a\.xlsx' has no suffix that says its format; give `format`"):
        format_of("a.xlsx", None)


def test_csv(tmp_path: Path) -> None:
    """Quoted fields may hold separators, quotation marks and line ends; a byte order mark is no part of a name."""
    write(tmp_path, "a.csv", '\ufeffq,a\n"one, ""two""\nthree",x\n\nfour,y\n')
    assert read(tmp_path, "a.csv", "csv")[0] == [{"q": 'one, "two"\nthree', "a": "x"}, {"q": "four", "a": "y"}]


def test_tsv_quotes_are_text(tmp_path: Path) -> None:
    """In a tab-separated file a quotation mark is a sign like any other, unless it is said to be more."""
    write(tmp_path, "a.tsv", 'q\ta\n"one\tx\n')
    assert read(tmp_path, "a.tsv", "tsv")[0] == [{"q": '"one', "a": "x"}]
    write(tmp_path, "b.tsv", 'q\ta\n"one\ttwo"\tx\n')
    assert read(tmp_path, "b.tsv", "tsv", quotes=True)[0] == [{"q": "one\ttwo", "a": "x"}]


def test_columns(tmp_path: Path) -> None:
    """Columns may be named where a file has no header, or another one."""
    write(tmp_path, "a.csv", "#1,#2\nx,y\n")
    assert read(tmp_path, "a.csv", "csv", columns=("a", "b"))[0] == [{"a": "#1", "b": "#2"}, {"a": "x", "b": "y"}]
    assert read(tmp_path, "a.csv", "csv", columns=("a", "b"), header=True)[0] == [{"a": "x", "b": "y"}]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('q,a\nQ1,"5 inch\nQ2,b\nQ3,c\n', "with every quotation mark closed"),
        ("q,a,a\nQ1,right,note\n", "has several columns called a; give each a name of its own"),
    ],
)
def test_tables_that_would_lose_something(tmp_path: Path, text: str, told: str) -> None:
    """A quotation mark that nothing closes, and two columns of one name, are problems and swallow nothing."""
    write(tmp_path, "a.csv", text)
    assert told in read(tmp_path, "a.csv", "csv")[1].problems[0]


def test_crooked_tables(tmp_path: Path) -> None:
    """A line with another number of fields is told with its number; the others are read."""
    write(tmp_path, "a.csv", "q,a\none\ntwo,b\nthree,c,d\n")
    rows, found = read(tmp_path, "a.csv", "csv")
    assert rows == [{"q": "two", "a": "b"}]
    assert [text.partition(";")[0] for text in found.problems] == [
        f"{tmp_path / 'a.csv'}:2: has 1 fields, and there are 2 columns (q, a)",
        f"{tmp_path / 'a.csv'}:4: has 3 fields, and there are 2 columns (q, a)",
    ]


def test_long_fields(tmp_path: Path) -> None:
    """A field of five million characters is read like any other."""
    write(tmp_path, "a.csv", "q,a\n" + "x" * 5_000_000 + ",y\n")
    assert len(read(tmp_path, "a.csv", "csv")[0][0]["q"]) == 5_000_000


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "json", "squad", "llm-adapters", "parquet"])
def test_other_encodings(tmp_path: Path, kind: str) -> None:
    """A file that is no UTF-8 text, or no Parquet, is told by its path."""
    (tmp_path / "a").write_bytes(b'q,a\n"\xe9\xff",x\n')
    rows, found = read(tmp_path, "a", kind)
    assert rows == []
    assert found.problems[0].startswith(f"{tmp_path / 'a'}: can't be read")


def test_json_lines(tmp_path: Path) -> None:
    """Broken lines are told with their numbers, and the others are read."""
    lines = ['{"a": 1}', "", "[]", "{", '{"a": "\\ud800"}', "[" * 5000, '{"a": 2}']
    write(tmp_path, "a.jsonl", "\n".join(lines))
    rows, found = read(tmp_path, "a.jsonl", "jsonl")
    assert rows == [{"a": 1}, {"a": 2}]
    assert [text.split(": ")[0].rpartition(":")[2] for text in found.problems] == ["3", "4", "5", "6"]


@pytest.mark.parametrize(
    ("content", "at", "rows"),
    [
        ([{"a": 1}, {"a": 2}], "", [{"a": 1}, {"a": 2}]),
        ({"data": {"rows": [{"a": 1}]}}, "data.rows", [{"a": 1}]),
        ({"x": {"a": 1}, "y": {"a": 2}}, "", [{"key": "x", "a": 1}, {"key": "y", "a": 2}]),
        ({"x": "yes"}, "", [{"key": "x", "value": "yes"}]),
        (["yes"], "", [{"value": "yes"}]),
    ],
)
def test_json_documents(tmp_path: Path, content: object, at: str, rows: list[dict[str, Any]]) -> None:
    """A document's rows are a list or a mapping, at its top or deeper."""
    write(tmp_path, "a.json", content)
    assert read(tmp_path, "a.json", "json", at=at) == (rows, Findings())


def test_json_without_rows(tmp_path: Path) -> None:
    """A document that has no rows where they should be is told with what to say about it."""
    write(tmp_path, "a.json", {"data": 3})
    for at in ("data", "dta", "data.rows"):
        assert "holds no list of rows at" in read(tmp_path, "a.json", "json", at=at)[1].problems[0]


def test_parquet(tmp_path: Path) -> None:
    """Rows of several batches come in order, with nested values as they are."""
    rows = [{"q": f"q{n}", "answers": {"text": ["a", "b"]}, "n": n} for n in range(3000)]
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "a.parquet")
    assert read(tmp_path, "a.parquet", "parquet") == (rows, Findings())


CONTEXT = "Ada Lovelace met Babbage. Babbage built engines."


def squad(*answers: tuple[str, int]) -> dict[str, Any]:
    """A file of one question with these answers."""
    texts = [{"text": text, "answer_start": start} for text, start in answers]
    paragraph = {"context": CONTEXT, "qas": [{"id": 7, "question": "Who built engines?", "answers": texts}]}
    return {"data": [{"title": "Ada_Lovelace", "paragraphs": [{"context": "Nothing asked."}, paragraph]}]}


def test_squad(tmp_path: Path) -> None:
    """A paragraph is a document, and the evidence of a question the span of its answer there."""
    write(tmp_path, "a.json", squad(("Babbage", 26), ("Babbage", 17)))
    (row,), found = read(tmp_path, "a.json", "squad")
    documents, _ = read(tmp_path, "a.json", "squad", documents=True)
    assert documents[1] == {"id": "src/Ada_Lovelace/2", "title": "Ada Lovelace", "text": CONTEXT}
    assert row["answers"] == ["Babbage"]
    assert row["evidence"] == [
        {"document": "src/Ada_Lovelace/2", "start": 26, "end": 33},
        {"document": "src/Ada_Lovelace/2", "start": 17, "end": 24},
    ]
    assert found == Findings()


@pytest.mark.parametrize(("text", "said"), [("Babbage ", 27), ("Babbage", 29)])
def test_squad_offsets_that_are_wrong(tmp_path: Path, text: str, said: int) -> None:
    """An answer that doesn't stand where it says counts where it stands nearest to that, and this is noted."""
    write(tmp_path, "a.json", squad((text, said)))
    (row,), found = read(tmp_path, "a.json", "squad")
    assert row["evidence"] == [{"document": "src/Ada_Lovelace/2", "start": 26, "end": 33}]
    assert found.notes == ["src/a.json: 1 answers don't stand where `answer_start` says; the nearest place was taken"]


@pytest.mark.parametrize("text", [" Babbage", "Babbage "])
def test_squad_answers_with_spaces_around_them(tmp_path: Path, text: str) -> None:
    """White space around an answer moves nothing, and needs no note."""
    write(tmp_path, "a.json", squad((text, 26)))
    (row,), found = read(tmp_path, "a.json", "squad")
    assert row["evidence"] == [{"document": "src/Ada_Lovelace/2", "start": 26, "end": 33}]
    assert found == Findings()


def test_squad_answers_that_are_nowhere(tmp_path: Path) -> None:
    """An answer that isn't in its paragraph is a problem; so is a file of another shape."""
    write(tmp_path, "a.json", squad(("Byron", 0)))
    assert "the answer 'Byron' of question 7 isn't in its paragraph" in read(tmp_path, "a.json", "squad")[1].problems[0]
    write(tmp_path, "b.json", {"data": [{"paragraphs": [{"qas": []}]}]})
    assert "data.0.paragraphs.0.context: is missing" in read(tmp_path, "b.json", "squad")[1].problems[0]


def test_beir(tmp_path: Path) -> None:
    """Queries that were judged become questions whose answers are the titles of what is relevant to them."""
    write(tmp_path, "set/corpus.jsonl", '{"_id": "d1", "title": "One", "text": "t"}\n{"_id": "d2", "text": "u"}\n')
    write(tmp_path, "set/queries.jsonl", '{"_id": "q1", "text": "which?"}\n{"_id": "q2", "text": "unjudged?"}\n')
    write(tmp_path, "set/qrels/test.tsv", "query-id\tcorpus-id\tscore\nq1\td1\t1\nq1\td2\t0\n")
    assert read(tmp_path, "set", "beir") == (
        [{"id": "q1", "question": "which?", "relevant": ["d1"], "titles": ["One"]}],
        Findings(),
    )
    assert [row["_id"] for row in read(tmp_path, "set", "beir", documents=True)[0]] == ["d1", "d2"]


@pytest.mark.parametrize(
    ("instruction", "answer", "row"),
    [
        (
            "Please choose the correct answer to the question: Fog is:\n\nAnswer1: a marsh Answer2: wet\n\n"
            "Answer format: answer1/answer2",
            "answer2",
            {"question": "Fog is:", "choices": ["a marsh", "wet"], "answer": "wet"},
        ),
        (
            "Please choose the correct answer to fill in the blank to complete the given sentence: _ won.\n\n"
            "Option1: Ann Option2: Bo Answer format: option1/option2",
            "option1",
            {"question": "_ won.", "choices": ["Ann", "Bo"], "answer": "Ann"},
        ),
        (
            "Please answer the following question with true or false, question: is it?\n\nAnswer format: true/false",
            "false",
            {"question": "is it?", "choices": ["true", "false"], "answer": "false"},
        ),
        (
            "How much? Answer Choices: (A) 1 m (B) 2 (C) 1 m",
            "C",
            {"question": "How much?", "choices": ["1 m", "2"], "answer": "1 m"},
        ),
    ],
)
def test_llm_adapters(tmp_path: Path, instruction: str, answer: str, row: dict[str, Any]) -> None:
    """Question, options and the right one are taken out of an instruction; an option that stands twice is one."""
    write(tmp_path, "a.json", [{"instruction": instruction, "answer": answer}])
    assert read(tmp_path, "a.json", "llm-adapters")[0] == [row]


@pytest.mark.parametrize(
    "instruction", ["Answer!", "Please answer the question: x Answer format: /", "x Answer Choices: (A"]
)
def test_llm_adapters_that_are_none(tmp_path: Path, instruction: str) -> None:
    """An instruction without options is a problem with its row."""
    write(tmp_path, "a.json", [{"instruction": instruction, "answer": "answer1"}])
    rows, found = read(tmp_path, "a.json", "llm-adapters")
    assert rows == []
    assert f"{tmp_path / 'a.json'}: row 1: the answer 'answer1' is none of the options" in found.problems[0]


def dyknow(folder: Path) -> None:
    """Two facts of one country: one changed in 2021, one never; a paragraph on each."""
    answers = ["Old |S: +2010-01-01T00:00:00Z |E: +2021-05-00T00:00:00Z", "New |S: +2021-05-00T00:00:00Z"]
    facts = {
        "Head of X": {"questions": ["Who is the Head of X?"], "answers": answers},
        "King of X": {"questions": ["Who is the King of X?"], "answers": ["Rex Maximus |S: +2000-00-00T00:00:00Z"]},
    }
    texts = {"Head of X": ("New leads X, after Old.", ["New"]), "King of X": ("Rex is king, he made New head.", "Rex")}
    passages = {
        relation: {"matches": {"full": [{"paragraph": {"text": text}, "matched": matched}]}}
        for relation, (text, matched) in texts.items()
    }
    write(folder, "qa_generated.json", {"countries": {"X": facts}})
    write(folder, "passages.json", {"countries": {"X": passages}})


def test_dyknow_as_of_a_day(tmp_path: Path) -> None:
    """A question's answers, what is outdated, and its evidence are those of the day, the first but not the last one."""
    dyknow(tmp_path)
    before, _ = read(tmp_path, "", "dyknow", as_of=date(2021, 4, 30))
    after, _ = read(tmp_path, "", "dyknow", as_of=date(2021, 5, 1), since=date(2021, 4, 30))
    assert [(row["answers"], row["outdated"], row["status"]) for row in before] == [
        (["Old"], [], None),
        (["Rex Maximus"], [], None),
    ]
    assert [(row["answers"], row["outdated"], row["status"]) for row in after] == [
        (["New"], ["Old"], "changed"),
        (["Rex Maximus"], [], "same"),
    ]
    assert [row["evidence"] for row in before] == [["X/Head_of_X/1"], ["X/King_of_X/1"]]
    assert [row["evidence"] for row in after] == [["X/Head_of_X/2", "passage/1"], ["X/King_of_X/1", "passage/2"]]


def test_dyknow_documents(tmp_path: Path) -> None:
    """A dated answer is a statement for its days; a paragraph counts from when on all that it names held."""
    dyknow(tmp_path)
    statements, _ = read(tmp_path, "", "dyknow-statements")
    assert [(s["text"], s["valid_from"], s["valid_until"]) for s in statements] == [
        ("The Head of X is Old.", date(2010, 1, 1), date(2021, 5, 1)),
        ("The Head of X is New.", date(2021, 5, 1), None),
        ("The King of X is Rex Maximus.", date(2000, 1, 1), None),
    ]
    passages, _ = read(tmp_path, "", "dyknow-passages")
    assert [passage["valid_from"] for passage in passages] == [date(2021, 5, 1)] * 2


@pytest.mark.parametrize("answer", ["Ann |S: yesterday", "Ann |S: +2020-13-01T00:00:00Z", ""])
def test_dyknow_of_another_shape(tmp_path: Path, answer: str) -> None:
    """Answers that aren't dated as DyKnow dates them are problems with their place in the file."""
    write(tmp_path, "qa_generated.json", {"t": {"X": {"questions": ["Who is the Head?"], "answers": [answer]}}})
    assert "t/X: is no question with dated answers" in read(tmp_path, "", "dyknow-statements")[1].problems[0]
    write(tmp_path, "qa_generated.json", {"t": {"X": {"questions": 3, "answers": []}}})
    assert "t/X: questions: should be a valid list, not 3" in read(tmp_path, "", "dyknow-statements")[1].problems[0]


def test_folder(tmp_path: Path) -> None:
    """Each file of a folder that can be read is a document; the others are noted."""
    write(tmp_path, "docs/a.md", "# Ships\n\nThe Otter carries salt.\n")
    write(tmp_path, "docs/b.bin", "?")
    (row,), found = read(tmp_path, "docs", "folder")
    assert (row["id"], row["title"]) == ("a.md", "Ships")
    assert "The Otter carries salt." in row["text"]
    assert found.notes[0].startswith("src/docs/b.bin: ")
