"""The provider's fine-tuning job: begun at most once, and followed to its end.

Whatever ends this process, the job goes on; so every id is written to the disk as soon as it is known, and the same
request finds its job by that, or by the label that the job carries.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from harness.api.job_records import Job, JobRequest
from harness.api.jobs import FineTuning, cancel_command
from harness.errors import ApiError, TrainingError
from harness.pipeline.served.begun import Begun, forget, recall, remember
from harness.pipeline.served.made import write_made
from harness.pipeline.served.seen import PERCENT, Seen
from harness.pipeline.served.teaching import KIND, Teaching
from harness.runs import Artifact, Cache
from harness.runs.progress import Progress

BUSY = 429

logger = logging.getLogger(__name__)


def teach(teachings: Sequence[Teaching], cache: Cache, progress: Progress) -> list[Artifact | TrainingError]:
    """For each of `teachings` the artifact that says which model the server made of it, or why it made none.

    All jobs are started before the first is waited for, so that they run at once as far as the server lets them; each
    at most once. Raises ApiError if the server can't be asked: what was begun is found again by the same call.
    """
    with _left_running(teachings, cache):
        for teaching in teachings:
            if not _started(teaching, cache):
                break
        return [_outcome(teaching, cache, progress) for teaching in teachings]


class _StartedError(Exception):
    """Ends a build when its job is begun: the lock is released, and what is remembered stays."""


def _started(teaching: Teaching, cache: Cache) -> bool:
    """Whether the server took the job, now or before; it may have as many as it wants at once."""
    unfinished = cache.unfinished(KIND, teaching.inputs)

    def build(folder: Path) -> None:
        with FineTuning(teaching.server) as jobs:
            begun = recall(unfinished)
            if begun.job:
                logger.info("%s: going on with the fine-tuning job %s.", teaching.name, begun.job)
            else:
                _begin(teaching, jobs, begun, unfinished)
        raise _StartedError

    try:
        cache.artifact(KIND, teaching.inputs, build)
    except _StartedError:
        pass
    except ApiError as error:
        if error.status != BUSY:
            raise
        logger.info("%s: the server takes no further job now, so it comes later.", teaching.name)
        return False
    return True


def _outcome(teaching: Teaching, cache: Cache, progress: Progress) -> Artifact | TrainingError:
    """What the job came to; it is begun first where it wasn't yet."""
    unfinished = cache.unfinished(KIND, teaching.inputs)

    def build(folder: Path) -> None:
        with FineTuning(teaching.server) as jobs, progress.task(f"train {teaching.name}", PERCENT) as advance:
            begun = recall(unfinished)
            begun = begun if begun.job else _begin(teaching, jobs, begun, unfinished)
            seen = Seen(teaching.name, advance)
            job = _end(teaching, jobs, begun, seen, unfinished)
            if not teaching.settings.keep_files:
                _delete_files(jobs, begun)
        write_made(folder, job, seen.events)

    try:
        return cache.artifact(KIND, teaching.inputs, build)
    except TrainingError as error:
        return error


def _begin(teaching: Teaching, jobs: FineTuning, begun: Begun, unfinished: Path) -> Begun:
    """The job that the server has for it already, or a new one. Whatever becomes known is remembered at once."""
    found = jobs.find(teaching.label)
    if found is not None:
        logger.info("%s: the server has the fine-tuning job %s for it already.", teaching.name, found.id)
        return remember(unfinished, begun, job=found.id)
    _announce(teaching)
    begun = remember(unfinished, begun)  # its attempt, before anything is sent under it
    for part, content in (("training_file", teaching.training_file), ("validation_file", teaching.validation_file)):
        known = getattr(begun, part)
        if content and not (known and jobs.has_file(known)):
            name = f"harness-{teaching.label[:16]}-{part.removesuffix('_file')}.jsonl"
            begun = remember(unfinished, begun, **{part: jobs.upload(name, content, begun.attempt)})
    request = JobRequest(
        model=teaching.model,
        training_file=begun.training_file,
        validation_file=begun.validation_file or None,
        label=teaching.label,
        seed=teaching.seed,
        hyperparameters=teaching.settings.hyperparameters.chosen(),
        suffix=teaching.settings.suffix,
    )
    job = jobs.start(request, begun.attempt)
    begun = remember(unfinished, begun, job=job.id)
    logger.info("%s: the fine-tuning job %s was started at %s.", teaching.name, job.id, teaching.server.url)
    return begun


def _announce(teaching: Teaching) -> None:
    """One line that says what is about to leave this machine."""
    validation = f", and {len(teaching.validation)} for validation ({len(teaching.validation_file):,} bytes)"
    logger.warning(
        "%s: sending %d training examples (%s bytes)%s to %s, whose provider trains %s on them and bills it.",
        teaching.name,
        len(teaching.examples),
        f"{len(teaching.training_file):,}",
        validation if teaching.validation else "",
        teaching.server.url,
        teaching.model,
    )


def _end(teaching: Teaching, jobs: FineTuning, begun: Begun, seen: Seen, unfinished: Path) -> Job:
    """The job once it has succeeded; raises TrainingError if it doesn't, and forgets it, so that another may follow."""
    try:
        job = jobs.follow(begun.job, most_seconds=teaching.settings.poll_seconds, tell=seen)
    except ApiError as error:
        if error.status != 404:
            raise
        raise TrainingError(
            f"{teaching.name}: {teaching.server.url} knows no fine-tuning job {begun.job}, which was started for it. "
            f"It may belong to another key: use that one. To start, and pay for, another job, delete {unfinished}."
        ) from None
    if job.in_vain or not job.model:
        forget(unfinished)
        if not teaching.settings.keep_files:
            _delete_files(jobs, begun)
        raise TrainingError(
            f"{teaching.name}: the fine-tuning job {job.id} ended as {job.status}: "
            f"{job.error or 'no reason is given'}. So there is no model to ask. Mend what it names; the same command "
            "then starts another job."
        )
    if job.trained_tokens is None:
        logger.warning(
            "%s: the server doesn't say how many tokens it bills, so costs show its training as free.", teaching.name
        )
    return job


def _delete_files(jobs: FineTuning, begun: Begun) -> None:
    for file in filter(None, (begun.training_file, begun.validation_file)):
        try:
            jobs.delete_file(file)
        except ApiError as error:  # the model is made: that a file lies there longer is no reason to lose it
            logger.warning("The uploaded file %s could not be deleted: %s", file, error)


@contextmanager
def _left_running(teachings: Sequence[Teaching], cache: Cache) -> Iterator[None]:
    """Says, when it is interrupted, which jobs are not."""
    try:
        yield
    except KeyboardInterrupt:
        for teaching in teachings:
            job = recall(cache.unfinished(KIND, teaching.inputs)).job
            if job:
                logger.warning(
                    "%s: the fine-tuning job %s goes on at the server, and is billed; the same command waits for it "
                    "again. To cancel it: %s",
                    *(teaching.name, job, cancel_command(teaching.server, job)),
                )
        raise
