"""How long to wait before a request is sent again: as the server asks, or longer each time and never all at once."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from random import Random

FIRST_SECONDS = 1.0
LONGEST_SECONDS = 60.0
MOST_ASKED_SECONDS = 600.0  # a server that asks for more means "not today", which nobody waits for
AGAIN = frozenset({408, 409, 425, 429})


def may_be_repeated(status: int, code: str) -> bool:
    """Whether a request that was answered with this status may be sent again; an exhausted budget stays so."""
    return (status in AGAIN or status >= 500) and status != 501 and code != "insufficient_quota"


def backoff(failures: int, random: Random) -> float:
    """Seconds to wait after that many failures: doubled each time, between half and the whole of it by chance.

    So that those who failed together don't come back together ("equal jitter", Brooker, AWS Architecture Blog, 2015).
    """
    longest = min(LONGEST_SECONDS, FIRST_SECONDS * 2.0 ** min(failures - 1, 30))
    return float(random.uniform(longest / 2, longest))


def asked_seconds(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """The seconds that a server asks to wait by `Retry-After` (a number or a date, RFC 9110), None if it doesn't."""
    told = headers.get("retry-after", "").strip()
    if not told:
        return None
    try:
        seconds = float(told)
    except ValueError:
        try:
            date = parsedate_to_datetime(told)
        except ValueError:
            return None
        date = date if date.tzinfo else date.replace(tzinfo=UTC)
        seconds = (date - (now or datetime.now(UTC))).total_seconds()
    return max(0.0, seconds) if seconds == seconds else None
