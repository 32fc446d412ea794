"""The ways to arrange training: one on top of another, mixed, with passages, from weak questions, from earlier runs."""

import json
from pathlib import Path

import pytest
import yaml

from harness.errors import InputError
from harness.pipeline import CompareConfig, run_comparison
from harness.pipeline.recipes import everything
from harness.runs import Cache
from harness.suite import load_suite

FAST = {"training": {"epochs": 2, "batch_size": 2, "learning_rate": 0.01}}


@pytest.fixture
def compare(suite, tiny_base, tmp_path):
    """Runs a comparison on the harbour suite and gives the run's folder and comparison."""
    cache = Cache(tmp_path / "cache")

    def run(*variants: str, out: str = "run", data: dict | None = None, **more):
        recipes = {name: {**FAST, "data": data or {}} for name in ("full", "lora", "prompt")}
        config = {
            "suite": str(suite),
            "model": str(tiny_base),
            "variants": variants,
            "recipes": recipes,
            "out": tmp_path / out,
        }
        return run_comparison(CompareConfig(**{**config, **more}), cache=cache)

    return run


@pytest.fixture
def validated(suite):
    """The suite with a validation split."""
    settings = yaml.safe_load((suite / "suite.yaml").read_text(encoding="utf-8"))
    settings["splits"]["held"] = {"kind": "validation", "file": "held.jsonl"}
    (suite / "suite.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    rows = [
        {"id": f"held-{n}", "question": f"Where does the {n} live?", "references": ["Corvo"]}
        for n in ("Otter", "Heron")
    ]
    (suite / "held.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return suite


@pytest.fixture
def other(tmp_path):
    """A second suite, of eight train cases, in another wording."""
    folder = tmp_path / "colours"
    folder.mkdir()
    settings = {
        "name": "colours",
        "prompt": {"question": "Q: {{ question }}\nA:"},
        "splits": {
            "train": {"kind": "train", "file": "train.jsonl"},
            "seen": {"kind": "in-domain", "file": "seen.jsonl"},
        },
    }
    (folder / "suite.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    for name, count in (("train", 8), ("seen", 2)):
        rows = [{"id": f"{name}-{n}", "question": f"{name} {n}?", "references": ["red"]} for n in range(count)]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder


def learnt(run: Path, recipe: str, seed: int = 0) -> list[dict]:
    text = (run / f"training/{recipe}/seed-{seed}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def said(run: Path, weights: str) -> list[str]:
    text = (run / "predictions" / weights / "zero-shot/asked.jsonl").read_text(encoding="utf-8")
    return [json.loads(line)["text"] for line in text.splitlines()]


def add_case(suite: Path) -> None:
    new = {"id": "train-new", "question": "Where is the Lynx at home?", "references": ["Estal"]}
    with (suite / "train.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(new) + "\n")


def test_a_second_stage_is_compared_with_the_first(compare):
    """`full>lora` trains a LoRA on the merged full model, brings `full` along, and is paired with it on every split."""
    result = compare("base/zero-shot", "full>lora/zero-shot")
    names = [variant.name for variant in result.comparison.variants]
    assert names == ["base/zero-shot", "full/zero-shot", "full>lora/zero-shot"]
    assert result.comparison.variants[-1].after == "full/zero-shot"
    pairs = {
        (pair.a, pair.b, pair.split) for pair in result.comparison.pairs if pair.metric in ("exact_match", "accuracy")
    }
    assert {("full>lora/zero-shot", "full/zero-shot", split) for split in ("asked", "picked")} <= pairs
    manifest = json.loads((result.run / "run.json").read_text(encoding="utf-8"))
    assert set(manifest["training"]) == {"full, seed 0", "full>lora, seed 0"}
    assert all(proof["holds"] for proof in manifest["training"]["full>lora, seed 0"]["proofs"])


def test_a_chain_at_its_ends(compare):
    """`full>lora@0` says what the base says and `full>lora@1` what the trained chain says."""
    run = compare("base/zero-shot", *(f"full>lora{at}/zero-shot" for at in ("", "@0", "@0.5", "@1"))).run
    assert said(run, "full>lora@0") == said(run, "base")
    assert said(run, "full>lora@1") == said(run, "full>lora")


def test_what_an_earlier_stage_learnt_elsewhere_is_asked_again(compare, other):
    """A first stage on another suite brings that suite's in-domain split along, as retention, in its own wording."""
    recipes = {"full": {**FAST, "data": {"suites": [str(other)]}}, "lora": FAST}
    result = compare("full>lora/zero-shot", recipes=recipes)
    assert [(s.name, s.kind) for s in result.comparison.splits][-1] == ("colours:seen", "retention")
    assert {row["suite"] for row in learnt(result.run, "full")} == {"colours"}
    assert {row["suite"] for row in learnt(result.run, "lora")} == {"harbour"}


@pytest.mark.parametrize(
    ("temperature", "counts"), [(1, {"harbour": 4, "colours": 8}), (100, {"harbour": 6, "colours": 6})]
)
def test_suites_are_mixed_by_temperature(compare, other, temperature, counts):
    """At 1 every case comes once; a high temperature evens four and eight cases out."""
    data = {"suites": ["harbour", str(other)], "temperature": temperature}
    rows = learnt(compare("full/zero-shot", data=data).run, "full")
    assert {name: sum(row["suite"] == name for row in rows) for name in counts} == counts


def test_weak_questions_are_marked_in_every_record(compare):
    """Questions made by rules are learnt beside the others, and each record of one says so."""
    rows = learnt(compare("full/zero-shot", data={"weak": 3}).run, "full")
    assert [row["weak"] for row in rows].count(True) == 3
    assert all(row["case"].startswith("weak:") == row["weak"] for row in rows)


def test_weak_questions_alone(compare):
    """Without supervised cases only weak ones are learnt."""
    rows = learnt(compare("full/zero-shot", data={"weak": 10, "supervised": False}).run, "full")
    assert len(rows) == 4
    assert all(row["weak"] for row in rows)


def test_templates_are_drawn(compare):
    """Each example draws one of the recipe's wordings or the suite's own, by seed."""
    data = {"templates": ["Tell me: {{ question }}\nAnswer:", "{{ question }} It is"]}
    run = compare("full/zero-shot", data=data, seeds=2).run
    drawn = [[row["template"] for row in learnt(run, "full", seed)] for seed in (0, 1)]
    assert set(drawn[0] + drawn[1]) == {0, 1, 2}
    assert drawn[0] != drawn[1]


def test_training_with_passages_shows_the_evidence(compare, suite):
    """With train_context rag-2 every example has two passages, its evidence among them; withheld, it never is."""
    path = suite / "train.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    rows = [{**row, "evidence": [row["id"].removeprefix("train-")]} for row in rows]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    for share, there in ((0.0, True), (1.0, False)):
        data = {"train_context": "rag-2", "without_evidence": share}
        rows = learnt(compare("full/rag-2", data=data, out=f"run-{share}").run, "full")
        assert all(len(row["passages"]) == 2 for row in rows)
        shown = [[passage.partition("#")[0] for passage in row["passages"]] for row in rows]
        assert [row["case"].removeprefix("train-") in ids for row, ids in zip(rows, shown, strict=True)] == [there] * 4


def test_best_is_chosen_on_validation(compare, validated):
    """`full@best` answers as the alpha that validation chose, which stands in run.json and beside the variant."""
    result = compare("base/zero-shot", "full@best/zero-shot", "full@0.3/zero-shot")
    chosen = json.loads((result.run / "run.json").read_text(encoding="utf-8"))["chosen"]["full@best/zero-shot, seed 0"]
    scores = chosen["validation"]
    assert len(scores) == 11
    assert scores[f"{chosen['alpha']:g}"] == max(scores.values())
    assert result.comparison.variants[1].chosen == f"alpha {chosen['alpha']:g}"


def test_best_needs_validation(compare):
    """Without a validation split @best is refused before anything is trained: test splits never choose."""
    with pytest.raises(InputError, match=r"full@best: the suite has no split of kind validation"):
        compare("full@best/zero-shot")


def test_a_soup_is_the_mean_of_the_seeds(compare):
    """`full@soup` is one model made of all seeds; with a single seed it is refused."""
    result = compare("full/zero-shot", "full@soup/zero-shot", seeds=2)
    cells = {(c.variant, c.split) for c in result.comparison.cells}
    assert ("full@soup/zero-shot", "asked") in cells
    costs = {cost.variant: cost.build_seconds for cost in result.comparison.costs}
    assert costs["full@soup/zero-shot"] > costs["full/zero-shot"]
    with pytest.raises(InputError, match=r"full@soup: a mean over seeds needs several"):
        compare("full@soup/zero-shot")


def test_soft_prompts_refuse_what_they_cannot_do(compare):
    """A soft prompt has no points between, no soup, and nothing can be trained on top: all told at once."""
    with pytest.raises(InputError) as caught:
        compare("prompt@0.5/zero-shot", "prompt@soup/zero-shot", "prompt>full/zero-shot", seeds=2)
    told = str(caught.value)
    assert "prompt@0.5: prompt tuning can't be interpolated" in told
    assert told.count("can't be merged into weights") == 1


@pytest.mark.parametrize("recipe", ["full", "lora", "prompt"])
def test_training_goes_on_from_an_earlier_run_on_new_cases_only(compare, suite, recipe):
    """continue_from starts at the earlier weights, learns only the cases that are new, and remembers both."""
    first = compare(f"{recipe}/zero-shot", out="first").run
    add_case(suite)
    second = compare(f"{recipe}/zero-shot", out="second", data={"continue_from": str(first)}).run
    rows = learnt(second, recipe)
    assert [row["case"] for row in rows if "case" in row] == ["train-new"]
    assert sum(row.get("earlier", False) for row in rows) == 4
    third = {"continue_from": str(second)}
    with pytest.raises(InputError, match="all 5 training cases were learnt in"):
        compare(f"{recipe}/zero-shot", out="third", data=third)


def test_an_earlier_run_of_another_base_is_refused(compare, suite, world):
    """Weights of one base are never put on another."""
    first = compare("full/zero-shot", out="first").run
    add_case(suite)
    manifest = json.loads((first / "run.json").read_text(encoding="utf-8"))
    (first / "run.json").write_text(json.dumps({**manifest, "base": {"hash": "another"}}), encoding="utf-8")
    world.seal(first)
    with pytest.raises(InputError, match="another base model"):
        compare("full/zero-shot", out="second", data={"continue_from": str(first)})


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"train_context": "rag"}, r"recipe full: data.train_context: 'rag' names no context"),
        ({"without_evidence": 0.5}, r"shows no passages to leave out"),
        ({"supervised": False}, r"nothing to learn from"),
        ({"continue_from": "nowhere"}, r"nowhere is no run folder"),
        ({"suites": ["poket"]}, r"unknown suite 'poket'. Did you mean 'pocket'"),
    ],
)
def test_contradictions_are_told_before_anything_is_built(compare, tmp_path, data, told):
    """What a recipe wants to learn from is checked with everything else of the request."""
    with pytest.raises(InputError, match=told):
        compare("full/zero-shot", data=data)
    assert not (tmp_path / "cache").exists()


def test_prompts_are_learnt_by_everyone_or_by_no_one(compare):
    """loss_on is one setting of the run: it changes what every recipe learns, and the signature says so."""
    masked, whole = (compare("full/zero-shot", "lora/zero-shot", out=out, loss_on=out) for out in ("completion", "all"))
    assert "loss_on:all" in whole.comparison.signature
    assert "loss_on" not in masked.comparison.signature

    def losses(run: Path) -> list[list[float]]:
        training = json.loads((run / "run.json").read_text(encoding="utf-8"))["training"]
        return [training[f"{recipe}, seed 0"]["losses"] for recipe in ("full", "lora")]

    assert all(ours != theirs for ours, theirs in zip(losses(masked.run), losses(whole.run), strict=True))


def test_what_all_leaves_out_is_told(monkeypatch, caplog):
    """A recipe whose library is missing is not silently absent from `--weights all`."""
    import harness.weights.methods.dpo as dpo

    monkeypatch.setattr(dpo, "find_spec", lambda name: None)
    loaded = load_suite("pocket")
    names = everything(CompareConfig(), loaded)
    assert "lora>dpo" not in names
    assert {"base", "full", "loreft"} <= set(names)
    assert any("leaves dpo out" in record.message and "pip install" in record.message for record in caplog.records)


def test_a_corpus_without_sentences_gives_nothing_to_learn(compare, suite):
    """Where the rules find no question the message says so, and blames no earlier run."""
    rows = [json.loads(line) for line in (suite / "corpus.jsonl").read_text(encoding="utf-8").splitlines()]
    text = "".join(json.dumps({**row, "text": "Yes."}) + "\n" for row in rows)
    (suite / "corpus.jsonl").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="no questions can be made of the corpus"):
        compare("full/zero-shot", data={"weak": 5, "supervised": False})
