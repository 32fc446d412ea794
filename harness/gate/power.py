"""How likely does a check pass that ought to, and with how many cases would it? Knows nothing of rules.

A check passes where the estimate lies further above its line than its bound reaches down. Where the truth lies
`distance` above the line, the estimate scatters around that with the standard error that was seen, so the power is
Phi((distance - reach) / spread). The part of the reach that is no scatter is the imagined case: it shrinks with the
number of cases, the scatter with its root.
"""

from math import ceil, sqrt
from statistics import NormalDist

from harness.comparison.statistics.power import POWER
from harness.gate.bounds import Bounds

_NORMAL = NormalDist()


def power(found: Bounds, distance: float, alpha: float) -> float:
    """The probability, 0 to 1, that as many cases that scatter as these pass where the truth lies `distance` above."""
    room = distance - found.reach(alpha)
    if found.spread == 0:
        return float(room > 0)
    return _NORMAL.cdf(room / found.spread)


def cases_needed(found: Bounds, distance: float, alpha: float, cases: int) -> int | None:
    """How many cases, instead of `cases`, make the power 80%; None where the truth lies on the line itself.

    With x = `cases` / n it solves distance = fixed x + (z_alpha + z_power) spread sqrt(x).
    """
    if distance <= 0:
        return None
    scatter = (_NORMAL.inv_cdf(1 - alpha) + _NORMAL.inv_cdf(POWER)) * found.spread
    fixed = max(0.0, found.reach(alpha) - _NORMAL.inv_cdf(1 - alpha) * found.spread)
    if fixed == 0:
        return ceil(cases * (scatter / distance) ** 2)
    root = (sqrt(scatter**2 + 4 * fixed * distance) - scatter) / (2 * fixed)
    return ceil(cases / root**2)
