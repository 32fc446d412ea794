"""What is known of a fine-tuning job that was begun, kept on the disk so that no crash makes it be paid twice."""

from pathlib import Path
from typing import Any
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.runs.storage import storage_errors, write_atomic

FILE = "job.json"
REMEDY = "Free space there or mend its permissions; then repeat the command: a job that was started is found again."


class Begun(BaseModel):
    """The ids of uploads and job, "" while they aren't known; `attempt` marks all requests that belong together."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    attempt: str = Field(default_factory=lambda: str(uuid4()))
    training_file: str = ""
    validation_file: str = ""
    job: str = ""


def recall(folder: Path) -> Begun:
    """What `remember` last wrote to `folder`; a new attempt where there is nothing that can be read."""
    try:
        return Begun.model_validate_json((folder / FILE).read_bytes())
    except (OSError, ValidationError):  # the server still finds a job by its label
        return Begun()


def remember(folder: Path, begun: Begun, **known: Any) -> Begun:
    """`begun` with what is `known` now, on the disk when this returns; raises CacheError if it can't be."""
    now = begun.model_copy(update=known)
    with storage_errors(folder, "the record of a fine-tuning job", REMEDY):
        write_atomic(folder / FILE, now.model_dump_json(indent=2).encode())
    return now


def forget(folder: Path) -> None:
    """Lets the next attempt be a new one."""
    (folder / FILE).unlink(missing_ok=True)
