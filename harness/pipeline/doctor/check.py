"""One thing that was looked at: the record that every part of the examination gives."""

from dataclasses import dataclass
from typing import Literal

State = Literal["fact", "fine", "lacking", "wrong"]


@dataclass(frozen=True)
class Check:
    """What was found of `name`: a mere fact, fine, lacking (something works without), or wrong: no run is possible.

    `told` is what was found in words, `remedy` what to do about it ("" for nothing).
    """

    topic: str
    name: str
    state: State
    told: str
    remedy: str = ""
