"""What running a variant costs: a query and an update of its knowledge, in money or in seconds. Pure arithmetic.

An update builds again all that was made of the knowledge, index and trained weights alike, since only then is the
measured quality that of what is asked; settings were tuned once and stay. Knows nothing of quality.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from harness._settings import read_yaml, validate
from harness.comparison.records.money import Cost, Price, Prices
from harness.errors import InputError

SECONDS = "seconds"
_HOUR = 3600
_MILLION = 1_000_000


@dataclass(frozen=True)
class Running:
    """What one query and one knowledge update cost, in `unit`: a currency, or seconds of the machine."""

    query: float
    update: float
    unit: str

    def month(self, queries: float, updates: float) -> float:
        """What a month with as many `queries` and `updates` costs."""
        return queries * self.query + updates * self.update


def load_prices(path: Path) -> Prices:
    """The prices in the YAML file `path`; raises InputError that tells all mistakes, with the nearest known key."""
    return validate(read_yaml(path), Prices, place=str(path))


def running(cost: Cost, prices: Prices | None = None) -> Running:
    """What a variant of that `cost` costs to run; in seconds where there are no prices. Raises InputError as `price`.

    Seconds are those at throughput: of a machine that is kept busy. An idle one costs more, whatever the variant.
    """
    if prices is None:
        return Running(cost.seconds_per_query, cost.build_seconds - cost.tune_seconds, SECONDS)
    second = prices.gpu_hour / _HOUR
    tokens = (
        (cost.prompt_tokens_per_query, prices.million_prompt_tokens),
        (cost.generated_tokens_per_query, prices.million_generated_tokens),
    )
    if any(price is not None for _, price in tokens):
        query = sum(count * price / _MILLION for count, price in tokens if price is not None)
    else:
        query = cost.seconds_per_query * second
    examples = prices.update_examples if cost.train_seconds else 0.0
    return Running(query, _build(cost, prices) - cost.tune_seconds * second + examples, prices.currency)


def price(costs: Iterable[Cost], prices: Prices) -> list[Price]:
    """What each variant costs in money, in the order of `costs`; raises InputError where a price is missing."""
    found = []
    for cost in costs:
        one = running(cost, prices)
        build = _build(cost, prices)
        found.append(Price(variant=cost.variant, build=build, thousand_queries=1000 * one.query, update=one.update))
    return found


def check_trained_tokens(prices: Prices, name: str) -> None:
    """Raises InputError if there is no price for `name`, which a provider trains."""
    if prices.million_trained_tokens is None:
        raise InputError(
            f"{name} is trained by a provider, which bills tokens, and the prices don't say what they cost: it would "
            "look free. Add `million_trained_tokens:` to the file of prices."
        )


def _build(cost: Cost, prices: Prices) -> float:
    """What building a variant costs in money: hours of one's own machine, and tokens that a provider trained on."""
    hour = prices.gpu_hour / _HOUR
    if cost.trained_tokens is None:
        return cost.build_seconds * hour
    check_trained_tokens(prices, cost.variant)
    tokens = cost.trained_tokens * (prices.million_trained_tokens or 0.0) / _MILLION
    return (cost.build_seconds - cost.train_seconds) * hour + tokens
