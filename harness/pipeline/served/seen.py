"""Shows what happens to a fine-tuning job as percent of a bar."""

import logging
from collections.abc import Sequence

from harness.api.job_records import Event, Job
from harness.runs.progress import Advance

PERCENT = 100
BEFORE_STEPS = {"validating_files": 2, "queued": 4, "running": 5}  # percent of the bar

logger = logging.getLogger(__name__)


class Seen:
    """All that was seen of one job; `events` are those that happened to it."""

    def __init__(self, name: str, advance: Advance) -> None:
        """`name` stands in the log, `advance` is told the percents."""
        self.events: list[Event] = []
        self._name, self._advance, self._shown = name, advance, 0

    def __call__(self, job: Job, events: Sequence[Event]) -> None:
        """Another look at the job, with the `events` since the last."""
        self.events += events
        for event in events:
            if not event.numbers:
                logger.debug("%s: %s", self._name, event.message)
        reached = max(self._percent(job), self._shown)
        self._advance(reached - self._shown)
        self._shown = reached

    def _percent(self, job: Job) -> int:
        if job.ended:
            return PERCENT
        begins = BEFORE_STEPS.get(job.status, 0)
        last = next((event.numbers for event in reversed(self.events) if "step" in event.numbers), {})
        total = last.get("total_steps", 0)
        share = min(1.0, last["step"] / total) if total > 0 else 0.0
        return begins + int(share * (PERCENT - 1 - begins)) if job.status == "running" else begins
