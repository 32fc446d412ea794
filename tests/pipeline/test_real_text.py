"""Real customers' questions and a real pretrained model: LoRA and full fine-tuning learn what the base can't."""

import csv
import json
from collections import defaultdict
from pathlib import Path

import pytest
import yaml

from harness.pipeline import CompareConfig, run_comparison
from harness.runs import Cache

SHARED = Path(__file__).parents[2].parent / "shared"
BANKING = SHARED / "data" / "banking77"
STORIES = SHARED / "models" / "stories260K"
INTENTS = (
    *("card_arrival", "exchange_rate", "request_refund", "activate_my_card", "cancel_transfer"),
    *("pending_top_up", "card_payment_fee_charged", "change_pin", "lost_or_stolen_card", "age_limit"),
)
RECIPES = {
    "full": {"training": {"epochs": 4, "batch_size": 16, "learning_rate": 3e-3}},
    "lora": {
        "settings": {"rank": 16, "alpha": 32},
        "training": {"epochs": 4, "batch_size": 16, "learning_rate": 1e-2},
    },
}

pytestmark = pytest.mark.skipif(
    not (BANKING.is_dir() and STORIES.is_dir()),
    reason=f"the real text and the real model are not beside the project (looked in {SHARED})",
)


def write_split(source: Path, target: Path, each: int) -> None:
    """The first `each` questions of every intent in `source`, as cases with the intents' names as choices."""
    names = [intent.replace("_", " ") for intent in INTENTS]
    by_intent = defaultdict(list)
    with source.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            by_intent[row["category"]].append(" ".join(row["text"].split()))
    rows = [
        {"id": f"{target.stem}-{intent}-{n}", "question": text, "references": [name], "choices": names}
        for intent, name in zip(INTENTS, names, strict=True)
        for n, text in enumerate(by_intent[intent][:each])
    ]
    target.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """Ten intents of banking77 (CC BY 4.0): 400 questions to learn from, 200 others to answer."""
    folder = tmp_path / "banking"
    folder.mkdir()
    write_split(BANKING / "train.csv", folder / "train.jsonl", each=40)
    write_split(BANKING / "test.csv", folder / "test.jsonl", each=20)
    manifest = {
        "name": "banking",
        "prompt": {"question": "{{ question }} This is about"},
        "splits": {
            "train": {"kind": "train", "file": "train.jsonl"},
            "in_domain": {"kind": "in-domain", "file": "test.jsonl"},
        },
    }
    (folder / "suite.yaml").write_text(yaml.safe_dump(manifest), encoding="utf-8")
    return folder


def test_lora_and_full_beat_the_base(suite: Path, tmp_path: Path) -> None:
    """On ten intents both recipes are significantly better than stories260K itself, after correction."""
    config = CompareConfig(
        suite=str(suite),
        model=str(STORIES),
        variants=("base/zero-shot", "full/zero-shot", "lora/zero-shot"),
        recipes=RECIPES,
        device="cpu",
        out=tmp_path / "run",
    )
    comparison = run_comparison(config, cache=Cache(tmp_path / "cache")).comparison
    for recipe in RECIPES:
        variants = {"base/zero-shot", f"{recipe}/zero-shot"}
        (pair,) = [p for p in comparison.pairs if {p.a, p.b} == variants and p.metric == "accuracy"]
        assert (pair.a if pair.verdict == "a" else pair.b) == f"{recipe}/zero-shot"
        assert pair.verdict != "tie"
        assert pair.p_adjusted < 0.05
        assert abs(pair.difference) > 0.3
