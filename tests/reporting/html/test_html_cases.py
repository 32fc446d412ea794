"""What the page is given of the cases: every row in its place, and no more than the page can hold."""

import json
import zlib
from base64 import b64decode

import pytest

from harness.comparison import PromptRow
from harness.reporting.html import cases
from harness.reporting.html.material import gather


@pytest.fixture(scope="module")
def run(make_run):
    return make_run(["base", "lora"], ["zero-shot", "rag-3"], ["in_domain", "retention"], 6)


def pack(run, folder):
    found = cases.pack_cases(run.comparison, gather(run.write(folder), run.comparison))
    return found, json.loads(zlib.decompress(b64decode(found.text)))


def text(data, place):
    found = data["strings"][place]
    return found if isinstance(found, str) else found[0]


def test_rows_are_in_their_places(run, tmp_path):
    """Question, answer, scores, cause, passages and prompt of a case are those of its rows."""
    _, data = pack(run, tmp_path)
    split, place, variant = data["splits"][1], 4, [v["name"] for v in data["variants"]].index("lora/rag-3")
    case = run.cases[6 + place]
    (answer,), (asked,) = split["answers"][variant][place], split["asked"][1][place]
    rows = {r.metric: r.value for r in run.rows if (r.variant, r.case) == ("lora/rag-3", case.case)}
    assert text(data, split["cases"][place]["question"]) == case.question
    assert text(data, answer["text"]) == run.outputs["lora", "rag-3", "retention"][place]["text"]
    assert dict(zip(split["metrics"], answer["scores"], strict=True)) == {
        "exact match": rows["exact_match"],
        "token F1": rows["token_f1"],
    }
    assert "cause" in answer
    shown = [text(data, data["passages"][passage]["text"]) for passage in asked["passages"]]
    assert shown == [passage.text for passage in run.passages[18 + 3 * place : 21 + 3 * place]]
    assert "".join(text(data, piece) for piece in asked["prompt"]) == run.prompts["rag-3", "retention"][place].text


def test_seeds_that_saw_the_same_are_one(make_run, tmp_path):
    """What seeds were asked alike is told once, with the seeds; other shots are told beside it."""
    run = make_run(["base"], ["zero-shot"], ["in_domain"], 1)
    (output,) = run.outputs["base", "zero-shot", "in_domain"]
    run.outputs["base", "zero-shot", "in_domain"] = [{**output, "seed": seed} for seed in range(3)]
    case = run.cases[0].case
    texts = ("one", "one", "other")
    run.prompts["zero-shot", "in_domain"] = [PromptRow(case=case, seed=s, text=t) for s, t in enumerate(texts)]
    _, data = pack(run, tmp_path)
    assert [asked["seeds"] for asked in data["splits"][0]["asked"][0][0]] == [[0, 1], [2]]


def test_too_many_cases_are_cut(run, tmp_path, monkeypatch):
    """Of more answers than a page can hold the first cases of each split are there, and a note says so."""
    monkeypatch.setattr(cases, "_MOST_ANSWERS", 4 * 2 * 3)
    found, data = pack(run, tmp_path)
    assert [len(split["cases"]) for split in data["splits"]] == [3, 3]
    assert found.notes == ("Here are the first 3 cases of each split, which has up to 6.",)


def test_long_texts_give_way_to_the_budget(run, tmp_path, monkeypatch):
    """Where the cases would be too large, texts are cut shorter, the longest ones first, and their length is kept."""
    monkeypatch.setattr(cases, "_BUDGET", 1)
    _, data = pack(run, tmp_path)
    cut = [found for found in data["strings"] if not isinstance(found, str)]
    assert {len(beginning) for beginning, _ in cut} == {250}
    assert max(length for _, length in cut) == max(len(passage.text) for passage in run.passages)
