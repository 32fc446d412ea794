"""Suites that name data instead of bringing them: which rows are taken, and what they become."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.errors import InputError
from harness.suite import Evidence, Suite, load_suite

Load = Callable[..., Suite]
QUESTIONS = "text,category,topic\nWhere is my card?,card_arrival,cards\nWhat rate?,exchange_rate,money\n"


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Loads a suite of this manifest with these data files (path: text), of one source called `bank`."""

    def loaded(manifest: str, **files: str) -> Suite:
        suite, data = tmp_path / "asked", tmp_path / "data"
        for folder in (suite, data / "bank"):
            folder.mkdir(parents=True, exist_ok=True)
        head = "name: asked\n" if "sources:" in manifest else "name: asked\nsources: {bank: {url: https://b.example}}\n"
        (suite / "suite.yaml").write_text(head + manifest, encoding="utf-8")
        for name, text in {"questions.csv": QUESTIONS, **files}.items():
            (data / "bank" / name).write_text(text, encoding="utf-8")
        return load_suite(str(suite), data)

    return loaded


def selection(text: str) -> str:
    """A manifest with one test split of one selection."""
    return f"splits: {{test: {{kind: in-domain, from: {{source: bank, {text}}}}}}}"


def message(load: Load, manifest: str, **files: str) -> str:
    with pytest.raises(InputError) as caught:
        load(manifest, **files)
    return str(caught.value)


def rows(*items: dict[str, Any]) -> str:
    return "".join(json.dumps(item) + "\n" for item in items)


def test_the_simplest_mapping(load: Load) -> None:
    """Two names of columns make cases of a CSV file; their ids are the source's name, the file's and a number."""
    suite = load(selection("file: questions.csv, case: {question: text, references: category}"))
    cases = suite.splits["test"].cases
    assert [(case.id, case.question, case.references) for case in cases] == [
        ("bank/questions:1", "Where is my card?", ("card_arrival",)),
        ("bank/questions:2", "What rate?", ("exchange_rate",)),
    ]


def test_templates_and_every_choice(load: Load) -> None:
    """A template puts a text together, and `every` offers all values that rows have, also those of another file."""
    category = "{{ category | replace('_', ' ') }}"
    case = (
        f'{{question: "{{{{ topic }}}}: {{{{ text }}}}", references: "{category}", choices: {{every: "{category}"}}}}'
    )
    first = load(selection(f"file: questions.csv, where: {{topic: cards}}, case: {case}")).splits["test"].cases
    assert [(c.question, c.references, c.choices) for c in first] == [
        ("cards: Where is my card?", ("card arrival",), ("card arrival", "exchange rate"))
    ]
    other = case.replace("choices: {", "choices: {file: more.csv, ")
    more = QUESTIONS + "Why?,lost_card,cards\n"
    second = load(selection(f"file: questions.csv, case: {other}"), **{"more.csv": more}).splits["test"].cases
    assert second[0].choices == ("card arrival", "exchange rate", "lost card")


@pytest.mark.parametrize(
    ("row", "case", "reference", "choices"),
    [
        ({"a": "x", "b": "y", "n": 1}, "choices: [a, b], right: n", "y", ("x", "y")),
        ({"a": "x", "b": "y", "n": 1}, "choices: [a, b], right: n, first: 1", "x", ("x", "y")),
        ({"options": {"text": ["x", "y"]}, "n": "B"}, "choices: options.text, right: n", "y", ("x", "y")),
        ({"n": True}, "references: n, labels: {true: y, false: x}, choices: {texts: [x, y]}", "y", ("x", "y")),
        ({"n": 0}, "references: n, labels: {0: bad, 1: good}, choices: {texts: [bad, good]}", "bad", ("bad", "good")),
    ],
)  # fmt: skip
def test_right_choices(load: Load, row: dict[str, Any], case: str, reference: str, choices: tuple[str, ...]) -> None:
    """The right choice is given by number, from 0 or 1, by letter, or by a value that has a label."""
    suite = load(
        selection(f"file: q.jsonl, case: {{question: q, {case}}}"), **{"q.jsonl": rows({"q": "which?", **row})}
    )
    assert [(c.references, c.choices) for c in suite.splits["test"].cases] == [((reference,), choices)]


def test_lists_and_depth(load: Load) -> None:
    """A dotted path goes into nested values and through lists; each item is a reference, and an empty one is none."""
    row = {"q": "who?", "answers": [{"text": "Ann"}, {"text": "Bo"}, {"text": ""}], "old": None, "at": ["d1", "d2"]}
    document = {"name": "d1", "body": "Ann", "day": "2026-01-01", "tags": {"topic": "people"}}
    manifest = """
corpus:
  from:
    source: bank
    file: d.jsonl
    document: {id: name, text: body, valid_from: day, metadata: {topic: tags.topic}}
splits:
  test:
    kind: in-domain
    from:
      source: bank
      file: q.jsonl
      case: {question: q, references: answers.text, stale: old, evidence: at}
"""
    suite = load(manifest, **{"q.jsonl": rows(row), "d.jsonl": rows(document, {**document, "name": "d2"})})
    case = suite.splits["test"].cases[0]
    assert (case.references, case.stale) == (("Ann", "Bo"), ())
    assert case.evidence == (Evidence(document="d1"), Evidence(document="d2"))
    assert [document.metadata for document in suite.documents] == [{"topic": "people"}] * 2


def test_whole_numbers(load: Load) -> None:
    """A number that is whole is written without a point, in references and in templates."""
    case = 'case: {question: "{{ q }} {{ n }}", references: n}'
    suite = load(selection(f"file: q.jsonl, {case}"), **{"q.jsonl": rows({"q": "how many?", "n": 51.0})})
    assert suite.splits["test"].cases[0].references == ("51",)
    assert suite.splits["test"].cases[0].question == "how many? 51"


def test_where_and_other_files(load: Load) -> None:
    """Rows are taken by value, and by whether another file of the source has theirs."""
    questions = rows(*({"question": f"q{n}?", "references": "a", "n": n, "ok": n > 1} for n in range(6)))
    files = {"q.jsonl": questions, "held.jsonl": rows({"number": 2}, {"number": 5})}

    def taken(text: str) -> list[str]:
        return [case.question for case in load(selection(f"file: q.jsonl, {text}"), **files).splits["test"].cases]

    held = "{file: held.jsonl, by: n, field: number}"
    assert taken("where: {ok: true, n: [0, 2, 3]}") == ["q2?", "q3?"]
    assert taken(f"only_in: {held}") == ["q2?", "q5?"]
    assert taken(f"not_in: {held}, where: {{ok: true}}") == ["q3?", "q4?"]


def test_parts_keep_values_together(load: Load) -> None:
    """Two parts share no document, together they are all rows, and they are of about the sizes that were asked for."""
    files = {"q.jsonl": rows(*({"question": f"q{n}?", "references": "a", "d": f"d{n // 5}"} for n in range(1000)))}
    manifest = """
splits:
  train: {kind: train, from: {source: bank, file: q.jsonl, part: {by: d, to: 0.7}, case: {stale: d}}}
  test: {kind: in-domain, from: {source: bank, file: q.jsonl, part: {by: d, from: 0.7}, case: {stale: d}}}
"""
    splits = load(manifest, **files).splits
    documents = {name: {case.stale for case in split.cases} for name, split in splits.items()}
    assert not documents["train"] & documents["test"]
    assert sum(len(split.cases) for split in splits.values()) == 1000
    assert 600 < len(splits["train"].cases) < 800


def test_limit_is_drawn(load: Load) -> None:
    """A limit draws by its seed, always the same and not the first; several selections make one split."""
    files = {"q.jsonl": rows(*({"question": f"q{n}?", "references": "a"} for n in range(200)))}

    def drawn(more: str) -> list[str]:
        limited = f"{{source: bank, file: q.jsonl, limit: 20{more}}}"
        both = f"splits: {{test: {{kind: in-domain, from: [{limited}, {{source: bank, file: questions.csv, case: "
        suite = load(both + "{question: text, references: topic}}]}}", **files)
        return [case.question for case in suite.splits["test"].cases]

    assert drawn("") == drawn(", seed: 0") != drawn(", seed: 1")
    assert drawn("")[:20] != [f"q{n}?" for n in range(20)]
    assert drawn("")[20:] == ["Where is my card?", "What rate?"]


def test_without(load: Load) -> None:
    """Train leaves out what a named split asks, however it is written, and what is answered by the same document."""
    train = rows(
        {"question": "Who  LEADS?", "references": "a", "d": "d1"},
        {"question": "Who follows?", "references": "a", "d": "d2"},
        {"question": "Who rests?", "references": "a", "d": "d3"},
    )
    manifest = """
corpus: {from: {source: bank, file: d.jsonl, document: {id: id}}}
splits:
  train: {kind: train, from: {source: bank, file: train.jsonl, case: {evidence: d}}, without: [test]}
  test: {kind: in-domain, from: {source: bank, file: test.jsonl, case: {evidence: d}}}
"""
    test = rows({"question": "who leads?", "references": "a", "d": "d2"})
    documents = rows(*({"id": name, "text": name} for name in ("d1", "d2", "d3")))
    suite = load(manifest, **{"train.jsonl": train, "test.jsonl": test, "d.jsonl": documents})
    assert [case.question for case in suite.train] == ["Who rests?"]
    assert suite.notes == ("train: 2 of 3 cases were left out, whose question or evidence stands in test",)


def test_defaults_of_a_source(load: Load) -> None:
    """What a source says of format and mapping holds for its selections that don't say otherwise."""
    manifest = """
sources:
  bank: {format: csv, case: {question: text, references: category}, license: CC BY 4.0, citation: "A. Author. 2020."}
splits:
  one: {kind: in-domain, from: {source: bank, file: questions}}
  two: {kind: shifted, from: {source: bank, file: questions, case: {id: text, question: text, references: topic}}}
"""
    suite = load(manifest, questions=QUESTIONS)
    assert [split.cases[0].references for split in suite.tests] == [("card_arrival",), ("cards",)]
    assert [(source.name, source.license, source.citation) for source in suite.sources] == [
        ("bank", "CC BY 4.0", "A. Author. 2020.")
    ]


def test_mappings_are_laid_over_one_another(load: Load) -> None:
    """A selection's mapping changes what it names in its source's, and that in what suits the format; a source's
    mapping says nothing of another format's rows."""
    manifest = """
sources: {bank: {format: squad, case: {id: "s-{{ id }}"}}}
corpus: {from: {source: bank, file: q.json}}
splits:
  one: {kind: in-domain, from: {source: bank, file: q.json, case: {question: "Say: {{ question }}"}}}
  two: {kind: shifted, from: {source: bank, file: questions.csv, format: csv, case: {question: text, references: text}}}
"""
    question = {"id": "q", "question": "Who?", "answers": [{"text": "Ann", "answer_start": 0}]}
    squad = {"data": [{"paragraphs": [{"context": "Ann did.", "qas": [question]}]}]}
    splits = load(manifest, **{"q.json": json.dumps(squad)}).splits
    assert [(c.id, c.question, c.references) for c in splits["one"].cases] == [("s-q", "Say: Who?", ("Ann",))]
    assert splits["two"].cases[0].id == "bank/questions:1"


def test_files_of_the_suite_itself(tmp_path: Path) -> None:
    """Without a source, the file lies beside suite.yaml, and no --data is needed."""
    mapping = "{file: questions.csv, case: {question: text, references: category}}"
    (tmp_path / "suite.yaml").write_text(f"name: own\nsplits: {{test: {{kind: in-domain, from: {mapping}}}}}")
    (tmp_path / "questions.csv").write_text(QUESTIONS)
    assert len(load_suite(str(tmp_path)).splits["test"].cases) == 2


def test_hash_covers_data(load: Load) -> None:
    """A byte of any data file that was read changes the suite's hash; a file that wasn't read doesn't."""
    manifest = selection("file: q.jsonl, not_in: {file: other.jsonl, by: question}")
    files = {"q.jsonl": rows({"question": "q?", "references": "a"}), "other.jsonl": rows({"question": "r?"})}
    first = load(manifest, **files).hash
    assert load(manifest, **{**files, "unread.jsonl": "x"}).hash == first
    for name in files:
        assert load(manifest, **{**files, name: files[name] + "\n"}).hash != first


def test_data_that_are_not_there(tmp_path: Path) -> None:
    """A suite whose data are absent tells which, from where, under which licence, and how they are given."""
    (tmp_path / "suite.yaml").write_text(
        "name: far\nsources:\n  bank: {path: banks/one, url: 'https://b.example', license: MIT}\n"
        "splits: {test: {kind: in-domain, from: [{source: bank, file: b.csv}, {source: bank, file: a.csv}]}}"
    )
    for data in (None, tmp_path):
        with pytest.raises(InputError) as caught:
            load_suite(str(tmp_path), data)
        assert "give it with --data:\n  banks/one: a.csv, b.csv (https://b.example, licence MIT)" in str(caught.value)


def test_a_data_folder_that_is_none(tmp_path: Path) -> None:
    """A folder that isn't there is told as such, and a source without address or licence without empty brackets."""
    (tmp_path / "suite.yaml").write_text(
        "name: asked\nsources: {bank: {}}\nsplits: {test: {kind: in-domain, from: {source: bank, file: a.jsonl}}}\n"
    )
    with pytest.raises(InputError) as caught:
        load_suite(str(tmp_path), tmp_path / "nothere")
    assert f"aren't in {tmp_path / 'nothere'} (which is no folder)" in str(caught.value)
    assert str(caught.value).endswith("bank: a.jsonl")


def test_all_mistakes_at_once(load: Load) -> None:
    """Fields that no row has are told once, with the nearest known; so are the mistakes of other selections."""
    manifest = """
splits:
  one: {kind: in-domain, from: {source: bank, file: questions.csv, case: {question: txt, references: "{{ catgory }}"}}}
  two: {kind: shifted, from: [{source: bnak, file: questions.csv}, {source: bank, file: gone.csv}]}
  three: {kind: shifted, from: {source: bank, file: questions.csv, where: {topik: cards}}}
  four: {kind: shifted, from: {source: bank, file: questions.csv, format: exel}}
  five: {kind: shifted, from: {source: bank, file: questions.csv, options: {colums: [a]}}}
"""
    told = message(load, manifest)
    assert (
        "suite.yaml: splits.one.from.0: no row has the field 'txt' (did you mean 'text'?); the fields are text" in told
    )
    assert "splits.one.from.0: no row has the field 'catgory' (did you mean 'category'?)" in told
    assert "splits.two.from.0: unknown source 'bnak'. Did you mean 'bank'?" in told
    assert "splits.two.from.1:" in told
    assert "there is no file 'gone.csv'" in told
    assert "no row has the field 'topik' (did you mean 'topic'?)" in told
    assert "splits.four.from.0: unknown format 'exel'" in told
    assert "splits.five.from.0: options: unknown key 'colums' (did you mean 'columns'?)" in told


def test_unknown_keys(load: Load) -> None:
    """A key that no selection has is told with its place and the nearest known one, under its name in the file."""
    told = message(load, "splits: {test: {kind: in-domain, from: {source: bank, fiel: q, part: {by: q, form: 0.5}}}}")
    assert "unknown key 'splits.test.from.0.fiel' (did you mean 'file'?)" in told
    assert "unknown key 'splits.test.from.0.part.form' (did you mean 'from'?); known: by, from, to" in told
    told = message(load, "splits: {test: {kind: in-domain, without: [tset]}}")
    assert "give either a `file` of this folder, or `from`" in told
    told = message(load, "splits: {test: {kind: in-domain, file: a, without: [tset]}}")
    assert "`without` names tset, and there is no such split; the splits are test" in told


@pytest.mark.parametrize(
    ("case", "told"),
    [
        ("{question: text, references: none}", "q.jsonl:2: references: tuple should have at least 1 item"),
        ("{question: none, references: text}", "q.jsonl:2: question: is blank"),
        ("{question: text, references: text, labels: {one: eins}}", "q.jsonl:2: `labels` has no text for ['two']"),
        ("{question: text, choices: [text, n], right: n}", "q.jsonl:2: '7' is the number or letter of none of 2"),
        ("{question: deep, references: text}", "q.jsonl:2: 'deep' holds fields of its own (a, b); name one of them"),
        ("{question: text, references: deepest}", "q.jsonl:2: maximum recursion depth exceeded"),
        ("{question: many, references: text}", "q.jsonl:2: 'many' holds 2 values where one is wanted"),
        ("{question: \"{{ text | after('o') }}\", references: text}", "q.jsonl:1: \"{{ text | after('o') }}\" can't"),
    ],
)
def test_rows_that_make_no_case(load: Load, case: str, told: str) -> None:
    """A row of which no case can be made is a problem that is told with its line, and never dropped."""
    lines = rows(
        {"text": "one" if "after" not in case else "ne", "none": "x", "n": 1, "many": "a", "deep": "a", "deepest": "a"},
        {"text": "two", "none": None, "n": 7, "many": ["a", "b"], "deep": {"a": 1, "b": 2}, "deepest": "[]"},
    ).replace('"[]"', "[" * 600 + '"a"' + "]" * 600)
    assert told in message(load, selection(f"file: q.jsonl, case: {case}"), **{"q.jsonl": lines}).replace(
        "Tuple", "tuple"
    )


def test_an_empty_choice_before_another_one(load: Load) -> None:
    """A letter would mean the wrong choice where an earlier one is empty, so it is refused; at the end it may be."""
    manifest = selection("file: q.csv, case: {question: q, choices: [A, B, C, D], right: answer}")
    told = message(load, manifest, **{"q.csv": "q,A,B,C,D,answer\nQ1,ant,,cow,dog,C\n"})
    assert "q.csv:2: a choice before the last is empty" in told
    suite = load(manifest, **{"q.csv": "q,A,B,C,D,answer\nQ1,ant,bee,cow,,C\n"})
    assert suite.splits["test"].cases[0].references == ("cow",)
    assert suite.splits["test"].cases[0].choices == ("ant", "bee", "cow")


def test_words_that_yaml_takes_for_booleans(load: Load) -> None:
    """A label that YAML reads as a boolean is refused with what to do about it."""
    told = message(load, selection("file: questions.csv, case: {labels: {cards: yes}, choices: {texts: [no, on]}}"))
    assert told.count("put words such as yes, no, on and off in quotes") == 3


def test_no_row(load: Load) -> None:
    """A selection that lets no row through is a mistake, also where another one fills the split."""
    case = "case: {question: text, references: topic}"
    one, none = (
        f"{{source: bank, file: questions.csv, where: {{topic: {topic}}}, {case}}}" for topic in ("cards", "x")
    )
    told = message(load, f"splits: {{test: {{kind: in-domain, from: [{one}, {none}]}}}}")
    assert "splits.test.from.1: takes no row" in told


@pytest.mark.parametrize("name", ["../secret.csv", "link.csv", "{root}/secret.csv", "a\\0b.csv"])
def test_files_stay_inside(load: Load, tmp_path: Path, name: str) -> None:
    """A file outside its source's folder isn't read: not by dots, not from the root, not by a link."""
    load(selection("file: questions.csv, case: {question: text, references: topic}"))
    secret = tmp_path / "data" / "secret.csv"
    secret.write_text(QUESTIONS)
    (tmp_path / "data" / "bank" / "link.csv").symlink_to(secret)
    name = name.replace("{root}", str(secret.parent))
    told = message(load, selection(f'file: "{name}", case: {{question: text, references: topic}}'))
    assert "lies outside that folder" in told or "there is no file" in told


@pytest.mark.parametrize("path", ["../elsewhere", "linked", "{root}/elsewhere"])
def test_sources_stay_inside(load: Load, tmp_path: Path, path: str) -> None:
    """A source's folder lies inside the folder of data."""
    load(selection("file: questions.csv, case: {question: text, references: topic}"))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "questions.csv").write_text(QUESTIONS)
    (tmp_path / "data" / "linked").symlink_to(tmp_path / "elsewhere")
    path = path.replace("{root}", str(tmp_path))
    manifest = f"sources: {{bank: {{path: {path}}}}}\n" + selection("file: questions.csv")
    assert "lies outside the folder of data" in message(load, manifest)


def test_the_documentation(tmp_path: Path) -> None:
    """The table and the suite.yaml that docs/suites-from-data.md shows make a suite."""
    page = (Path(__file__).parents[2] / "docs" / "suites-from-data.md").read_text(encoding="utf-8")
    for name, text in re.findall(r"^```\w+ file=(\S+)\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        (tmp_path / name).write_text(text, encoding="utf-8")
    suite = load_suite(str(tmp_path))
    assert [case.references for case in suite.train] == [("billing",), ("billing",), ("access",)]
    case = suite.splits["asked"].cases[0]
    assert (case.question, case.choices) == ("To Oslo: I can't log in", ("access", "billing", "orders"))
