"""What variants cost, in seconds, tokens, bytes and money, and from where on which of them is cheaper: the records."""

from typing import Annotated

from pydantic import AfterValidator, Field

from harness.comparison.records.base import Figure, Mean, Record


def _six_digits(number: float) -> float:
    return float(f"{number:.6g}")


Amount = Annotated[float, AfterValidator(_six_digits)]
"""A finite number to six significant digits: a query may cost millionths, and there may be millions of them."""
Paid = Annotated[Amount, Field(ge=0, le=1e9)]
"""A price."""


class Cost(Record):
    """What one variant costs to build, to ask and to ship.

    `build_seconds` is the sum of `index_seconds`, `train_seconds` and `tune_seconds`. `seconds_per_query` is a case's
    share of the time of all that were computed with it, which shared their prefixes: throughput. `p50_seconds` and
    `p95_seconds` are those of one query alone, batch 1, retrieval included. `flops_per_query` are the floating-point
    operations of a prompt and its answer computed alone; `memory_bytes` is what weights, index and the keys and values
    of the longest case take. None: not measured, as what queries take of which none was answered. `trained_tokens` are
    those that a provider bills for training, which takes `train_seconds` of its machines and none of one's own; None:
    trained here, or not at all.

    `served` says that a server answers the queries, on machines that aren't one's own. Then `p50_seconds` and
    `p95_seconds` are from request to reply with as many requests under way as the run allowed, and a query's share of
    the retrieval.
    """

    variant: str
    build_seconds: Figure
    seconds_per_query: Figure | None
    prompt_tokens_per_query: Figure | None
    generated_tokens_per_query: Figure | None
    artifact_bytes: int
    index_seconds: Figure = 0.0
    train_seconds: Figure = 0.0
    tune_seconds: Figure = 0.0
    p50_seconds: Figure | None = None
    p95_seconds: Figure | None = None
    flops_per_query: Figure | None = None
    memory_bytes: int | None = None
    trained_tokens: Figure | None = None
    served: bool = False


class Prices(Record):
    """What things cost, from `prices.yaml`; `currency` is a label.

    A model of one's own is paid by the hour of what it runs on; where the price of a million tokens is given, the
    tokens of queries are paid by it instead, and no hours. What a server answers is never paid by the hour.
    `million_trained_tokens` is what a provider takes for training on a million tokens. `update_examples` is what the
    training examples of one knowledge update cost to write and check, which only a trained variant needs.
    """

    currency: str = Field(default="USD", min_length=1, max_length=12)
    gpu_hour: Paid
    million_prompt_tokens: Paid | None = None
    million_generated_tokens: Paid | None = None
    million_trained_tokens: Paid | None = None
    update_examples: Paid = 0.0


class Price(Record):
    """What one variant costs in money: once to build, for each thousand queries (None: unknown), for each update."""

    variant: str
    build: Amount
    thousand_queries: Amount | None
    update: Amount


class BreakEven(Record):
    """When is a fine-tuned variant cheaper than a retrieving one? Per month; the first build is left out.

    Fine-tuning costs `tuned_query` a query and `tuned_update` an update of the knowledge, retrieval `retrieving_query`
    and `retrieving_update`, all in `unit` (the currency, or seconds where there are no prices). `equal_quality` says
    whether the two tie, so that cost may decide; otherwise `better` names the better one, "" where nothing can be told.
    `difference` is the tuned one's macro mean minus the retrieving one's (None: no case is scored in both).

    At one update a month tuning is cheaper from `queries_from` queries a month on (0: always, None: never) and up to
    `queries_to` (None: without end); at n updates both are n times as many. `updates_per_query` is how many updates a
    query the dearer one to update can bear, the slope of the line through the map (None where there is no such line).
    """

    retrieving: str
    tuned: str
    unit: str
    retrieving_query: Amount
    retrieving_update: Amount
    tuned_query: Amount
    tuned_update: Amount
    equal_quality: bool
    better: str = ""
    difference: Mean | None = None
    queries_from: Amount | None = None
    queries_to: Amount | None = None
    updates_per_query: Amount | None = None
