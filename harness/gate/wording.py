"""A gate's result in plain words: the one text that the terminal and all formats for CI show. Decides nothing."""

from harness.comparison import Interval
from harness.comparison.phrases import count, metric_label, p_value, percent, points_interval
from harness.gate.escape import plain
from harness.gate.records import Check, GateResult, Obstacle

OUTCOMES = {"pass": "PASS", "fail": "FAIL", "unknown": "CANNOT TELL", "not comparable": "NOT COMPARABLE"}


def headline(result: GateResult) -> str:
    """The outcome in a word or two, and whether what is unknown passes."""
    let_pass = result.outcome == "unknown" and result.passed
    return OUTCOMES[result.outcome] + (", and passes as it was told to" if let_pass else "")


def place(check: Check) -> str:
    """Where a check looks: `full/zero-shot on in_domain, exact match`."""
    splits = check.splits[0] if len(check.splits) == 1 else f"the mean of {len(check.splits)} splits"
    return f"{check.variant} on {splits}, {metric_label(check.metric)}"


def figures(check: Check) -> str:
    """What was measured: `80.0% to 60.0%, -20.0 points (-28.1 to -12.6)`."""
    if check.value is None or check.low is None or check.high is None:
        return "no case is scored in both runs"
    interval = Interval(check.value, check.low, check.high)
    if check.demand == "floor":
        return f"{percent(check.value)} ({percent(check.low)} to {percent(check.high)})"
    return f"{percent(check.baseline or 0)} to {percent(check.run or 0)}, {points_interval(interval)}"


def finding(check: Check) -> str:
    """What follows from it, and for what can't be told, what would tell."""
    if check.outcome == "pass":
        return f"shown to have {_wanted(check)}, {p_value(check.p_pass)}"
    if check.outcome == "fail":
        return f"shown to have {_unwanted(check)}, {p_value(check.p_fail_adjusted)}"
    return f"not shown to have {_wanted(check)}, {p_value(check.p_pass)}. {_power(check)}"


def line(check: Check) -> str:
    """A check as one line."""
    return f"{OUTCOMES[check.outcome]} {place(check)}: {figures(check)}: {finding(check)}"


def refusal(obstacle: Obstacle) -> str:
    """A reason against comparing, with what would accept it."""
    return f"{obstacle.reason}; --accept {_quoted(obstacle.accept)}"


def explanation(result: GateResult) -> str:
    """Why a run is not comparable, as one message."""
    listed = "".join(f"  - {plain(refusal(one))}\n" for one in result.obstacles)
    return f"the run can't be compared with the baseline:\n{listed}{' '.join(result.summary)}"


def _wanted(check: Check) -> str:
    if check.demand == "floor":
        return f"scored above {percent(check.pass_line)}"
    return f"lost less than {-100 * check.pass_line:.1f} points"


def _unwanted(check: Check) -> str:
    if check.demand == "floor":
        return f"scored below {percent(check.fail_line)}"
    return f"lost more than {-100 * check.fail_line:.1f} points" if check.fail_line else "fallen"


def _power(check: Check) -> str:
    if check.power is None:
        return "More seeds would tell more, or more cases." if check.n else "Nothing can be said without a case."
    condition = "nothing changed" if check.demand == "fall" else "that is the true score"
    needed = f"; {check.cases_needed:,} cases would pass with 80%" if check.cases_needed is not None else ""
    if check.power >= 0.8:
        needed = ""
    cases = count(check.n, "case", "cases")
    return f"With {cases} it passes with a probability of {check.power:.0%} if {condition}{needed}."


def _quoted(name: str) -> str:
    return name if name.isalpha() else "'" + name.replace("'", "'\\''") + "'"
