"""Commands under a launcher, as `accelerate launch` and `torchrun` are: the first process runs them."""

import os
from collections.abc import Callable


def run_launched(run: Callable[[], None]) -> None:
    """Calls `run`, in the first process where several were launched; the others train along with it."""
    if os.environ.get("WORLD_SIZE", "1") in ("", "0", "1"):
        run()
        return
    from harness.pipeline.processes import lead_or_follow

    lead_or_follow(run)
