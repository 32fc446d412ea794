"""What the clock measured, and all that is concluded from it: `costs.json`, the file beside `comparison.json`.

A run that is repeated takes other seconds, so nothing of this is in the file that a repeated run gives to the byte.
"""

from typing import Literal

from pydantic import Field

from harness.comparison.records.base import Figure, Record
from harness.comparison.records.money import BreakEven, Cost, Price, Prices
from harness.comparison.records.verdict import Decision, Standing

COSTS_SCHEMA: Literal["harness.costs/1"] = "harness.costs/1"


class Clocked(Record):
    """What variants cost, and what is decided by it.

    The decision is among it, since of equal variants the one that is built faster is taken, and so are the standings,
    since a requirement may be about seconds.
    """

    costs: list[Cost]
    prices: Prices | None = None
    priced: list[Price] = []
    break_even: list[BreakEven] = []
    standings: list[Standing] = []
    decision: Decision


class Belonging(Record):
    """What `costs.json` begins with: `comparison` is the SHA-256 of the `comparison.json` that it belongs to, in hex.

    `trial_seconds` are those of the trials there, in their order.
    """

    schema_: Literal["harness.costs/1"] = Field(default=COSTS_SCHEMA, alias="schema")
    comparison: str
    trial_seconds: list[Figure] = []


class CostsFile(Clocked, Belonging):
    """Everything in `costs.json`."""
