"""Sizes and ages as people write them: 20GB, 30d."""

import re

from harness.errors import InputError

_SIZES = {
    **{"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12},
    **{"kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40},
}
_AGES = {"m": 60, "h": 3_600, "d": 86_400, "w": 7 * 86_400}
_AMOUNT = re.compile(r"(\d{1,9}(?:\.\d{1,9})?) ?([A-Za-z]+)")


def size(text: str, option: str) -> int:
    """Bytes, of `20GB` or `500 MiB`; raises InputError for what is no size, naming the `option`."""
    return int(_amount(text, _SIZES, f"{option} {text}: is no size. Write a number and a unit: 500MB, 20GB, 1.5TiB."))


def age(text: str, option: str) -> float:
    """Seconds, of `30d` or `12h`; raises InputError for what is no time, naming the `option`."""
    return _amount(text, _AGES, f"{option} {text}: is no time. Write a number and m, h, d or w: 12h, 30d, 8w.")


def _amount(text: str, units: dict[str, int], problem: str) -> float:
    match = _AMOUNT.fullmatch(text.strip())
    if match is None or match[2].lower() not in units:
        raise InputError(problem)
    return float(match[1]) * units[match[2].lower()]
