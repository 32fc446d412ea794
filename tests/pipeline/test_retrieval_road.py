"""What is retrieved, by which retriever, how good it was, and where errors come from: on the whole road."""

import json
from pathlib import Path

import ir_measures
import pytest
import yaml

from harness.errors import InputError
from harness.pipeline import CompareConfig, Result, run_comparison
from harness.runs import Cache

RETRIEVERS = ("rag-2", "rag-2:bm25", "rag-2:hybrid", "rag-2:oracle", "rag-2:random")


@pytest.fixture
def compare(suite: Path, tiny_base: Path, tmp_path: Path):
    def run(*contexts: str, out: str = "run", **more) -> Result:
        config = CompareConfig(
            suite=str(suite),
            model=str(tiny_base),
            variants=tuple(f"base/{context}" for context in contexts),
            out=tmp_path / out,
            **more,
        )
        return run_comparison(config, cache=Cache(tmp_path / "cache"))

    return run


def shown(run: Path, context: str, split: str = "asked") -> list[list[str]]:
    """The documents that each prompt of the split showed."""
    lines = (run / "predictions" / "base" / context / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()
    return [[passage.partition("#")[0] for passage in json.loads(line)["passages"]] for line in lines]


def test_every_retriever_is_a_context(compare, suite):
    """Each retriever gives every case its passages; the oracle's first one is the evidence, the others are its own."""
    run = compare(*RETRIEVERS).run
    evidence = [json.loads(line)["evidence"][0] for line in (suite / "asked.jsonl").open(encoding="utf-8")]
    found = {context: shown(run, context) for context in RETRIEVERS}
    assert all(len(set(row)) == 2 for rows in found.values() for row in rows)
    assert [row[0] for row in found["rag-2:oracle"]] == evidence
    assert found["rag-2:random"] != found["rag-2"]


def test_written_rankings_are_worth_what_the_cells_say(compare):
    """Read by ir-measures, the TREC files give the figures that stand in the comparison."""
    result = compare(*RETRIEVERS)
    qrels = list(ir_measures.read_trec_qrels(str(result.run / "retrieval" / "asked.qrels")))
    measures = {"recall@2": "R@2", "mrr": "RR", "ndcg@10": "nDCG@10", "precision@2": "P@2"}
    for context in RETRIEVERS:
        run = list(ir_measures.read_trec_run(str(result.run / "retrieval" / context / "asked.run")))
        for metric, name in measures.items():
            (cell,) = [
                c
                for c in result.comparison.cells
                if (c.variant, c.split, c.metric) == (f"base/{context}", "asked", metric)
            ]
            expected = ir_measures.calc_aggregate([ir_measures.parse_measure(name)], qrels, run)
            assert cell.mean == pytest.approx(next(iter(expected.values())), abs=1e-6)


def test_every_error_has_one_cause(compare):
    """For each retriever the causes of one split add up to its answers; with the oracle nothing is unretrieved."""
    attribution = {(a.variant, a.split): a for a in compare(*RETRIEVERS).comparison.attribution}
    assert set(attribution) == {(f"base/{c}", split) for c in RETRIEVERS for split in ("asked", "picked")}
    for found in attribution.values():
        counts = found.model_dump(exclude={"variant", "split", "n"})
        assert sum(counts.values()) == found.n == 4
    assert attribution["base/rag-2:oracle", "picked"].not_retrieved == 0


def test_a_retriever_of_the_suite(compare, suite):
    """A suite's own retriever shows only documents that pass its filter, and one that leaves too few is refused."""
    path = suite / "corpus.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for number, row in enumerate(rows):
        row["metadata"] = {"sea": "north" if number < 2 else "south"}
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    manifest = yaml.safe_load((suite / "suite.yaml").read_text(encoding="utf-8"))
    manifest["retrieval"] = {"retrievers": {"northern": {"kind": "hybrid", "filter": {"sea": "north"}}}}
    (suite / "suite.yaml").write_text(yaml.safe_dump(manifest), encoding="utf-8")
    run = compare("rag-2:northern").run
    assert {name for row in shown(run, "rag-2:northern") for name in row} == {row["id"] for row in rows[:2]}
    with pytest.raises(InputError, match=r"rag-3:northern on asked needs 3 passages and northern finds 2"):
        compare("rag-3:northern", out="more")


def test_the_request_has_the_last_word(compare):
    """What a request says of retrieval lies over what the suite says, down to the structure of the index."""
    result = compare("rag-2:own", retrieval={"index": "HNSW8", "retrievers": {"own": {"kind": "dense"}}})
    assert shown(result.run, "rag-2:own") == shown(compare("rag-2", out="plain").run, "rag-2")


@pytest.mark.parametrize(
    ("context", "retrieval", "told"),
    [
        ("rag-2:hybird", {}, "unknown retriever 'hybird'. Did you mean 'hybrid'?"),
        ("rag-2", {"chunk": {"tokens": 4}}, "chunk.tokens"),
        ("rag-2", {"chunks": {}}, "unknown key 'chunks' (did you mean 'chunk'?)"),
        ("rag-2", {"retrievers": {"dense": {}}}, "the names dense are built in"),
        ("rag-2", {"index": "Flatt"}, "Flatt"),
        ("rag-2:own", {"retrievers": {"own": {"rerank": "/no/such/model"}}}, "/no/such/model"),
        ("rag-5", {}, "rag-5 on asked needs 5 passages and dense finds 4 in its latest revision"),
    ],
)
def test_what_cannot_be_retrieved_is_refused(compare, context, retrieval, told):
    """A request that retrieval can't fulfil is refused with what is wrong, before anything is answered."""
    with pytest.raises(InputError) as caught:
        compare(context, retrieval=retrieval)
    assert told in str(caught.value)


def test_an_oracle_needs_evidence(compare, suite):
    """Where no case names evidence an oracle would be dense retrieval under another name, so it is refused."""
    for name in ("asked", "picked"):
        path = suite / f"{name}.jsonl"
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        path.write_text("".join(json.dumps(row | {"evidence": []}) + "\n" for row in rows), encoding="utf-8")
    with pytest.raises(InputError, match="no case of asked, picked names any"):
        compare("rag-2:oracle")


def test_a_span_is_found_in_the_passage_that_holds_it(compare, suite):
    """Evidence that is a span of a long document is what the passage holding it is worth, and its neighbours aren't."""
    filler = " ".join(f"Ship number {number} carries wool and timber to the islands." for number in range(60))
    text = f"{filler} The Otter is at home in Brindle. {filler}"
    start = text.index("The Otter")
    path = suite / "corpus.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    path.write_text("".join(json.dumps(r | ({"text": text} if r["id"] == "Otter" else {})) + "\n" for r in rows))
    asked = suite / "asked.jsonl"
    cases = [json.loads(line) for line in asked.read_text(encoding="utf-8").splitlines()]
    cases[0]["evidence"] = [{"document": "Otter", "start": start, "end": start + 33}]
    asked.write_text("".join(json.dumps(case) + "\n" for case in cases), encoding="utf-8")
    run = compare("rag-1:oracle", retrieval={"chunk": {"tokens": 64, "overlap": 8}}).run
    qrels = (run / "retrieval" / "asked.qrels").read_text(encoding="ascii").splitlines()
    assert qrels[0] == f"asked-Otter 0 Otter:{start}-{start + 33} 1"
    prediction = json.loads((run / "predictions/base/rag-1:oracle/asked.jsonl").open(encoding="utf-8").readline())
    assert len(prediction["passages"]) == 1
    assert prediction["prompt_tokens"] < 512


def test_metrics_of_the_suite(compare, suite):
    """A suite's metrics are scored in its order; the first one decides, and what doesn't fit the cases is refused."""
    manifest = yaml.safe_load((suite / "suite.yaml").read_text(encoding="utf-8"))
    manifest["splits"]["asked"]["metrics"] = ["token_f1", "chrf", "similarity"]
    manifest["splits"]["picked"]["metrics"] = ["accuracy_per_byte", "accuracy"]
    (suite / "suite.yaml").write_text(yaml.safe_dump(manifest), encoding="utf-8")
    comparison = compare("zero-shot", "rag-2").comparison
    assert {split.name: split.primary for split in comparison.splits} == {
        "asked": "token_f1",
        "picked": "accuracy_per_byte",
    }
    judged = {(cell.split, cell.metric) for cell in comparison.cells if cell.variant == "base/zero-shot"}
    assert {metric for split, metric in judged if split == "asked"} == {"token_f1", "chrf", "similarity"}
    assert {pair.metric for pair in comparison.pairs} >= {"accuracy_per_byte", "accuracy"}
    manifest["splits"]["asked"]["metrics"] = ["accuracy", "token_f2", "evaluate(cer)"]
    (suite / "suite.yaml").write_text(yaml.safe_dump(manifest), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        compare("zero-shot", out="again")
    told = str(caught.value)
    assert all(text in told for text in ("judges choices", "Did you mean 'token_f1'?", "--trust-metric cer"))


def test_training_finds_for_each_task_its_own_passages(suite, tiny_base, tmp_path):
    """Weak questions drawn by seed share a task's name and no case; each is taught with its own sentence in view."""
    config = CompareConfig(
        suite=str(suite),
        model=str(tiny_base),
        variants=("full/rag-1",),
        seeds=2,
        recipes={
            "full": {
                "training": {"epochs": 1, "batch_size": 2, "learning_rate": 0.01},
                "data": {"supervised": False, "weak": 2, "train_context": "rag-1"},
            }
        },
        out=tmp_path / "run",
    )
    run = run_comparison(config, cache=Cache(tmp_path / "cache")).run
    drawn = []
    for seed in (0, 1):
        lines = (run / f"training/full/seed-{seed}.jsonl").read_text(encoding="utf-8").splitlines()
        rows = [json.loads(line) for line in lines]
        assert all(row["passages"][0].partition("#")[0] == row["case"].split(":")[1] for row in rows)
        drawn.append({row["case"] for row in rows})
    assert drawn[0] != drawn[1]


def test_the_judged_depth_does_not_depend_on_other_variants(compare):
    """A retriever's figures are the same whatever else is compared in the same run."""
    alone = compare("rag-1:random", out="alone").comparison
    beside = compare("rag-1:random", "rag-4:random", out="beside").comparison

    def figures(comparison):
        return [c for c in comparison.cells if c.variant == "base/rag-1:random" and c.metric in ("mrr", "ndcg@10")]

    assert figures(alone) == figures(beside)


def test_the_signature_tells_retrieval_apart(compare):
    """Two runs that retrieve otherwise have other signatures, and two that don't retrieve the same."""
    plain = compare("rag-1", out="a").comparison.signature
    chunked = compare("rag-1", out="b", retrieval={"chunk": {"tokens": 64}}).comparison.signature
    assert plain != chunked
    assert "retrieval" not in compare("zero-shot", out="c").comparison.signature
