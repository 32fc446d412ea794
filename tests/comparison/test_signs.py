"""Signs are judged by their claims, and claims by what is significant."""

import numpy as np
import pytest

from harness.comparison import Sample
from harness.comparison.findings.signs import Claim, Sign, judge_signs


def gaps(wins: int, losses: int = 0, of: int = 100, seeds: int = 3) -> Sample:
    """Paired differences of right and wrong on `of` cases, alike in all seeds."""
    values = [1.0] * wins + [-1.0] * losses + [0.0] * (of - wins - losses)
    return Sample.of(np.tile(np.array(values)[:, None], seeds))


def claim(*samples: Sample, above: float = 0.0) -> Claim:
    return Claim("one is ahead", samples, [1 / len(samples)] * len(samples), above)


def sign(*claims: Claim, any_claim: bool = False) -> Sign:
    return Sign(1, "one wins", "somebody", "much", claims, "the rest", any_claim)


def outcome(*claims: Claim, any_claim: bool = False) -> str:
    return judge_signs([sign(*claims, any_claim=any_claim)])[0].outcome


@pytest.mark.parametrize(
    ("sample", "above", "expected"),
    [
        (gaps(40), 0.0, "reproduced"),
        (gaps(0, 40), 0.0, "not reproduced"),
        (gaps(0, 0), 0.0, "not reproduced"),
        (gaps(6, 4), 0.0, "cannot tell"),
        (gaps(60), 0.2, "reproduced"),
        (gaps(5), 0.2, "not reproduced"),
        (gaps(22), 0.2, "cannot tell"),
        (gaps(2, 2, of=1000), -0.05, "reproduced"),
        (gaps(0, 30), -0.05, "not reproduced"),
        (gaps(0, 6), -0.05, "cannot tell"),
    ],
    ids=["ahead", "behind", "tie", "noise", "far", "near", "about far", "barely", "much", "about barely"],
)
def test_a_claim_is_judged_by_what_it_says(sample, above, expected):
    """What is surely above the stated number is reproduced, what is surely below or tied is not, the rest unknown."""
    assert outcome(claim(sample, above=above)) == expected


def test_the_figures_are_those_of_the_difference_and_not_of_the_excess():
    """A claim of more than 20 points shows the difference itself with its interval."""
    found = judge_signs([sign(claim(gaps(60), above=0.2))])[0].claims[0]
    assert found.found.value == pytest.approx(0.6)
    assert 0.2 < found.found.low < 0.6 < found.found.high
    assert (found.cases, found.seeds) == (100, 3)


def test_weights_make_a_difference_of_differences():
    """A lead of 60 points on some cases and 30 on others is 30 points larger."""
    larger = Claim("larger", [gaps(60), gaps(24, of=80)], [1.0, -1.0])
    found = judge_signs([sign(larger)])[0].claims[0]
    assert found.found.value == pytest.approx(0.3)
    assert found.outcome == "reproduced"


def test_a_sign_needs_all_its_claims():
    """One claim that is not reproduced, or can't be told, keeps a sign from being reproduced."""
    ahead, behind, noise = claim(gaps(40)), claim(gaps(0, 40)), claim(gaps(6, 4))
    assert outcome(ahead, claim(gaps(50))) == "reproduced"
    assert outcome(ahead, behind, noise) == "not reproduced"
    assert outcome(ahead, noise) == "cannot tell"


def test_of_what_can_happen_one_case_is_enough():
    """A sign of what can happen is reproduced by one claim, and not reproduced only where no claim is."""
    ahead, behind, noise = claim(gaps(40)), claim(gaps(0, 40)), claim(gaps(6, 4))
    assert outcome(ahead, behind, any_claim=True) == "reproduced"
    assert outcome(behind, noise, any_claim=True) == "cannot tell"
    assert outcome(behind, claim(gaps(0, 50)), any_claim=True) == "not reproduced"


def test_what_has_no_scores_cannot_be_told():
    """A claim without samples, or with an empty one, is neither reproduced nor refuted, and has no figures."""
    for untested in (Claim("nothing", [], []), claim(gaps(40), Sample.of([]))):
        found = judge_signs([sign(untested)])[0]
        assert found.outcome == "cannot tell"
        assert found.claims[0].found is None


def test_all_signs_are_one_family():
    """What is significant alone may not be so among many signs."""
    close = claim(gaps(12, 3))
    assert outcome(close) == "reproduced"
    many = judge_signs([sign(close), *(sign(claim(gaps(6, 5))) for _ in range(9))])
    assert many[0].outcome == "cannot tell"
