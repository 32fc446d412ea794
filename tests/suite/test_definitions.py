"""The suites that name real data: all cases of the files are loaded, and the definitions keep what they promise."""

import csv
import json
from functools import lru_cache
from pathlib import Path

import pytest

from harness._settings import read_yaml, validate
from harness.errors import InputError
from harness.suite import Suite, load_suite
from harness.suite.checks import normal
from harness.suite.files import SuiteFile

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
COUNTS = {
    "commonsense": {
        "train": 16841,
        "validation": 873,
        "openbookqa": 500,
        "arc_easy": 2376,
        "arc_challenge": 1172,
        "boolq": 3270,
        "piqa": 1838,
        "social_iqa": 1954,
        "winogrande": 1267,
    },
    "arithmetic": {
        "train": 7090,
        "validation": 383,
        "gsm8k": 1319,
        "gsm_hard": 1319,
        "svamp": 1000,
        "multiarith": 600,
        "addsub": 395,
        "singleeq": 508,
        "aqua": 254,
    },
    "sentence-pairs": {
        "train": 7163,
        "validation": 714,
        "rte": 277,
        "mrpc": 408,
        "cola": 527,
        "cola_other_books": 516,
        "med": 5382,
        "breaking_nli": 8193,
        "snli_hard": 3261,
    },
    "open-book-qa": {"train": 1718, "validation": 211, "in_domain": 698, "covid_qa": 1380, "xquad_en": 1190},
    "knowledge-update": {"train": 254, "validation": 127, "before": 127, "changed": 54, "unchanged": 66},
    "intents": {"train": 9505, "validation": 491, "in_domain": 3080},
    "yes-no": {"train": 1861, "validation": 200, "strategyqa": 229, "pubmedqa": 500},
}
needs_data = pytest.mark.skipif(
    not DATA.is_dir(), reason=f"the real data are not beside the project (looked in {DATA})"
)


@lru_cache
def loaded(name: str) -> Suite:
    return load_suite(str(ROOT / "suites" / name), DATA)


@pytest.mark.parametrize("name", COUNTS)
def test_says_what_it_needs(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A definition brings no data; without --data it tells which it needs, from where and under which licence."""
    assert [path.name for path in (ROOT / "suites" / name).iterdir()] == ["suite.yaml"]
    manifest = validate(read_yaml(ROOT / "suites" / name / "suite.yaml"), SuiteFile, place=name)
    for source in manifest.sources.values():
        assert source.url
        assert source.license
        assert source.citation
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match="give it with --data") as caught:
        load_suite(str(ROOT / "suites" / name))
    assert all(source.url in str(caught.value) for source in manifest.sources.values() if not source.hub)


@needs_data
@pytest.mark.parametrize("name", COUNTS)
def test_counts(name: str) -> None:
    """Every split has all the cases that its files have for it."""
    assert {split.name: len(split.cases) for split in loaded(name).splits.values()} == COUNTS[name]


@needs_data
@pytest.mark.parametrize("name", COUNTS)
def test_nothing_is_learnt_that_is_tested(name: str) -> None:
    """No question of a test split stands in train, nor is any document of its evidence trained on, but where facts are
    learnt on purpose."""
    suite = loaded(name)
    tests = [case for split in suite.tests for case in split.cases]
    assert not {normal(case.question) for case in suite.train} & {normal(case.question) for case in tests}
    if name != "knowledge-update":
        assert not {e.document for c in suite.train for e in c.evidence} & {
            e.document for c in tests for e in c.evidence
        }


@needs_data
def test_open_book_evidence_holds_the_answer() -> None:
    """In each of the three sets the evidence of a case holds one of its answers, in COVID-QA and XQuAD just that."""
    suite = loaded("open-book-qa")
    texts = {document.id: document.text for document in suite.documents}
    for split in suite.tests:
        for case in split.cases:
            for evidence in case.evidence:
                text = texts[evidence.document][evidence.start : evidence.end]
                found = text in case.references if evidence.start is not None else any(
                    reference.casefold() in text.casefold() for reference in case.references
                )  # fmt: skip
                assert found, case.id


@needs_data
def test_open_book_leaves_out_shared_passages() -> None:
    """Training questions on passages that test questions are on are left out, equal texts counting as one passage."""
    rows = {
        name: [json.loads(line) for line in (DATA / "nq_oracle" / f"{name}.jsonl").read_text().splitlines()]
        for name in ("train", "test")
    }
    shared = {row["gold_passage"] for row in rows["train"]} & {row["gold_passage"] for row in rows["test"]}
    assert len(shared) == 20
    suite = loaded("open-book-qa")
    assert len(rows["train"]) - len(suite.train) - len(suite.validation) == 28  # 23 by id, 5 by text
    texts = {document.id: " ".join(document.text.split()) for document in suite.documents}
    taught = {texts[case.evidence[0].document] for case in (*suite.train, *suite.validation)}
    assert taught.isdisjoint(texts[case.evidence[0].document] for case in suite.splits["in_domain"].cases)
    assert sum("cases were left out" in note for note in suite.notes) == 2


@needs_data
def test_arithmetic_references_are_numbers() -> None:
    """A reference of GSM8K is the number after the last `####`, and that of every other free answer is a number."""
    suite = loaded("arithmetic")
    for split in suite.splits.values():
        if not split.chooses:
            assert [float(case.references[0]) for case in split.cases]
            assert split.kind == "train" or split.metrics == ("number(0.001)",)
    rows = [json.loads(line) for line in (DATA / "arithmetic" / "gsm8k" / "test.jsonl").read_text().splitlines()]
    ends = [row["answer"].split("#### ")[-1].replace(",", "") for row in rows]
    assert [case.references[0] for case in suite.splits["gsm8k"].cases] == ends


@needs_data
def test_intents_choices() -> None:
    """Every case chooses among all 77 intents, by the same names in train and test."""
    with (DATA / "banking77" / "categories.json").open() as file:
        intents = {name.replace("_", " ") for name in json.load(file)}
    suite = loaded("intents")
    choices = {case.choices for split in suite.splits.values() for case in split.cases}
    assert [set(names) for names in choices] == [intents]


@needs_data
def test_cola_books() -> None:
    """CoLA's two parts are sentences of books that train has sentences of, and of books that it has none of."""
    with (DATA / "glue_small" / "CoLA" / "train.tsv").open(encoding="utf-8", newline="") as file:
        books = {row[0] for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)}
    with (DATA / "glue_small" / "CoLA" / "dev.tsv").open(encoding="utf-8", newline="") as file:
        dev = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    suite = loaded("sentence-pairs")
    assert len(suite.splits["cola"].cases) == sum(row[0] in books for row in dev)
    assert len(suite.splits["cola_other_books"].cases) == sum(row[0] not in books for row in dev)


@needs_data
def test_knowledge_changes() -> None:
    """A changed fact has other answers than before and an outdated one; an unchanged one has the same."""
    suite = loaded("knowledge-update")
    before = {case.question: set(case.references) for case in suite.splits["before"].cases}
    for case in suite.splits["changed"].cases:
        assert before[case.question] != set(case.references)
        assert before[case.question] & {*case.stale, *case.references}
    for case in suite.splits["unchanged"].cases:
        assert before[case.question] == set(case.references)


@needs_data
@pytest.mark.parametrize("split", ["before", "changed"])
def test_knowledge_of_the_day(split: str) -> None:
    """A day's corpus states every right answer of that day as a sentence, and no answer that is outdated by then."""
    suite = loaded("knowledge-update")
    texts = {d.text for d in suite.corpus(suite.splits[split].as_of) if d.metadata["kind"] == "statement"}
    for case in suite.splits[split].cases:
        subject = case.question.removesuffix("?").partition(" is the ")[2]
        assert all(f"The {subject} is {answer}." in texts for answer in case.references)
        assert not any(f"The {subject} is {answer}." in texts for answer in case.stale)


@needs_data
def test_pubmedqa_is_the_official_test() -> None:
    """The PubMedQA cases are those that the authors test on, with the authors' decisions."""
    truth = json.loads((DATA / "pubmedqa" / "test_ground_truth.json").read_text())
    cases = loaded("yes-no").splits["pubmedqa"].cases
    assert {case.id: case.references[0] for case in cases} == truth
