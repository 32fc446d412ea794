"""Which comparisons the self-check runs: a default one of each suite, other lessons, and a ladder of learning rates.

Wherever the ways of teaching are compared, each fact is met 18 times: the pocket suite's recipe takes six epochs over
three wordings. Knows nothing of what is concluded.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.pipeline.config import CompareConfig
from harness.pipeline.selfcheck.teaching import Teaching

POCKET, TRIAGE = "pocket", "triage"
DOCUMENTS, ONE_WORDING, UNEVEN = "documents", "one-wording", "uneven"
FULL, LORA, BASE, RETRIEVED, SHOTS = (
    "full/zero-shot",
    "lora/zero-shot",
    "base/zero-shot",
    "base/rag-3",
    "base/few-shot-4",
)
RATES = {"full": 5e-5, "lora": 1.5e-4}  # the lowest of each ladder, of which every rate is twice the one before
STEPS = 5
MEETINGS = 18  # of each fact
EPOCHS = 4  # of the ladder: with six, full and LoRA both know all facts, and nothing can be told of who learns more
FEW_EPOCHS = 2  # of uneven lessons, for the same reason
EVERY = 10_000  # more questions than rules can make of the documents


@dataclass(frozen=True)
class Experiment:
    """One comparison and the name of its run."""

    name: str
    config: CompareConfig


def experiments(teaching: Teaching, out: Path, *, seeds: int) -> list[Experiment]:
    """All comparisons, over `seeds` seeds each; their runs go to folders of `out`."""

    def experiment(name: str, suite: str, variants: str, splits: str, **recipes: Any) -> Experiment:
        config = CompareConfig(
            suite=suite,
            variants=tuple(variants.split()),
            splits=tuple(splits.split()),
            seeds=seeds,
            recipes=recipes,
            out=out / name,
        )
        return Experiment(name, config)

    def taught(name: str, folder: Path, splits: str, epochs: int, **data: Any) -> Experiment:
        full = {"training": {"epochs": epochs}, "data": {"suites": [str(folder)], **data}}
        return experiment(name, "pocket", f"{BASE} {FULL}", splits, full=full)

    return [
        experiment(TRIAGE, "triage", f"{BASE} {RETRIEVED} {SHOTS} {FULL}", "in_domain reworded retention"),
        experiment(POCKET, "pocket", f"{BASE} {RETRIEVED} {FULL}", "in_domain paraphrase new_facts noisy retention"),
        taught(DOCUMENTS, teaching.documents, "in_domain paraphrase new_facts", MEETINGS, weak=EVERY, supervised=False),
        taught(ONE_WORDING, teaching.one_wording, "in_domain paraphrase", MEETINGS),
        taught(UNEVEN, teaching.uneven, "in_domain paraphrase", FEW_EPOCHS),
        *(
            experiment(
                rung(step),
                "pocket",
                f"{BASE} {FULL} {LORA}",
                "in_domain paraphrase retention",
                **{
                    recipe: {"training": {"learning_rate": lowest * 2**step, "epochs": EPOCHS}}
                    for recipe, lowest in RATES.items()
                },
            )
            for step in range(STEPS)
        ),
    ]


def rung(step: int) -> str:
    """The name of the run with the rates of one step of the ladder, 0 the lowest."""
    return f"rate-{step + 1}"
