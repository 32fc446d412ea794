"""The whole road on a small suite: what is written, what is reused, what is refused."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from harness.errors import InputError, ProofError
from harness.pipeline import CompareConfig, run_comparison
from harness.runs import Cache

FAST = {"training": {"epochs": 2, "batch_size": 2, "learning_rate": 0.01}}


class WatchedCache(Cache):
    """A real cache that also notes what was asked of it."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.inputs: dict[str, list[Mapping]] = {}
        self.built: list[str] = []

    def artifact(self, kind, inputs, build):
        artifact = super().artifact(kind, inputs, build)
        self.inputs.setdefault(kind, []).append(inputs)
        if not artifact.reused:
            self.built.append(kind)
        return artifact


@pytest.fixture
def cache(tmp_path: Path) -> WatchedCache:
    return WatchedCache(tmp_path / "cache")


def request(suite: Path, base: Path, out: Path, **more) -> CompareConfig:
    options = {
        "variants": ("base/zero-shot", "base/rag-2", "full/zero-shot", "full@0.5/rag-2+few-shot-1", "lora/zero-shot")
    }
    options["recipes"] = {"full": FAST, "lora": FAST}
    return CompareConfig(suite=str(suite), model=str(base), out=out, **{**options, **more})


def test_a_run_holds_a_cell_for_every_variant_split_and_metric(suite, tiny_base, tmp_path, cache):
    """Every variant is scored on every split by its metrics, retrieval ones only where something was retrieved."""
    result = run_comparison(request(suite, tiny_base, tmp_path / "run"), cache=cache)
    cells = {(c.variant, c.split, c.metric) for c in result.comparison.cells}
    for variant in ("base/zero-shot", "base/rag-2", "full/zero-shot", "full@0.5/rag-2+few-shot-1", "lora/zero-shot"):
        assert {
            (variant, "asked", "exact_match"),
            (variant, "asked", "token_f1"),
            (variant, "picked", "accuracy"),
        } <= cells
        assert ((variant, "asked", "recall@2") in cells) == ("rag" in variant)
    assert (tmp_path / "run/predictions/full@0.5/rag-2+few-shot-1/asked.jsonl").is_file()


def test_predictions_tell_what_was_shown(suite, tiny_base, tmp_path, cache):
    """A RAG prediction names its passages and has more prompt tokens than the zero-shot one of the same case."""
    run_comparison(request(suite, tiny_base, tmp_path / "run", variants=("base/zero-shot", "base/rag-2")), cache=cache)

    def first(context: str) -> dict:
        path = tmp_path / "run/predictions/base" / context / "asked.jsonl"
        return json.loads(path.read_text(encoding="utf-8").splitlines()[0])

    assert len(first("rag-2")["passages"]) == 2
    assert first("zero-shot")["passages"] == []
    assert first("rag-2")["prompt_tokens"] > first("zero-shot")["prompt_tokens"]


def test_a_run_tells_how_its_models_were_computed(suite, tiny_base, tmp_path, cache):
    """run.json names each variant's mode, also when it comes from the cache, and why prefixes weren't shared."""
    soft = {"settings": {"tokens": 2}, **FAST}
    asked = request(
        suite, tiny_base, tmp_path / "run", variants=("base/zero-shot", "prompt/zero-shot"), recipes={"prompt": soft}
    )
    for _ in range(2):
        run_comparison(asked, cache=cache)
        computed = json.loads((tmp_path / "run/run.json").read_text(encoding="utf-8"))["computed"]
        assert computed["base/zero-shot/asked"] == {"mode": "cascade"}
        assert computed["prompt/zero-shot/picked"]["mode"] == "padded"
        assert "virtual tokens" in computed["prompt/zero-shot/picked"]["fallback"]


def test_a_second_run_builds_nothing_and_says_the_same(suite, tiny_base, tmp_path, cache):
    """With the same request everything comes from the cache, and comparison.json is the same to the byte."""
    asked = request(suite, tiny_base, tmp_path / "run")
    run_comparison(asked, cache=cache)
    before = (tmp_path / "run/comparison.json").read_bytes()
    cache.built.clear()
    run_comparison(asked, cache=cache)
    assert cache.built == []
    assert (tmp_path / "run/comparison.json").read_bytes() == before


def test_an_interrupted_run_keeps_what_was_finished(suite, tiny_base, tmp_path, cache, monkeypatch):
    """After an interruption while predicting, the next run trains and indexes nothing again."""
    from harness.inference import Engine

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    asked = request(suite, tiny_base, tmp_path / "run")
    with monkeypatch.context() as patch:
        patch.setattr(Engine, "choose", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run_comparison(asked, cache=cache)
    assert {"weights", "index", "hits", "predictions"} <= set(cache.built)
    cache.built.clear()
    run_comparison(asked, cache=cache)
    assert set(cache.built) == {"predictions", "latency"}


def test_weights_at_the_ends_say_what_base_and_trained_say(suite, tiny_base, tmp_path, cache):
    """@0 answers as the base and @1 as the trained model, for full fine-tuning and for LoRA."""
    names = ("base", "full@0", "lora@0", "full", "full@1", "lora", "lora@1")
    run_comparison(
        request(suite, tiny_base, tmp_path / "run", variants=tuple(f"{n}/zero-shot" for n in names)), cache=cache
    )

    def said(weights: str) -> list:
        rows = []
        for split in ("asked", "picked"):
            text = (tmp_path / "run/predictions" / weights / "zero-shot" / f"{split}.jsonl").read_text(encoding="utf-8")
            rows += [(row["text"], row["loglikelihoods"]) for row in map(json.loads, text.splitlines())]
        return rows

    assert said("base") == said("full@0") == said("lora@0")
    assert said("full") == said("full@1") != said("base")
    assert said("lora") == said("lora@1") != said("base")


def test_several_seeds_are_trained_apart_and_averaged(suite, tiny_base, tmp_path, cache):
    """Two seeds train two models whose rows stand side by side, while the base is asked once."""
    run_comparison(
        request(suite, tiny_base, tmp_path / "run", seeds=2, variants=("base/zero-shot", "full/zero-shot")), cache=cache
    )
    assert cache.built.count("weights") == 2
    rows = [json.loads(line) for line in (tmp_path / "run/scores.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {row["seed"] for row in rows if row["variant"] == "full/zero-shot"} == {0, 1}
    assert {row["seed"] for row in rows if row["variant"] == "base/zero-shot"} == {0}


def test_within_a_run_only_the_named_thing_differs(suite, tiny_base, tmp_path, cache):
    """Invariant 1: variants with the same context were asked the same token ids, whatever their weights."""
    run_comparison(
        request(
            suite, tiny_base, tmp_path / "run", weights=("base", "full", "lora@0.5"), contexts=("rag-1",), variants=()
        ),
        cache=cache,
    )
    hashes = set()
    for weights in ("base", "full", "lora@0.5"):
        text = (tmp_path / f"run/predictions/{weights}/rag-1/asked.jsonl").read_text(encoding="utf-8")
        hashes.add(tuple(json.loads(line)["prompt_hash"] for line in text.splitlines()))
    assert len(hashes) == 1


@pytest.mark.parametrize(
    ("change", "rebuilt"),
    [
        ({"dtype": "bfloat16"}, {"weights", "predictions", "latency"}),
        ({"recipes": {"full": {"training": {**FAST["training"], "epochs": 3}}}}, {"weights", "predictions", "latency"}),
        ({"limit": 2}, {"hits", "predictions", "latency"}),
        ({"variants": ("full/rag-1",)}, {"predictions", "latency"}),
    ],
    ids=["dtype", "recipe", "limit", "passages"],
)
def test_what_depends_on_a_setting_is_rebuilt_when_it_changes(suite, tiny_base, tmp_path, cache, change, rebuilt):
    """Invariant 5: a changed setting rebuilds the stages that depend on it, and only those."""
    common = {"variants": ("full/rag-2",)}
    run_comparison(request(suite, tiny_base, tmp_path / "a", **common), cache=cache)
    cache.built.clear()
    options = request(suite, tiny_base, tmp_path / "b", **common).model_dump() | change
    run_comparison(CompareConfig(**options), cache=cache)
    assert set(cache.built) == rebuilt


@pytest.mark.parametrize(
    ("file", "rebuilt"),
    [
        ("corpus.jsonl", {"passages", "index", "hits", "predictions", "latency"}),
        ("train.jsonl", {"weights", "predictions", "latency"}),
        ("asked.jsonl", {"hits", "predictions", "latency"}),
    ],
)
def test_what_depends_on_a_file_is_rebuilt_when_it_changes(suite, tiny_base, tmp_path, cache, file, rebuilt):
    """Invariant 5: a changed byte of data rebuilds the stages that read it, and only those."""
    common = {"variants": ("full/rag-2",)}
    run_comparison(request(suite, tiny_base, tmp_path / "a", **common), cache=cache)
    cache.built.clear()
    text = (suite / file).read_text(encoding="utf-8")
    key = "at home in" if file == "corpus.jsonl" else "?"
    (suite / file).write_text(text.replace(key, f"{key}!", 1), encoding="utf-8")
    run_comparison(request(suite, tiny_base, tmp_path / "b", **common), cache=cache)
    assert set(cache.built) == rebuilt


def test_weights_that_did_not_change_are_never_scored(suite, tiny_base, tmp_path, cache):
    """Invariant 2: a training that moved nothing is a failed proof and not a row of scores."""
    still = {"training": {"epochs": 1, "learning_rate": 1e-30}}
    asked = request(suite, tiny_base, tmp_path / "run", variants=("full/zero-shot",)).model_dump()
    with pytest.raises(ProofError, match="differ from the base's"):
        run_comparison(CompareConfig(**{**asked, "recipes": {"full": still}}), cache=cache)
    assert not (tmp_path / "run/comparison.json").exists()


def test_all_mistakes_of_a_request_are_told_at_once(suite, tiny_base, tmp_path, cache):
    """An unknown recipe, an unknown split and a bad device are told together, before anything is built."""
    asked = request(
        suite, tiny_base, tmp_path / "run", variants=("fulll/zero-shot",), splits=("askd",), device="toaster"
    )
    with pytest.raises(InputError) as caught:
        run_comparison(asked, cache=cache)
    for hint in ("Did you mean 'full'", "Did you mean 'asked'", "toaster"):
        assert hint in str(caught.value)
    assert cache.built == []
    assert not (tmp_path / "run").exists()


def with_long_document(suite: Path) -> None:
    """Makes the first document longer than the tiny base's window of 512 tokens."""
    path = suite / "corpus.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    rows[0]["text"] += " It is very old." * 100
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def test_a_short_window_leaves_passages_out_and_counts_them(suite, tiny_base, tmp_path, cache):
    """A long document is cut into passages; those without room are left out whole, counted and told."""
    with_long_document(suite)
    wide = {"retrieval": {"chunk": {"tokens": 120, "overlap": 0}}}
    asked = request(suite, tiny_base, tmp_path / "run", variants=("base/rag-4",)).model_dump() | wide
    result = run_comparison(CompareConfig(**asked), cache=cache)
    predictions = [json.loads(line) for path in result.run.rglob("predictions/**/*.jsonl") for line in path.open()]
    assert all(len(row["passages"]) + row["dropped"] == 4 for row in predictions)
    assert all(row["prompt_tokens"] <= 512 for row in predictions)
    for use in result.comparison.passages:
        dropped = [row["dropped"] for row in predictions if row["case"].startswith(use.split)]
        assert (use.retrieved, use.short) == (4, sum(count > 0 for count in dropped))
        assert use.shown == pytest.approx(4 - sum(dropped) / len(dropped))
    assert any(use.short for use in result.comparison.passages)


def test_a_case_that_does_not_fit_is_unscored(suite, tiny_base, tmp_path, cache):
    """A question longer than the window stops nothing: asked it is unscored with the reason, taught it is left out."""
    for name in ("asked", "picked", "train"):
        path = suite / f"{name}.jsonl"
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        rows[1]["question"] = f"{'Well, ' * 200}{rows[1]['question']}"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    result = run_comparison(
        request(suite, tiny_base, tmp_path / "run", variants=("base/zero-shot", "base/rag-2", "full/zero-shot")),
        cache=cache,
    )
    cells = [c for c in result.comparison.cells if c.metric == "accuracy"]
    assert [(c.n, c.unscored) for c in cells] == [(3, 1)] * 3
    rows = [json.loads(line) for line in (tmp_path / "run/scores.jsonl").open(encoding="utf-8")]
    reasons = {row["reason"] for row in rows if row["metric"] == "accuracy" and row["value"] is None}
    assert reasons == {"the prompt is too long for the window of 512 tokens"}
    manifest = json.loads((tmp_path / "run/run.json").read_text(encoding="utf-8"))
    assert manifest["left_out_of_training"] == {"full/train:harbour:train": 1}
    assert len((tmp_path / "run/training/full/seed-0.jsonl").read_text().splitlines()) == 3
    assert [c.n for c in result.comparison.cells if c.metric == "recall@2" and c.variant == "base/rag-2"] == [4, 4]


def test_a_window_without_room_for_any_passage_is_refused(suite, tiny_base, tmp_path, cache):
    """Where no prompt of a split has room for a passage, rag-K would be zero-shot under another name."""
    path = suite / "corpus.jsonl"
    with_long_document(suite)
    first = path.read_text(encoding="utf-8").splitlines()[0]
    rows = [json.loads(first) | {"id": ship} for ship in ("Otter", "Heron", "Badger", "Falcon")]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    asked = request(suite, tiny_base, tmp_path / "run", variants=("base/rag-2",)).model_dump()
    with pytest.raises(InputError, match=r"rag-2 on asked: the window of 512 tokens has no room for a single passage"):
        run_comparison(CompareConfig(**{**asked, "retrieval": {"chunk": {"tokens": None}}}), cache=cache)


def test_a_variant_that_fails_does_not_stop_the_others(suite, tiny_base, tmp_path, cache):
    """A training that moves nothing and one whose loss is no number are told and not scored; the others are."""
    recipes = {
        "full": {"training": {"epochs": 1, "learning_rate": 1e-30}},
        "lora": {"training": {"epochs": 9, "batch_size": 1, "learning_rate": 1e30, "warmup": 0.0}},
        "dora": FAST,
    }
    names = ("base/zero-shot", "full/zero-shot", "full>dora/zero-shot", "lora/zero-shot", "dora/zero-shot")
    asked = request(suite, tiny_base, tmp_path / "run", variants=names).model_dump()
    comparison = run_comparison(CompareConfig(**{**asked, "recipes": recipes}), cache=cache).comparison
    assert [variant.name for variant in comparison.variants] == ["base/zero-shot", "dora/zero-shot"]
    told = {failure.variant: failure.reason for failure in comparison.failures}
    assert "differ from the base's" in told["full/zero-shot"]
    assert told["full>dora/zero-shot"] == told["full/zero-shot"]
    assert "at step" in told["lora/zero-shot"]
    assert "learning rate 9.98e+29" in told["lora/zero-shot"]
