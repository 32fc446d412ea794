"""What recipes learn that a server trains: the same cases in the same wording, as the turns of a chat."""

from collections.abc import Iterable
from typing import Any

from harness.pipeline.examples import Lessons
from harness.prompting import Message, Prompt
from harness.weights import Example

NOT_ENCODED = Example((), ())  # the server does it


class ServedLessons(Lessons):
    """Makes the lessons of recipes that a server trains."""

    def _room(self, builder: Any, answers: Iterable[str]) -> int:
        return super()._room(builder, answers) if self._prompts.tokenizer is not None else 0

    def _taught(self, builder: Any, prompt: Prompt, right: str, wrong: str) -> tuple[Example, tuple[Message, ...]]:
        return NOT_ENCODED, builder.messages(prompt, right)
