"""Which values of a column are held out, so that a test split shows what training has not seen. Pure functions."""

import re
from collections import Counter
from collections.abc import Sequence
from datetime import date

from harness.errors import InputError

_LIKE_A_DAY = re.compile(r"(\d{1,2}[-./]\d{1,2}[-./]\d{4}|\d{4}[-./]\d{1,2}([-./]\d{1,2})?)\b.*")


def held_out(column: str, values: Sequence[str], share: float) -> list[str]:
    """The values of `column` (one a case, "" for none) that at most `share` of the cases have, and at least one value.

    Dates (2026-01-31, with or without a time, or a year) are held out from the latest on; other values, such as topics,
    sources or wordings, from the rarest on. Raises InputError for a column that holds nothing to tell cases apart by.
    """
    counts = Counter(value for value in values if value)
    if len(counts) < 2:
        raise InputError(
            f"the column {column!r} holds {len(counts)} different values, so none can be held out and the others kept. "
            "Name another column with --shift."
        )
    days = {value: _day(value) for value in counts}
    mostly = 2 * sum(day is not None for day in days.values()) > len(days)
    if None not in days.values():
        order = sorted(counts, key=lambda value: str(days[value]), reverse=True)
    elif unread := [value for value in counts if days[value] is None and (mostly or _LIKE_A_DAY.fullmatch(value))]:
        raise InputError(
            f"the column {column!r} holds dates, and {unread[0]!r} can't be read as one, so which are the latest isn't "
            "known. Write them all as 2026-01-31, or name another column with --shift."
        )
    elif 2 * len(counts) > counts.total():
        raise InputError(
            f"the column {column!r} holds {len(counts)} different values for {counts.total()} cases and is neither a "
            "topic nor a date (2026-01-31), so what would be held out differs from nothing. Name another with --shift."
        )
    else:
        order = sorted(counts, key=lambda value: (counts[value], value))
    chosen = order[:1]
    for value in order[1:-1]:
        if sum(counts[name] for name in (*chosen, value)) > share * len(values):
            break
        chosen.append(value)
    return chosen


def _day(value: str) -> date | None:
    try:
        return date(int(value), 1, 1) if value.isdecimal() and len(value) == 4 else date.fromisoformat(value[:10])
    except ValueError:
        return None
