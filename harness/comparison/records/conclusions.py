"""What a comparison concludes beyond means and pairs: shift, forgetting, interpolation, staleness, agreement.

Records only; knows nothing of how they are computed or shown. Shares and scores run from 0 to 1.
"""

from typing import Literal

from harness.comparison.records.base import Figure, Mean, Record


class Drop(Record):
    """How far one variant falls from the in-domain splits (their macro mean) to one shifted split: positive is worse.

    The in-domain splits are those that the same metric decides. `p_adjusted` is Holm's over the variants of this split.
    `robustness` is effective robustness: how far the score on the shifted split lies above what the in-domain score
    predicts by the line over all variants (see `ShiftLine`); None where there is no line.
    """

    variant: str
    split: str
    drop: Mean
    p_adjusted: Figure
    robustness: Mean | None = None


class ShiftLine(Record):
    """What in-domain scores predict on one shifted split: logit(shifted) = intercept + slope logit(in-domain).

    Fitted over `variants` (more than two) by least squares, in natural logarithms, each score with half a case right
    and half a case wrong added; `r_squared` says how much of the spread of logit(shifted) it explains.
    """

    split: str
    slope: Figure
    intercept: Figure
    variants: int
    r_squared: Figure


class Forgetting(Record):
    """The change of one variant on one retention split against `base/zero-shot`: negative is forgetting.

    `p_adjusted` is Holm's over the variants of this split. A tie is where the change is shown to lie within the margin.
    """

    variant: str
    split: str
    change: Mean
    p_adjusted: Figure
    verdict: Literal["better", "worse", "tie", "unknown"]


class AlphaPoint(Record):
    """One step between base (0) and trained (1): macro means over the splits of each kind.

    None where a run has no such split; `validation` is the score by which alpha may be chosen.
    """

    alpha: Figure
    variant: str
    in_domain: Mean | None = None
    shifted: Mean | None = None
    retention: Mean | None = None
    validation: Mean | None = None


class AlphaPath(Record):
    """All interpolations of one recipe in one context, by alpha.

    `chosen` is the alpha with the highest validation score (of equal ones the least), None where nothing was validated.
    `dominates` are the alphas on the path that the chosen one is shown to be above, in-domain, under shift or in
    retention, while it is shown to be above or equal within the margin in each other of them.
    """

    recipe: str
    context: str
    points: list[AlphaPoint]
    chosen: Figure | None = None
    dominates: list[Figure] = []


class Staleness(Record):
    """The `n` answers of one variant to questions of one split whose answer has changed: new, old, neither.

    One answer a seed and case; see `staleness` for what counts as which.
    """

    variant: str
    split: str
    n: int
    new: int
    old: int
    neither: int
    unscored: int


class Agreement(Record):
    """How often two variants are both right, one alone, or both wrong, over the cases of the deciding splits.

    `n` cases are scored in both; a case is right where its score, averaged over seeds, is at least one half.
    """

    a: str
    b: str
    n: int
    both: int
    only_a: int
    only_b: int
    neither: int


class Router(Record):
    """What an oracle would reach that asks, case by case, the better of a variant that retrieves and a fine-tuned one.

    Macro mean over the deciding splits, and its gain over the better of the two. An oracle gains from luck too:
    `steady` is the gain where who answers a case is chosen by the other seeds, None where one seed was run.
    """

    retrieving: str
    tuned: str
    mean: Mean
    gain: Mean
    steady: Mean | None = None
