"""Creates something on a server that must not be created twice, over connections that may end at any moment.

When a request fails without a reply, nobody knows whether it was done. So what it would create is looked for before it
is sent, each time; an `Idempotency-Key` helps beside that where the server honours it, but not every server does.
"""

from collections.abc import Callable
from random import Random
from typing import TypeVar

from harness.api.patience import backoff, may_be_repeated
from harness.errors import ApiError

Created = TypeVar("Created")


def created_once(
    find: Callable[[], Created | None],
    create: Callable[[], Created],
    *,
    retries: int,
    wait: Callable[[float], object],
    random: Random,
) -> Created:
    """What `find` finds, or else what `create` creates, of which one call is one request.

    Where that fails in a way that may pass, it waits and looks again, up to `retries` times. Raises ApiError.
    """
    for attempt in range(1, retries + 2):
        found = find()
        if found is not None:
            return found
        try:
            return create()
        except ApiError as error:
            if attempt > retries or not may_pass(error):
                raise
        wait(backoff(attempt, random))
    raise AssertionError("the last attempt returns or raises")


def may_pass(error: ApiError) -> bool:
    """Whether the same request may succeed later: the server didn't answer, or was busy or out of order."""
    return error.status is None or may_be_repeated(error.status, error.code)
