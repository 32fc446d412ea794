"""Which passages a training prompt shows, where the window is short and where evidence is withheld."""

from random import Random

from harness.pipeline.examples import choose_passages, fit
from harness.prompting import Prompt, Shown

FOUND = [Shown(name, name) for name in ("gold-part", "a", "gold", "b", "c")]
GOLD = [FOUND[2]]


def test_withheld_evidence_is_not_shown_in_part() -> None:
    """Where evidence is withheld, the passages that hold a part of it are too."""
    shown = choose_passages(FOUND, GOLD, 2, telling={"gold", "gold-part"}, withheld=True, draw=Random(0))
    assert [passage.id for passage in shown] == ["a", "b"]


def test_missed_evidence_takes_the_place_of_a_distractor() -> None:
    """Evidence that was not among the first is shown in place of another, and the number stays."""
    shown = choose_passages(FOUND, GOLD, 2, telling={"gold"}, withheld=False, draw=Random(0))
    assert len(shown) == 2
    assert "gold" in {passage.id for passage in shown}


def test_evidence_is_the_last_to_go() -> None:
    """Where the window is short, distractors go first, the last one before the others, and evidence at the very end."""

    def room_for(count: int):
        return lambda passages: Prompt("", (), min(count, len(passages)))

    for count, left in ((5, 5), (3, ["gold-part", "a", "gold"]), (2, ["gold-part", "gold"]), (1, ["gold"]), (0, [])):
        prompt, passages = fit(room_for(count), FOUND, {"gold"})
        assert prompt.passages == len(passages)
        if left != 5:
            assert [passage.id for passage in passages] == left
