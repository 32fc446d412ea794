"""From cases to what a server is sent: the same wording as ever, in turns or in plain text."""

from typing import Any

from harness.pipeline.find import Finder
from harness.pipeline.plan import Plan
from harness.pipeline.prompts import Prompts
from harness.pipeline.served.settings import ServerSettings
from harness.pipeline.served.tokenizer import tokenizer_and_window
from harness.pipeline.tasks import Task
from harness.prompting import Prompt, PromptBuilder, ServedPromptBuilder, Wording
from harness.suite import Case, Suite


class ServedPrompts(Prompts):
    """Builds the prompts of a run on a server; in token ids only where the tokenizer is known."""

    def __init__(self, plan: Plan, finder: Finder, settings: ServerSettings) -> None:
        """Loads the tokenizer, if there is one; raises InputError."""
        self._settings = settings
        super().__init__(plan, finder)

    def _known(self, plan: Plan) -> tuple[Any, int | None]:
        """The tokenizer and window where the user says which they are."""
        named = self._settings.tokenizer
        return tokenizer_and_window(named, self._settings.endpoint) if named else (None, None)

    def _builder(self, wording: Wording, suite: Suite) -> PromptBuilder:
        exact = super()._builder(wording, suite) if self.tokenizer is not None else None
        return ServedPromptBuilder(wording, chats=self._settings.endpoint == "chat", exact=exact)

    def _choices(self, builder: PromptBuilder, prompt: Prompt, case: Case) -> list[tuple[int, ...]]:
        """None: the server encodes them."""
        return []

    def _room(self, task: Task, case: Case) -> int:
        """How many tokens the answer may take; of choices that can't be counted, none."""
        return super()._room(task, case) if self.tokenizer is not None or not case.choices else 0
