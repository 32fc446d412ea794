"""What running a variant costs: a query and an update of its knowledge, in money or in seconds. Pure arithmetic.

An update builds again all that was made of the knowledge, index and trained weights alike, since only then is the
measured quality that of what is asked; settings were tuned once and stay. Knows nothing of quality.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness._settings import read_yaml, validate
from harness.comparison.records.money import Cost, Price, Prices
from harness.errors import InputError

SECONDS = "seconds"
_HOUR = 3600
_MILLION = 1_000_000
_TOKENS = {"prompt_tokens_per_query": "million_prompt_tokens", "generated_tokens_per_query": "million_generated_tokens"}


@dataclass(frozen=True)
class Running:
    """What one query and one knowledge update cost, in `unit`: a currency, or seconds of the machine.

    `query` is None where it isn't known: no query was answered, or the prices that `missing` names weren't given.
    """

    query: float | None
    update: float
    unit: str
    missing: tuple[str, ...] = ()

    def month(self, queries: float, updates: float) -> float | None:
        """What a month with as many `queries` and `updates` costs; None where that isn't known."""
        if not queries:
            return updates * self.update
        return None if self.query is None else queries * self.query + updates * self.update


def load_prices(path: Path) -> Prices:
    """The prices in the YAML file `path`; raises InputError that tells all mistakes, with the nearest known key."""
    return validate(read_yaml(path), Prices, place=str(path))


def running(cost: Cost, prices: Prices | None = None) -> Running:
    """What a variant of that `cost` costs to run; in seconds where there are no prices. Raises InputError as `price`.

    Seconds are those at throughput: of a machine that is kept busy. An idle one costs more, whatever the variant.
    """
    if prices is None:
        return Running(cost.seconds_per_query, cost.build_seconds - cost.tune_seconds, SECONDS)
    tuning = cost.tune_seconds * prices.gpu_hour / _HOUR
    examples = prices.update_examples if cost.train_seconds else 0.0
    missing = _missing(cost, prices)
    query = None if missing else _query(cost, prices)
    return Running(query, _build(cost, prices) - tuning + examples, prices.currency, missing)


def price(costs: Iterable[Cost], prices: Prices) -> list[Price]:
    """What each variant costs in money, in the order of `costs`; raises InputError where a price is missing."""
    found = []
    for cost in costs:
        one = running(cost, prices)
        build = _build(cost, prices)
        queries = None if one.query is None else 1000 * one.query
        found.append(Price(variant=cost.variant, build=build, thousand_queries=queries, update=one.update))
    return found


def months_of(costs: Mapping[str, Running], volume: tuple[float, float]) -> dict[str, float]:
    """What a month of `volume`, queries and updates, costs with each variant of which that is known."""
    months = {variant: cost.month(*volume) for variant, cost in costs.items()}
    return {variant: month for variant, month in months.items() if month is not None}


def check_trained_tokens(prices: Prices, name: str) -> None:
    """Raises InputError if there is no price for `name`, which a provider trains."""
    if prices.million_trained_tokens is None:
        raise InputError(
            f"{name} is trained by a provider, which bills tokens, and the prices don't say what they cost: it would "
            "look free. Add `million_trained_tokens:` to the file of prices."
        )


def _missing(cost: Cost, prices: Prices) -> tuple[str, ...]:
    """The prices that `prices` lack of tokens that a server bills; one of 0 says that they are free."""
    if not cost.served:
        return ()
    return tuple(name for count, name in _TOKENS.items() if getattr(cost, count) and getattr(prices, name) is None)


def _query(cost: Cost, prices: Prices) -> float | None:
    """What a query costs in money: its tokens where they have prices or a server counts them, else its seconds."""
    tokens = [(getattr(cost, count), getattr(prices, name)) for count, name in _TOKENS.items()]
    paid = [(count, price) for count, price in tokens if price is not None]
    if not paid and not cost.served:
        return None if cost.seconds_per_query is None else cost.seconds_per_query * prices.gpu_hour / _HOUR
    if any(count is None for count, _ in tokens):
        return None
    return float(sum(count * price / _MILLION for count, price in paid))


def _build(cost: Cost, prices: Prices) -> float:
    """What building a variant costs in money: hours of one's own machine, and tokens that a provider trained on."""
    hour = prices.gpu_hour / _HOUR
    if cost.trained_tokens is None:
        return cost.build_seconds * hour
    check_trained_tokens(prices, cost.variant)
    tokens = cost.trained_tokens * (prices.million_trained_tokens or 0.0) / _MILLION
    return (cost.build_seconds - cost.train_seconds) * hour + tokens
