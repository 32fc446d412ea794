"""The verdict in one sentence, with its figures and the constraints it was under.

Decides nothing: it reads a `Ruling`. Names stand bare; who shows the text escapes them.
"""

from collections.abc import Sequence

from harness.comparison.evidence import Evidence
from harness.comparison.phrases import listing, metric_label, percent_interval, points_interval, use
from harness.comparison.statistics.bootstrap import Interval
from harness.comparison.verdict.choice import UNSCORED_LIMIT
from harness.comparison.verdict.ruling import Ruling

_NAMED = 2  # variants that the sentence names; of more it gives the number


def sentence(ruling: Ruling) -> str:
    """The verdict in one sentence, with figures and 95% intervals."""
    choice, requirements = ruling.choice, ruling.requirements()
    if not choice.recommended and ruling.means:
        return (
            "No recommendation: every variant that could be judged is shown not to meet "
            f"{'one of ' if len(requirements) > 1 else ''}{listing(requirements)}."
        )
    if not choice.recommended:
        return (
            f"No recommendation: no variant has at least {1 - UNSCORED_LIMIT:.0%} of the cases of every deciding "
            "split scored."
        )
    score = f"{percent_interval(ruling.means[choice.recommended])} {_measure(ruling.evidence)}"
    if len(ruling.means) == 1:
        return (
            f"Only {choice.recommended} could be judged{_under(ruling)}, at {score}, with nothing to compare it with."
        )
    volume = ruling.constraints.volume
    lead = f"For {use(*volume)} use" if volume else "Use"
    return f"{lead} {choice.recommended}{_under(ruling)}: {score}, {_place(ruling)}{_open(ruling)}."


def _measure(evidence: Evidence) -> str:
    tables = evidence.deciding()
    labels = {metric_label(table.metric) for table in tables}
    label = labels.pop() if len(labels) == 1 else "primary metric"
    place = f"on {tables[0].split}" if len(tables) == 1 else f"averaged over {len(tables)} splits"
    return f"{label} {place}"


def _under(ruling: Ruling) -> str:
    """The requirements that the recommended one was under, and whether it surely meets them."""
    untold = ruling.untold(ruling.choice.recommended)
    met = [requirement for requirement in ruling.requirements() if requirement not in untold]
    return "".join(
        [
            f", which meets {listing(met)}" if met else "",
            f", though it can't be told whether it meets {listing(untold, 'or')}" if untold else "",
        ]
    )


def _place(ruling: Ruling) -> str:
    """Where the recommended one stands among those that could be recommended."""
    choice = ruling.choice
    best = "the leader" if choice.best == choice.leader else _staying(ruling)
    if choice.recommended != choice.best:
        gap = points_interval(choice.beside[choice.recommended])
        return f"a tie with {best}, {choice.best}, at {gap}, and {_why(ruling)}"
    if choice.best != choice.leader:
        gap = points_interval(choice.behind[choice.best])
        best = f"{gap} against the leader, {choice.leader}, but {best}"
    elif len(choice.eligible) == 1:
        return "the only one sure to meet what is required" if choice.aside else "the only one that can be recommended"
    else:
        best = "the highest"
    if len(choice.candidates) > 1:
        return f"{best}; {_named(choice.candidates[1:])} tied with it, and it is {_why(ruling)}"
    below = [variant for variant, one in choice.beside.items() if one.worse]
    if choice.best != choice.leader or len(below) < len(choice.eligible) - 1:
        return best
    closest = max(choice.beside, key=lambda variant: choice.beside[variant].value)
    gap = points_interval(_reversed(choice.beside[closest]))
    return f"{gap} ahead of the next best, {closest}, and significantly above all"


def _staying(ruling: Ruling) -> str:
    """What the best one has before the leader, which does not stay."""
    which = "the one" if len(ruling.choice.staying) == 1 else "the highest of those"
    if ruling.keepers():
        return f"{which} not shown to lose what the base knew"
    return f"{which} that {'loses' if len(ruling.choice.staying) == 1 else 'lose'} least of what the base knew"


def _why(ruling: Ruling) -> str:
    """Why the recommended one of several candidates was taken."""
    choice, months = ruling.choice, ruling.months
    tied = f"the {len(choice.candidates)} tied"
    if months is None:
        return f"the simplest and cheapest of {tied}"
    known = [variant for variant in choice.candidates if variant in months]
    if not known:
        return f"the simplest of {tied}, of none of which it is known what it costs"
    if len(known) < len(choice.candidates):
        tied = f"those of {tied} of which it is known what they cost"
    cheapest = months[choice.recommended] == min(months[variant] for variant in known)
    return f"the cheapest of {tied}" if cheapest else f"as cheap as any of {tied}, and simpler"


def _open(ruling: Ruling) -> str:
    """Who can't be told from the best one, and of whom it can't be told whether they meet what is required."""
    choice, unknown = ruling.choice, ruling.unknown()
    best = "it" if choice.recommended == choice.best else choice.best
    return "".join(
        [
            f", though {_named(unknown)} can't be told from {best}" if unknown else "",
            f", while it can't be told whether {_named(choice.aside)} would meet it too" if choice.aside else "",
        ]
    )


def _named(variants: Sequence[str]) -> str:
    return listing(variants) if len(variants) <= _NAMED else f"{len(variants)} others"


def _reversed(difference: Interval) -> Interval:
    return Interval(-difference.value, -difference.high, -difference.low)
