from pathlib import Path

import pytest

from harness.comparison import Cost, Prices
from harness.comparison.verdict.prices import load_prices, price, running
from harness.errors import InputError

SHIPPED = Path(__file__).parents[2] / "docs" / "prices.yaml"
TUNED = Cost(
    variant="lora/zero-shot",
    build_seconds=7200,
    train_seconds=1800,
    tune_seconds=5400,
    seconds_per_query=0.36,
    prompt_tokens_per_query=100,
    generated_tokens_per_query=10,
    artifact_bytes=0,
)
RETRIEVING = TUNED.model_copy(
    update={"variant": "base/rag-3", "build_seconds": 36, "index_seconds": 36, "train_seconds": 0, "tune_seconds": 0}
)


def test_hours_are_paid_by_the_hour() -> None:
    """Two dollars an hour: two hours to build are four, half an hour of training again one, 1,000 queries 20 cents."""
    [found] = price([TUNED], Prices(gpu_hour=2))
    assert (found.build, found.update, found.thousand_queries) == (4.0, 1.0, 0.2)


def test_tokens_are_paid_by_the_token() -> None:
    """With the price of a million tokens queries are paid by tokens and not by hours; updates still by hours."""
    [found] = price([TUNED], Prices(gpu_hour=2, million_prompt_tokens=3, million_generated_tokens=5))
    assert (found.update, found.thousand_queries) == (1.0, 0.35)
    [prompts_only] = price([TUNED], Prices(gpu_hour=2, million_prompt_tokens=3))
    assert prompts_only.thousand_queries == 0.3


def test_only_what_is_trained_needs_examples_of_an_update() -> None:
    """The price of an update's examples is paid by the fine-tuned variant alone, the index by the retrieving one."""
    tuned, retrieving = price([TUNED, RETRIEVING], Prices(gpu_hour=2, update_examples=50))
    assert (tuned.update, retrieving.update) == (51.0, 0.02)


def test_a_provider_is_paid_by_the_tokens_that_it_trains_on() -> None:
    """A million tokens at three dollars cost three, whatever its machines took; the rest is paid by the hour."""
    spent = {"build_seconds": 1836, "index_seconds": 36, "tune_seconds": 0}
    taught = TUNED.model_copy(update={"trained_tokens": 1e6, **spent})
    [found] = price([taught], Prices(gpu_hour=2, million_trained_tokens=3))
    assert (found.build, found.update) == (3.02, 3.02)
    [same] = price([TUNED], Prices(gpu_hour=2, million_trained_tokens=3))
    assert same == price([TUNED], Prices(gpu_hour=2))[0]


def test_a_provider_without_a_price_is_not_free() -> None:
    """What a provider bills and no price is given for is an error that names the key."""
    with pytest.raises(InputError, match=r"lora/zero-shot is trained by a provider.*million_trained_tokens"):
        price([TUNED.model_copy(update={"trained_tokens": 5.0})], Prices(gpu_hour=2))


SERVED = TUNED.model_copy(update={"served": True, "trained_tokens": 0.0})


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({}, ("million_prompt_tokens", "million_generated_tokens")),
        ({"million_prompt_tokens": 3}, ("million_generated_tokens",)),
    ],
)
def test_what_a_server_answers_is_not_paid_by_the_hour(given: dict[str, float], missing: tuple[str, ...]) -> None:
    """A query without the price of its tokens costs what isn't known, and the missing prices are named."""
    prices = Prices(gpu_hour=2, million_trained_tokens=3, **given)
    found = running(SERVED, prices)
    assert (found.query, found.missing, found.month(1000, 2), found.month(0, 2)) == (None, missing, None, 0.0)
    assert price([SERVED], prices)[0].thousand_queries is None


def test_tokens_of_a_server_that_cost_nothing_are_said_to() -> None:
    """A price of 0 is a price, and one of tokens that there weren't isn't missed."""
    free = Prices(gpu_hour=2, million_trained_tokens=0, million_prompt_tokens=0, million_generated_tokens=0)
    assert price([SERVED], free)[0].thousand_queries == 0
    chosen = SERVED.model_copy(update={"generated_tokens_per_query": 0.0})
    prompts = Prices(gpu_hour=2, million_trained_tokens=0, million_prompt_tokens=3)
    assert price([chosen], prompts)[0].thousand_queries == 0.3


@pytest.mark.parametrize("prices", [None, Prices(gpu_hour=2), Prices(gpu_hour=2, million_prompt_tokens=3)])
def test_what_was_never_answered_costs_what_is_not_known(prices: Prices | None) -> None:
    """No query measured is no query for nothing, in seconds, by the hour and by the token."""
    nothing = dict.fromkeys(["seconds_per_query", "prompt_tokens_per_query", "generated_tokens_per_query"])
    assert running(TUNED.model_copy(update=nothing), prices).query is None


def test_without_prices_costs_are_seconds() -> None:
    """A month of 1,000 queries and two updates is 360 seconds of queries and twice 1,800 of training."""
    found = running(TUNED)
    assert (found.unit, found.month(1000, 2)) == ("seconds", 360 + 3600)


def test_small_prices_keep_their_digits() -> None:
    """Amounts have six significant digits and not six decimals: a query may cost millionths."""
    tiny = TUNED.model_copy(update={"seconds_per_query": 0.000001})
    [found] = price([tiny], Prices(gpu_hour=1.234))
    assert found.thousand_queries == pytest.approx(1000 * 0.000001 * 1.234 / 3600, rel=1e-5)


def test_the_shipped_prices_are_read() -> None:
    """The example that comes with the documentation is valid, and leaves what is optional out."""
    assert load_prices(SHIPPED) == Prices(currency="USD", gpu_hour=2.0)


def test_all_that_the_shipped_prices_offer_is_known(tmp_path: Path) -> None:
    """The lines that are commented out there are valid once they aren't."""
    lines = SHIPPED.read_text(encoding="utf-8").splitlines()
    keys = ("# million_prompt_tokens:", "# million_generated_tokens:", "# update_examples:")
    opened = [line.removeprefix("# ") if line.startswith(keys) else line for line in lines]
    (tmp_path / "prices.yaml").write_text("\n".join(opened), encoding="utf-8")
    found = load_prices(tmp_path / "prices.yaml")
    assert None not in (found.million_prompt_tokens, found.million_generated_tokens)
    assert found.update_examples == 50


def test_all_mistakes_in_prices_are_told(tmp_path: Path) -> None:
    """An unknown key comes with the nearest known one, beside a negative price and one that isn't finite."""
    path = tmp_path / "prices.yaml"
    path.write_text("gpu_hours: 2\nmillion_prompt_tokens: -1\nupdate_examples: .inf\n", encoding="utf-8")
    with pytest.raises(InputError) as error:
        load_prices(path)
    told = str(error.value)
    assert "gpu_hour: is missing" in told
    assert "did you mean 'gpu_hour'?" in told
    assert "million_prompt_tokens: " in told
    assert "update_examples: " in told
