"""What each sign claims of the runs of the self-check. States numbers to be tested, and tests none.

The thresholds go by what the sources measured, not by what the harness finds. docs/selfcheck.md says which of their
figures were read in the source itself and which are quoted by others.
"""

from collections.abc import Mapping, Sequence

from harness.comparison.findings.signs import Claim, Sign
from harness.pipeline.selfcheck.experiments import (
    BASE,
    DOCUMENTS,
    FULL,
    LORA,
    ONE_WORDING,
    POCKET,
    RETRIEVED,
    SHOTS,
    TRIAGE,
    UNEVEN,
)
from harness.pipeline.selfcheck.ladder import Ladder, kept_more
from harness.pipeline.selfcheck.scores import Arm, Scores

BY_FAR = 0.2  # less than half of the least lead in the source, 48.5 points
BARELY = 0.05  # twice what the source saw fine-tuning gain, 2.3 points
ASKED = ("in_domain", "paraphrase")

Cases = Mapping[str, Sequence[str]]  # the ids of cases by split

_SOUDANI = "Soudani et al. 2024, PopQA"
_OVADIA = "Ovadia et al. 2023, current events, Mistral-7B"


def signs(pocket: Scores, triage: Scores, rare: Cases, common: Cases) -> list[Sign]:
    """The signs by the scores on the two suites; `rare` and `common` are cases by how often their facts are taught."""
    return [
        _retrieval_beats(pocket, rare, common),
        _new_events(pocket),
        _paraphrases(pocket),
        _convention(triage),
        _learns_more_forgets_more(pocket),
        _retrieval_hurts(pocket, triage),
        _unknown_facts_damage(pocket),
    ]


def _ahead(scores: Scores, says: str, a: Arm, b: Arm, splits: Sequence[str], above: float = 0.0) -> Claim:
    """That `a` is ahead of `b` by more than `above`, averaged over the splits."""
    return Claim(says, [scores.gap(a, b, split) for split in splits], [1 / len(splits)] * len(splits), above)


def _retrieval_beats(scores: Scores, rare: Cases, common: Cases) -> Sign:
    rag = Arm(POCKET, RETRIEVED)
    leads = [scores.gap(rag, Arm(UNEVEN, FULL), split, cases[split]) for cases in (rare, common) for split in ASKED]
    return Sign(
        number=1,
        says="On facts that the base doesn't know, RAG beats fine-tuning by far, most for rare ones",
        source=_SOUDANI,
        measured="RAG ahead of fine-tuning by 54.3, 49.6 and 48.5 points (three bases)",
        claims=(
            _ahead(
                scores,
                "RAG is ahead by far where fine-tuning learns from the same documents, by questions made by rules",
                rag,
                Arm(DOCUMENTS, FULL),
                ASKED,
                BY_FAR,
            ),
            _ahead(
                scores,
                "RAG is ahead by far where fine-tuning learns each fact by heart, from questions in three wordings",
                rag,
                Arm(POCKET, FULL),
                ASKED,
                BY_FAR,
            ),
            Claim(
                "RAG's lead is larger on facts taught once an epoch than on those taught three times",
                leads,
                [0.5, 0.5, -0.5, -0.5],
            ),
        ),
        untold="Rare is here what stands rarely in the training data; the suite's base has met none of these facts, so "
        "that nothing is told of facts that are rare in pretraining, which the source speaks of.",
    )


def _new_events(scores: Scores) -> Sign:
    base, documents, before = Arm(POCKET, BASE), Arm(DOCUMENTS, FULL), Arm(POCKET, FULL)
    return Sign(
        number=2,
        says="On events after the training cut-off RAG wins and fine-tuning barely moves",
        source=_OVADIA,
        measured="base 48.1, RAG 87.5, fine-tuned 50.4 (on paraphrases 58.8)",
        claims=(
            _ahead(
                scores,
                "RAG is ahead of fine-tuning on the documents that tell of them",
                Arm(POCKET, RETRIEVED),
                documents,
                ["new_facts"],
            ),
            _ahead(
                scores,
                "the base is less than 5 points behind fine-tuning on the documents that tell of them",
                base,
                documents,
                ["new_facts"],
                -BARELY,
            ),
            _ahead(
                scores,
                "the base is less than 5 points behind fine-tuning on what was known before",
                base,
                before,
                ["new_facts"],
                -BARELY,
            ),
        ),
        untold="The source's base was right on half of the questions without knowing the events: directions can be "
        "compared, sizes can't.",
    )


def _paraphrases(scores: Scores) -> Sign:
    many, one = Arm(POCKET, FULL), Arm(ONE_WORDING, FULL)
    return Sign(
        number=3,
        says="Paraphrases in the training data help fine-tuning to store facts",
        source=_OVADIA,
        measured="50.4 without, 58.8 with paraphrases",
        claims=(
            _ahead(
                scores,
                "three wordings beat one met as often, asked in a wording that was trained for other facts",
                many,
                one,
                ["in_domain"],
            ),
            _ahead(
                scores,
                "three wordings beat one met as often, asked in a wording never trained",
                many,
                one,
                ["paraphrase"],
            ),
        ),
        untold="Whether a fact is stored but not found by another wording, or not stored at all.",
    )


def _convention(scores: Scores) -> Sign:
    full, splits = Arm(TRIAGE, FULL), ["in_domain", "reworded"]
    return Sign(
        number=5,
        says="Fine-tuning wins where the task is a behaviour, format or label convention rather than a fact",
        source="Balaguer et al. 2024",
        measured="fine-tuning more than +6 points",
        claims=(
            _ahead(scores, "fine-tuning is ahead of RAG over labelled cases", full, Arm(TRIAGE, RETRIEVED), splits),
            _ahead(scores, "fine-tuning is ahead of four worked examples", full, Arm(TRIAGE, SHOTS), splits),
        ),
        untold="Whether a base that follows instructions would take the convention from a description of it.",
    )


def _learns_more_forgets_more(scores: Scores) -> Sign:
    full, lora = (Ladder.of(scores, variant) for variant in (FULL, LORA))
    return Sign(
        number=7,
        says="Full fine-tuning learns more than LoRA, and forgets more at matched learning",
        source="Biderman et al. 2024, code",
        measured="learnt 0.263 against 0.224, kept 0.545 against 0.617; in PEFT's MetaMathQA table full fine-tuning at "
        "a rate of 1e-5 forgets less",
        claims=(
            _ahead(
                scores,
                "full fine-tuning learns more, each at its best learning rate",
                full.best,
                lora.best,
                ["in_domain"],
            ),
            Claim(
                "full fine-tuning keeps less where both have learnt the same, over the curve of learning rates",
                kept_more(scores, lora, full),
                [1.0],
            ),
        ),
        untold="Methods are matched by estimates of what they learnt, whose own uncertainty the interval leaves out. "
        "Nothing is told of other ranks, of more data than a few hundred facts, and of larger bases.",
    )


def _retrieval_hurts(pocket: Scores, triage: Scores) -> Sign:
    asked = {
        "on facts that the base knows, with passages on other ships": (pocket, POCKET, "retention"),
        "on facts that the base knows, with passages on other matters": (triage, TRIAGE, "retention"),
        "on mistyped questions, for which the wrong passages are found": (pocket, POCKET, "noisy"),
    }
    return Sign(
        number=10,
        says="Retrieval can hurt",
        source="FlashRAG, Llama3-8B",
        measured="2Wiki F1 33.9 to 21.0, WebQA exact match 18.8 to 15.7",
        claims=tuple(
            _ahead(scores, f"the base is better without passages {where}", Arm(run, BASE), Arm(run, RETRIEVED), [split])
            for where, (scores, run, split) in asked.items()
        ),
        untold="Whether passages that speak of the right thing hurt too: no question that the base knows the answer to "
        "has any.",
        any_claim=True,
    )


def _unknown_facts_damage(pocket: Scores) -> Sign:
    return Sign(
        number=11,
        says="Training on facts that the base didn't know, to convergence, damages those that it did",
        source="Gekhman et al. 2024",
        measured="95.6 to 55.8 on highly-known facts",
        claims=(
            _ahead(
                pocket,
                "the base knows more of what it knew than it does after full fine-tuning on unknown facts",
                Arm(POCKET, BASE),
                Arm(POCKET, FULL),
                ["retention"],
            ),
        ),
        untold="Whether training as long on facts that the base knew would damage less: the source compares with that.",
    )
