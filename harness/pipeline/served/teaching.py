"""What a server shall train: its model, on which conversations, and how. Knows nothing of suites and of requests."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

from harness.api import Server
from harness.runs import JSON, artifact_key
from harness.weights import ApiFinetuneSettings

KIND = "weights"
FORM = 1  # counts the changes of what an artifact of this stage holds

Chat = Sequence[Mapping[str, str]]
"""The messages of one example, the answer to learn last."""


@dataclass(frozen=True)
class Teaching:
    """One training of the server's `model`; `name` is for those who watch."""

    name: str
    server: Server
    model: str
    settings: ApiFinetuneSettings
    examples: Sequence[Chat]
    validation: Sequence[Chat]
    seed: int

    @cached_property
    def inputs(self) -> dict[str, JSON]:
        """All that the trained model depends on, and nothing else: code that changes no byte of it isn't paid twice."""
        return {
            "form": FORM,
            "server": self.server.url,
            "model": self.model,
            "suffix": self.settings.suffix,
            "hyperparameters": self.settings.hyperparameters.chosen(),
            "examples": sha256(self.training_file).hexdigest(),
            "validation": sha256(self.validation_file).hexdigest() if self.validation else None,
            "seed": self.seed,
        }

    @property
    def label(self) -> str:
        """What the job is found by: the key of the artifact that is made of it."""
        return artifact_key(KIND, self.inputs)

    @cached_property
    def training_file(self) -> bytes:
        """The examples as the server takes them."""
        return jsonl(self.examples)

    @cached_property
    def validation_file(self) -> bytes:
        """The validation cases as the server takes them."""
        return jsonl(self.validation)


def jsonl(chats: Sequence[Chat]) -> bytes:
    """One line a conversation, in the form that fine-tuning files have; nothing for none."""
    lines = (json.dumps({"messages": [dict(message) for message in chat]}, ensure_ascii=False) for chat in chats)
    return "".join(f"{line}\n" for line in lines).encode("utf-8")
