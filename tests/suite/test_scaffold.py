import csv
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from harness.errors import CacheError, InputError, UnknownNameError
from harness.suite import Suite, load_suite
from harness.suite.checks import normal
from harness.suite.scaffold import ScaffoldRequest, scaffold
from harness.suite.scaffold.questions import read_questions

SHIPS = ("Otter", "Heron", "Crane", "Swan", "Badger", "Falcon", "Lynx", "Marten", "Newt", "Oriole", "Puffin", "Raven")
TOPICS = ("harbour", "river", "ocean")


def write_docs(folder: Path) -> Path:
    """Twelve documents in folders of topics, one of them of a topic that is rare."""
    for number, ship in enumerate(SHIPS):
        place = folder / TOPICS[0 if number < 6 else 1 if number < 11 else 2]
        place.mkdir(parents=True, exist_ok=True)
        text = f"The {ship} was built in {1800 + number} by Moss. The {ship} has its port at Port {ship} in the bay."
        (place / f"{ship.lower()}.md").write_text(f"# The {ship}\n\n{text}\n", encoding="utf-8")
    return folder


def write_questions(path: Path, **more: Callable[[int], str]) -> Path:
    """Two questions a ship as CSV, with further columns whose values are made of the ship's number."""
    rows = [
        {
            "question": wording.format(ship),
            "answer": answer.format(ship=ship, year=1800 + number),
            "document": ship.lower(),
            **{column: value(number) for column, value in more.items()},
        }
        for number, ship in enumerate(SHIPS)
        for wording, answer in (("Where is the {} at home?", "Port {ship}"), ("When was the {} built?", "{year}"))
    ]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """A folder of documents."""
    return write_docs(tmp_path / "docs")


@pytest.fixture
def questions(tmp_path: Path) -> Callable[..., Path]:
    """Writes questions about them."""
    return lambda **more: write_questions(tmp_path / "qa.csv", **more)


@pytest.fixture
def make(docs: Path, tmp_path: Path) -> Callable[..., Suite]:
    """Makes a suite of the documents and loads it."""
    return lambda **more: load_suite(str(scaffold(ScaffoldRequest("ships", docs, out=tmp_path / "made", **more)).path))


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    """What the documents and questions make by default."""
    folder = tmp_path_factory.mktemp("ships")
    docs, questions = write_docs(folder / "docs"), write_questions(folder / "qa.csv")
    return load_suite(str(scaffold(ScaffoldRequest("ships", docs, questions, folder / "made")).path))


def documents(suite: Suite, *splits: str) -> set[str]:
    return {piece.document for name in splits for case in suite.splits[name].cases for piece in case.evidence}


def test_no_document_of_a_test_case_is_trained_on(suite) -> None:
    """Train, validation and test cases have documents of their own, and every question is in one of the splits."""
    used = [documents(suite, name) for name in ("train", "validation", "in_domain")]
    assert [len(names) for names in used] == [9, 1, 2]
    assert not used[0] & used[1]
    assert not used[0] & used[2]
    assert sum(len(suite.splits[name].cases) for name in ("train", "validation", "in_domain")) == 24


def test_equal_texts_are_one_document(docs, questions, tmp_path) -> None:
    """A text that stands under two names, but for spaces, is trained on or tested, never both."""
    text = next(docs.rglob("otter.md")).read_text(encoding="utf-8")
    (docs / "twin.md").write_text(text.replace(". The", ".  The"), encoding="utf-8")
    path = questions()
    path.write_text(path.read_text(encoding="utf-8") + "Which ship has a twin?,Otter,twin\n", encoding="utf-8")
    for seed in range(6):
        made = scaffold(ScaffoldRequest("ships", docs, path, out=tmp_path / f"made-{seed}", seed=seed))
        assert made.documents == 13
        splits = load_suite(str(made.path)).splits.values()
        asked = {"Where is the Otter at home?", "Which ship has a twin?"}
        assert len([split for split in splits if {case.question for case in split.cases} & asked]) == 1


def test_documents_may_be_shared_if_asked(make, questions) -> None:
    """With share_documents cases are drawn one by one."""
    suite = make(questions=questions(), share_documents=True)
    assert documents(suite, "train") & documents(suite, "in_domain")


def test_evidence_is_the_span_where_the_answer_stands(suite) -> None:
    """A span is given where the answer stands once, and its text is the answer."""
    texts = {document.id: document.text for document in suite.documents}
    for split in suite.splits.values():
        for case in split.cases:
            (piece,) = case.evidence
            assert texts[piece.document][piece.start : piece.end] == case.references[0]


def test_the_rarest_topic_is_held_out(make, questions) -> None:
    """A column of the documents' metadata holds out the values that the fewest cases have."""
    suite = make(questions=questions(), shifts=("topic",))
    assert documents(suite, "shifted_topic") == {"ocean/raven.md"}
    assert not documents(suite, "train", "in_domain", "validation") & {"ocean/raven.md"}
    assert "held out of train: `ocean`" in (suite.path / "README.md").read_text(encoding="utf-8")


def test_the_latest_dates_are_held_out(make, questions) -> None:
    """A column of dates holds out the latest, up to a fifth of the cases."""
    suite = make(questions=questions(asked=lambda number: f"2026-01-{number + 1:02}"), shifts=("asked",))
    assert documents(suite, "shifted_asked") == {"river/puffin.md", "ocean/raven.md"}


def test_what_shares_documents_with_held_out_cases_is_tested(make, questions, docs, tmp_path) -> None:
    """A column that divides a document's cases leaves the other ones in-domain: they are not trained on either."""
    path = questions()
    rows = list(csv.DictReader(path.open(encoding="utf-8")))
    lines = [
        json.dumps({**row, "wording": "odd" if place in (0, 1, 4) else "plain"}) + "\n"
        for place, row in enumerate(rows)
    ]
    path = tmp_path / "qa.jsonl"
    path.write_text("".join(lines), encoding="utf-8")
    suite = make(questions=path, shifts=("wording",))
    assert {case.id for case in suite.splits["shifted_wording"].cases} == {"q1", "q2", "q5"}
    assert "q6" in {case.id for case in suite.splits["in_domain"].cases}
    assert not documents(suite, "shifted_wording") & documents(suite, "train")


def test_typing_errors_are_made_in_a_copy_of_the_in_domain_cases(suite) -> None:
    """Each in-domain case has a twin with another question and the same answer, evidence and figures."""
    tidy = {case.id: case for case in suite.splits["in_domain"].cases}
    typed = suite.splits["typing_errors"].cases
    assert len(typed) == len(tidy)
    for case in typed:
        twin = tidy[case.id.removesuffix(":typing")]
        assert (case.references, case.evidence) == (twin.references, twin.evidence)
        assert normal(case.question) != normal(twin.question)
        assert abs(len(case.question) - len(twin.question)) <= 2


def test_cloze_questions_are_marked_weak_and_reworded(make) -> None:
    """Without questions there are cloze questions, weak everywhere, and a wording of them that train never shows."""
    suite = make()
    assert all(case.weak for split in suite.splits.values() for case in split.cases)
    assert all(case.question.startswith("What belongs into the gap?") for case in suite.splits["reworded"].cases)
    assert not any("gap?" in case.question for case in suite.train)
    assert suite.description.startswith("WEAK")
    assert "**These questions are weak.**" in (suite.path / "README.md").read_text(encoding="utf-8")
    assert not documents(suite, "train") & documents(suite, "in_domain")


def test_the_same_files_make_the_same_bytes(docs, questions, tmp_path) -> None:
    """A suite can be made again, and another seed draws other splits."""
    made = []
    for place, seed in (("a", 0), ("b", 0), ("c", 1)):
        path = scaffold(ScaffoldRequest("ships", docs, questions(), out=tmp_path / place, seed=seed)).path
        made.append({file.name: file.read_bytes() for file in path.iterdir()})
    assert made[0] == made[1]
    assert made[0]["train.jsonl"] != made[2]["train.jsonl"]


def test_questions_that_stand_twice_are_one_case(docs, questions, tmp_path) -> None:
    """Equal questions can't be in train and test: they are one case, any of whose answers is right, which is told."""
    path = questions()
    path.write_text(path.read_text(encoding="utf-8") + "where is the OTTER at home?,Elsewhere,\n", encoding="utf-8")
    made = scaffold(ScaffoldRequest("ships", docs, path, out=tmp_path / "made"))
    assert made.notes == ("1 row joined with an earlier one that asks the same: any of the answers is right.",)
    suite = load_suite(str(made.path))
    every = [case for split in suite.splits.values() for case in split.cases]
    assert [case.references[1:] for case in every if case.question == "Where is the Otter at home?"] == [("Elsewhere",)]


@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".tsv", ".parquet"])
def test_other_formats_hold_the_same_questions(questions, tmp_path, suffix: str) -> None:
    """What holds the questions makes no difference; a list of answers or documents is a list."""
    first = questions(asked=lambda number: f"2026-01-{number + 1:02}")
    rows = list(csv.DictReader(first.open(encoding="utf-8")))
    path = tmp_path / f"qa{suffix}"
    listed = [{**row, "answer": [row["answer"]], "document": [row["document"]]} for row in rows]
    if suffix == ".parquet":
        parquet.write_table(pyarrow.Table.from_pylist(listed), path)
    elif suffix == ".tsv":
        table = [list(rows[0]), *([*row.values()] for row in rows)]
        path.write_text("".join("\t".join(line) + "\n" for line in table), encoding="utf-8")
    elif suffix == ".json":
        path.write_text(json.dumps(listed), encoding="utf-8")
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in listed), encoding="utf-8")
    found = read_questions(path, {}, [])
    assert found == read_questions(first, {}, [])
    assert found[0].case.references == ("Port Otter",)
    assert (found[0].named, found[0].columns) == (("otter",), {"asked": "2026-01-01"})


def test_a_table_holds_lists_as_json(tmp_path) -> None:
    """A cell that is a JSON list is several answers; any other cell is one, even with a bracket."""
    path = tmp_path / "qa.csv"
    path.write_text('question,answers\nWhat?,"[""salt"", ""tea""]"\nWho?,[Moss\n', encoding="utf-8")
    assert [found.case.references for found in read_questions(path, {}, [])] == [("salt", "tea"), ("[Moss",)]


@pytest.mark.parametrize(
    ("table", "columns", "told"),
    [
        ("text,answer\nWhat?,salt\n", {}, "no column is called question"),
        ("question,answer\nWhat?,\nWho?,Moss\n,tea\n", {}, "qa.csv:2: references"),
        ("question,answer\nWhat?,\nWho?,Moss\n,tea\n", {}, "qa.csv:4: question"),
        ("question,answer\nWhat?,salt\n", {"answer": "anwser"}, "Did you mean 'answer'"),
        ("question,answer\nWhat?,salt\n", {"anwser": "answer"}, "Did you mean 'answer'"),
        ("question,answer\n", {}, "holds no questions"),
        ('question,answer,choices\nWhat?,salt,"[""tea"", ""wool""]"\n', {}, "not among the choices"),
        ("question,answer,id\nWhat?,salt,a\nWho?,tea,a\n", {}, "the case id 'a' occurs 2 times"),
        ("question,answer\nWhat is it?,salt\n", {}, "can't be divided"),
    ],
    ids=["column", "blank answer", "blank question", "misspelt", "field", "empty", "choices", "ids", "one case"],
)
def test_questions_that_make_no_suite(docs, tmp_path, table: str, columns: dict[str, str], told: str) -> None:
    """What is wrong is told with its place, all mistakes at once, and nothing is written."""
    path = tmp_path / "qa.csv"
    path.write_text(table, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        scaffold(ScaffoldRequest("ships", docs, path, out=tmp_path / "made", columns=columns))
    assert told in str(caught.value)
    assert sorted(found.name for found in tmp_path.iterdir()) == ["docs", "qa.csv"]


def test_nested_lists_are_no_documents(docs, tmp_path) -> None:
    """A column that holds something else is told with the option that names another, and may be left out by it."""
    path = tmp_path / "qa.jsonl"
    rows = [{"question": f"What about {ship}?", "answer": True, "evidence": [[[ship]]]} for ship in SHIPS]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    with pytest.raises(InputError, match="--column document="):
        scaffold(ScaffoldRequest("ships", docs, path, out=tmp_path / "made"))
    made = scaffold(ScaffoldRequest("ships", docs, path, out=tmp_path / "made", columns={"document": ""}))
    assert load_suite(str(made.path)).train[0].references == ("true",)
    assert made.notes == ("No case names a document, so there is no evidence, and retrieval can't be scored.",)


@pytest.mark.parametrize(
    ("shifts", "told"),
    [
        (("topci",), "Did you mean 'topic'"),
        (("format",), "holds 1 different values"),
        (("topic", "topic"), "holds something out already"),
        (("source",), "neither a topic nor a date"),
    ],
)
def test_columns_that_hold_nothing_out(docs, questions, tmp_path, shifts: tuple[str, ...], told: str) -> None:
    """A column that isn't there, is the same for all, or differs for each case is refused."""
    path = questions(source=lambda number: f"source {number} of many")
    rows = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([rows[0], *(f"{row}-{place}" for place, row in enumerate(rows[1:]))]), encoding="utf-8")
    with pytest.raises((InputError, UnknownNameError), match=told):
        scaffold(ScaffoldRequest("ships", docs, path, out=tmp_path / "made", shifts=shifts))
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("written", ["15.03.2026", "2026-1-5", "2026/01/05"])
def test_dates_that_cannot_be_ordered(docs, questions, tmp_path, written: str) -> None:
    """A column of dates in another form than ISO is refused, for which of them are the latest would be a guess."""
    path = questions(day=lambda number: written)
    with pytest.raises(InputError, match=r"holds dates, and .* can't be read as one|holds 1 different values"):
        scaffold(ScaffoldRequest("ships", docs, path, out=tmp_path / "made", shifts=("day",)))
    path = questions(day=lambda number: "2026-01-31" if number % 2 else written)
    with pytest.raises(InputError, match=r"holds dates, and .* can't be read as one"):
        scaffold(ScaffoldRequest("ships", docs, path, out=tmp_path / "made", shifts=("day",)))


@pytest.mark.parametrize("name", ["../ships", "", ".hidden", "a b", "x" * 200])
def test_names_that_no_suite_can_have(docs, name: str, tmp_path) -> None:
    """A name becomes the name of files, so it can't lead elsewhere."""
    with pytest.raises(InputError, match="can't be a suite's name"):
        scaffold(ScaffoldRequest(name, docs, out=tmp_path / "made"))


def test_nothing_is_overwritten(docs, tmp_path) -> None:
    """What stands in the suite's place stays as it is, even an empty folder or a dead link."""
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for place in (docs, tmp_path / "link"):
        with pytest.raises(InputError, match="isn't overwritten"):
            scaffold(ScaffoldRequest("ships", docs, out=place))
    with pytest.raises(InputError, match="there is no folder"):
        scaffold(ScaffoldRequest("ships", docs, out=tmp_path / "no" / "where"))


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_an_interrupted_scaffold_leaves_nothing(docs, tmp_path, monkeypatch, error) -> None:
    """Stopped while it writes, it leaves neither half a suite nor a temporary folder."""

    def stop(*_: object) -> None:
        raise error

    monkeypatch.setattr("harness.suite.scaffold.folder.readme", stop)
    with pytest.raises(KeyboardInterrupt if error is KeyboardInterrupt else CacheError):
        scaffold(ScaffoldRequest("ships", docs, out=tmp_path / "made"))
    assert [path.name for path in tmp_path.iterdir()] == ["docs"]


def test_hostile_texts_stay_texts(tmp_path) -> None:
    """Names with markup, escape sequences and templates are data, in the suite and in its README."""
    folder = tmp_path / "docs `x` | <b>"
    folder.mkdir()
    for ship in SHIPS:
        text = f"The {ship} says {{{{ ''.__class__ }}}} to everybody in Port {ship} today."
        (folder / f"{ship}.txt").write_text(text, encoding="utf-8")
    suite = load_suite(str(scaffold(ScaffoldRequest("ships", folder, out=tmp_path / "made")).path))
    assert "docs ?x? ? <b>" in (suite.path / "README.md").read_text(encoding="utf-8")
    assert "__class__" in suite.documents[0].text
