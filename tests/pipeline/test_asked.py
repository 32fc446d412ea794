"""What a run leaves of its questions for those who read it later."""

import json

import pytest

from harness.comparison import groups_of, read_cases, read_passages, read_prompts
from harness.pipeline import CompareConfig, run_comparison
from harness.pipeline.asked import group_of
from harness.runs import Cache
from harness.suite import Case, Evidence


def case(**more):
    return Case(id="a", question="?", references=("b",), **more)


@pytest.mark.parametrize(
    ("asked", "group"),
    [
        (case(), ""),
        (case(evidence=(Evidence(document="otter"), Evidence(document="heron"))), "tiny: otter"),
        (case(evidence=(Evidence(document="handbook", start=10, end=20),)), "tiny: handbook[10:20]"),
        (case(evidence=(Evidence(document="otter"),), group="storms"), "tiny: storms"),
    ],
)
def test_a_case_belongs_to_what_it_names_or_to_its_evidence(asked, group):
    """Its own group counts most, then the document or span of its first piece of evidence, and nothing is no group."""
    assert group_of(asked, "tiny") == group


@pytest.fixture
def run(suite, tiny_base, tmp_path):
    variants = ("base/zero-shot", "base/few-shot-1", "base/rag-2")
    config = CompareConfig(suite=str(suite), model=str(tiny_base), variants=variants, seeds=2, out=tmp_path / "run")
    return run_comparison(config, cache=Cache(tmp_path / "cache"))


def test_cases_passages_and_prompts_explain_every_prediction(run):
    """Each prediction's case, passages and prompt are in the run folder, word by word."""
    folder = run.run
    cases = {(row.split, row.case): row for row in read_cases(folder)}
    passages = read_passages(folder)
    prompts = read_prompts(folder, "rag-2", "asked")
    for line in (folder / "predictions/base/rag-2/asked.jsonl").read_text().splitlines():
        prediction = json.loads(line)
        prompt = prompts[prediction["case"], prediction["seed"]]
        assert cases["asked", prediction["case"]].question in prompt
        assert all(passages[name].text in prompt for name in prediction["passages"])
    assert set(groups_of(cases.values())) == set(cases)


def test_shots_are_written_seed_by_seed(run):
    """A context with shots has one prompt a seed, one without has one for all."""
    assert {seed for _, seed in read_prompts(run.run, "few-shot-1", "asked")} == {0, 1}
    assert {seed for _, seed in read_prompts(run.run, "zero-shot", "asked")} == {0}


def test_every_variant_is_timed_alone_and_weighed(run):
    """Each has the median and the 95th percentile of one query alone, its operations and its memory."""
    for cost in run.comparison.costs:
        assert 0 < cost.p50_seconds <= cost.p95_seconds
        assert cost.flops_per_query > 0
        assert cost.memory_bytes > 0
    zero, _, retrieving = run.comparison.costs
    assert retrieving.memory_bytes > zero.memory_bytes
    assert retrieving.flops_per_query > zero.flops_per_query
