"""A fine-tuning job as the API reference describes it: what is asked for, what is replied, what happens on the way.

A server's words are untrusted, so every field is checked when it is read. Knows nothing of requests.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from harness.errors import ApiError

LABEL = "harness_artifact"  # the metadata by which a job is found again
LONGEST_NAME = 500

LARGEST_NUMBER = 1e300
LARGEST_COUNT = 10**15
ENDED = frozenset({"succeeded", "failed", "cancelled"})  # before that: validating_files, queued, running


def text(reply: Mapping[str, Any], name: str) -> str:
    """The text of a field: of one line, printable, and not longer than names and messages are; "" for anything else."""
    value = reply.get(name)
    if not isinstance(value, str):
        return ""
    plain = "".join(letter if letter.isprintable() else " " for letter in value)
    return plain[:LONGEST_NAME]


@dataclass(frozen=True)
class JobRequest:
    """A supervised job on the base `model`; the files are ids of uploads, `label` identifies what it makes.

    `hyperparameters` are those that the server shall not choose by itself.
    """

    model: str
    training_file: str
    label: str
    seed: int
    validation_file: str | None = None
    hyperparameters: Mapping[str, int | float] = field(default_factory=dict)
    suffix: str = ""

    def body(self) -> dict[str, Any]:
        """The request's JSON; what isn't set isn't sent."""
        method = {"type": "supervised", "supervised": {"hyperparameters": dict(self.hyperparameters)}}
        return {
            "model": self.model,
            "training_file": self.training_file,
            "seed": self.seed,
            "metadata": {LABEL: self.label},
            **({"validation_file": self.validation_file} if self.validation_file else {}),
            **({"method": method} if self.hyperparameters else {}),
            **({"suffix": self.suffix} if self.suffix else {}),
        }


@dataclass(frozen=True)
class Job:
    """A job as the server describes it; `model` is the name of what it made, "" while there is none.

    `hyperparameters` are what the server settled on, `trained_tokens` what it bills, `seconds` how long the job took
    from its creation on, waiting included; None where it isn't told.
    """

    id: str
    status: str
    base: str
    training_file: str
    model: str = ""
    error: str = ""
    label: str = ""
    seed: int | None = None
    trained_tokens: int | None = None
    seconds: int | None = None
    hyperparameters: dict[str, int | float | str] = field(default_factory=dict)
    result_files: tuple[str, ...] = ()

    @classmethod
    def read(cls, reply: Mapping[str, Any]) -> Self:
        """The job that the server's `reply` describes; raises ApiError for one that is no job."""
        identity, status = text(reply, "id"), text(reply, "status")
        if not identity or not status:
            raise ApiError(
                "the server's reply about a fine-tuning job has no id or status, so the job can't be followed. Check "
                "that the server offers the fine-tuning API."
            )
        begun, ended = _count(reply, "created_at"), _count(reply, "finished_at")
        error, metadata = reply.get("error"), reply.get("metadata")
        chosen, results = reply.get("hyperparameters"), reply.get("result_files")
        return cls(
            id=identity,
            status=status,
            base=text(reply, "model"),
            training_file=text(reply, "training_file"),
            model=text(reply, "fine_tuned_model"),
            error=text(error, "message") if isinstance(error, Mapping) else "",
            label=text(metadata, LABEL) if isinstance(metadata, Mapping) else "",
            seed=_count(reply, "seed"),
            trained_tokens=_count(reply, "trained_tokens"),
            seconds=max(0, ended - begun) if begun is not None and ended is not None else None,
            hyperparameters=_numbers_or_words(chosen),
            result_files=tuple(one for one in results if isinstance(one, str)) if isinstance(results, list) else (),
        )

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in ENDED

    @property
    def in_vain(self) -> bool:
        """Whether it ended without a model."""
        return self.ended and self.status != "succeeded"

    def makes(self, request: JobRequest) -> bool:
        """Whether it makes what `request` asks for: by its label, or where the server keeps none, by its file."""
        if self.label:
            return self.label == request.label
        return (self.training_file, self.base) == (request.training_file, request.model)


@dataclass(frozen=True)
class Event:
    """Something that happened to a job: a message and, for a step of training, its numbers by name."""

    id: str
    message: str
    numbers: dict[str, int | float]

    @classmethod
    def read(cls, reply: Mapping[str, Any]) -> Self:
        """The event that the server's `reply` describes; what is no number isn't kept."""
        data = reply.get("data")
        named = data if isinstance(data, Mapping) else {}
        numbers = {str(name): value for name, value in named.items() if _is_number(value)}
        return cls(text(reply, "id"), text(reply, "message"), numbers)


def _count(reply: Mapping[str, Any], name: str) -> int | None:
    value = reply.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST_COUNT else None


def _numbers_or_words(value: Any) -> dict[str, int | float | str]:
    named = value if isinstance(value, Mapping) else {}
    return {str(name): one for name, one in named.items() if _is_number(one) or isinstance(one, str)}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST_NUMBER
