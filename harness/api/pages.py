"""Reads lists that come page by page. Knows nothing of what is listed."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol
from urllib.parse import urlencode

from harness.errors import ApiError

PAGE = 100  # rows asked for at once
MOST_PAGES = 1000  # a server that never comes to an end is not followed for ever
NOT_OFFERED = frozenset({404, 405, 501})


class Gets(Protocol):
    """What asks for pages."""

    def get(self, path: str) -> dict[str, Any]:
        """The JSON object at `path`; raises ApiError."""


def rows(client: Gets, path: str, query: Mapping[str, str] | None = None) -> Iterator[dict[str, Any]]:
    """Every row of the list at `path`, in the server's order, page by page as they are wanted; raises ApiError.

    A server that doesn't offer the list has none.
    """
    after: dict[str, str] = {}
    for _ in range(MOST_PAGES):
        try:
            page = client.get(f"{path}?{urlencode({**(query or {}), 'limit': str(PAGE), **after})}")
        except ApiError as error:
            if error.status in NOT_OFFERED and not after:
                return
            raise
        data = page.get("data")
        found = [row for row in data if isinstance(row, dict)] if isinstance(data, list) else []
        yield from found
        last = found[-1].get("id") if found else None
        if page.get("has_more") is not True or not isinstance(last, str) or {"after": last} == after:
            return
        after = {"after": last}
