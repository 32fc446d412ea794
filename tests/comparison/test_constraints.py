import pytest

from harness.comparison import Mean, SplitReference
from harness.comparison.verdict.constraints import Constraints, Requirement, known_names, parse_requirements
from harness.errors import InputError

SPLITS = [
    SplitReference(name="in_domain", kind="in-domain", n=100),
    SplitReference(name="noisy", kind="shifted", n=100),
    SplitReference(name="retention", kind="retention", n=100),
]
METRICS = {"in_domain": ["exact_match", "token_f1", "regex(a>=3)"], "noisy": ["exact_match"]}
NAMES = known_names(SPLITS, METRICS, priced=True, volume=True)


def _one(text: str) -> Requirement:
    [requirement] = parse_requirements([text], NAMES)
    return requirement


@pytest.mark.parametrize(
    ("text", "name", "operator", "limit"),
    [
        ("in_domain >= 0.8", "in_domain", ">=", 0.8),
        ("  in_domain>=80%  ", "in_domain", ">=", 0.8),
        ("in_domain.token_f1 > .5", "in_domain.token_f1", ">", 0.5),
        ("in_domain.regex(a>=3) < 5e-1", "in_domain.regex(a>=3)", "<", 0.5),
        ("quality >= 0.7", "quality", ">=", 0.7),
        ("retention_drop <= 2 %", "retention_drop", "<=", 0.02),
        ("noisy_drop <= -0.01", "noisy_drop", "<=", -0.01),
        ("p95_seconds <= 0.5", "p95_seconds", "<=", 0.5),
        ("memory_bytes < 2e9", "memory_bytes", "<", 2e9),
        ("month_price <= 100", "month_price", "<=", 100),
    ],
)
def test_a_requirement_is_read(text: str, name: str, operator: str, limit: float) -> None:
    """Name, operator and limit are told apart, also where a metric's name holds an operator; 80% is 0.8."""
    found = _one(text)
    assert (found.name, found.operator, found.limit) == (name, operator, pytest.approx(limit))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("in_domain", "is no requirement"),
        ("in_domain = 0.8", "is no requirement"),
        ("in_domain >= high", "is no requirement"),
        (">= 0.8", "is no requirement"),
        ("in_domian >= 0.8", "Did you mean 'in_domain'"),
        ("in_domain.token_f2 >= 0.8", "Did you mean 'in_domain.token_f1'"),
        ("p99_seconds < 1", "Did you mean 'p95_seconds'"),
        ("in_domain_drop < 0.1", "A drop needs a shifted split"),
        ("in_domain >= 80", "scores run from 0 to 1"),
        ("retention_drop <= 2", "scores run from 0 to 1"),
        ("p95_seconds <= 50%", "Drop the %"),
        ("memory_bytes < 1e999", "too large a number"),
    ],
)
def test_what_is_no_requirement_is_told(text: str, told: str) -> None:
    """A mistake is told with what was written, and the nearest name where there is one."""
    with pytest.raises(InputError) as error:
        _one(text)
    assert told in str(error.value)
    assert repr(text) in str(error.value)


def test_all_mistakes_are_told_at_once() -> None:
    """Three wrong requirements of four are one error of three lines."""
    with pytest.raises(InputError) as error:
        parse_requirements(["in_domian > 1%", "quality >= 0.5", "quality > 5", "what"], NAMES)
    assert len(str(error.value).splitlines()) == 3


def test_names_of_money_need_prices_and_a_use() -> None:
    """Without prices no amount can be required, and that of a month not without a stated use."""
    assert "update_price" not in known_names(SPLITS, METRICS, priced=False, volume=True)
    assert "month_price" not in known_names(SPLITS, METRICS, priced=True, volume=False)
    with pytest.raises(InputError, match="need --prices"):
        parse_requirements(["month_price < 1"], known_names(SPLITS, METRICS, priced=False, volume=False))


def test_drops_need_their_splits() -> None:
    """Without an in-domain split no shifted one falls from anything, and without retention nothing is kept."""
    names = known_names(SPLITS[1:2], METRICS, priced=False, volume=False)
    assert "noisy_drop" not in names
    assert "retention_drop" not in names


@pytest.mark.parametrize(
    ("operator", "low", "high", "outcome"),
    [
        (">=", 0.80, 0.90, "met"),
        (">=", 0.79, 0.90, "cannot tell"),
        (">=", 0.70, 0.79, "not met"),
        (">=", 0.70, 0.80, "cannot tell"),
        (">", 0.80, 0.90, "cannot tell"),
        (">", 0.70, 0.80, "not met"),
        ("<=", 0.70, 0.80, "met"),
        ("<=", 0.70, 0.81, "cannot tell"),
        ("<=", 0.81, 0.90, "not met"),
        ("<", 0.70, 0.79, "met"),
        ("<", 0.80, 0.90, "not met"),
    ],
)
def test_an_interval_decides_only_where_it_lies_on_one_side(operator, low, high, outcome) -> None:
    """Met and not met need the whole interval, its ends among it; across the limit it can't be told."""
    requirement = Requirement("", "in_domain", "score", operator, 0.8)
    assert requirement.outcome(Mean(value=(low + high) / 2, low=low, high=high)) == outcome


@pytest.mark.parametrize(("measured", "outcome"), [(0.5, "met"), (0.51, "not met"), (None, "cannot tell")])
def test_a_cost_is_compared_as_it_is(measured, outcome) -> None:
    """What has no interval is met or not; what was not measured can't be told."""
    assert _one("p95_seconds <= 0.5").outcome(measured) == outcome


@pytest.mark.parametrize(
    ("queries", "updates", "told"),
    [
        (10, None, "--updates-per-month is missing"),
        (None, 2, "--queries-per-month is missing"),
        (-1, 2, "--queries-per-month: -1 is no number of a month"),
        (10, float("nan"), "--updates-per-month: nan"),
        (float("inf"), 1, "--queries-per-month: inf"),
    ],
)
def test_the_use_is_stated_whole(queries, updates, told) -> None:
    """Queries without updates, or the other way round, and numbers that can't be, are told."""
    with pytest.raises(InputError) as error:
        Constraints(queries_per_month=queries, updates_per_month=updates)
    assert told in str(error.value)


def test_no_updates_are_a_use_too() -> None:
    """Zero is a number of updates, as where knowledge never changes."""
    assert Constraints(queries_per_month=10, updates_per_month=0).volume == (10, 0)
