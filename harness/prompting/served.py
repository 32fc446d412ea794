"""Prompts for a model behind a server: the same wording, as the turns of a chat or as plain text, which it encodes.

Where its tokenizer is known here too, tokens are counted and passages left out as for any model.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from harness.errors import InputError
from harness.prompting.prompts import Prompt, PromptBuilder, Shot, Shown
from harness.prompting.turns import SHOWN_CHARACTERS, Message, chat_turns, plain_text, prove
from harness.prompting.wording import Wording

# What chat models commonly end turns with: a server may read it as such, wherever it stands.
_CONTROL = re.compile(r"<\|[A-Za-z0-9_]{1,40}\|>|\[/?INST\]|<(?:start|end)_of_turn>")


class ServedPromptBuilder(PromptBuilder):
    """Builds prompts in one wording for a server. Answers have token ids only where the tokenizer is known."""

    def __init__(self, wording: Wording, *, chats: bool, exact: PromptBuilder | None = None) -> None:
        """`chats` says whether it takes turns; `exact` has the model's tokenizer and window, where they are known."""
        self._wording, self._chats, self._exact = wording, chats, exact

    def build(
        self, question: str, *, shots: Sequence[Shot] = (), passages: Sequence[Shown] = (), answer_tokens: int
    ) -> Prompt:
        """The prompt for one question with all `passages`, or those that an `exact` window has room for.

        Raises as `PromptBuilder.build`; where the tokenizer isn't known, InputError for what common chat models read
        as a control token.
        """
        fitted = None
        if self._exact is not None:
            fitted = self._exact.build(question, shots=shots, passages=passages, answer_tokens=answer_tokens)
            passages = passages[: fitted.passages]
        blocks = [self._wording.render_passage(passage.text, passage.title) for passage in passages]
        turns = [(self._wording.render_question(shot.question), shot.answer) for shot in shots]
        asked = self._wording.render_question(question)
        last = "".join(blocks) + "\n" + asked if blocks else asked
        if not self._chats:
            text = plain_text(self._wording.instruction, turns, last)
            prompt = Prompt(text, (), len(blocks))
        else:
            messages = chat_turns(self._wording.instruction, turns, last)
            text = "\n\n".join(f"{message.role}: {message.content}" for message in messages)
            prompt = Prompt(text, (), len(blocks), messages)
            _refuse_control(text)
        prove("prompt.passage", text, [(p.id, p.text, block) for p, block in zip(passages, blocks, strict=True)])
        prove("prompt.question", text, [(question, question, asked)])
        for shot, (example, answer) in zip(shots, turns, strict=True):
            prove("prompt.question", text, [(shot.question, shot.question, example), (answer, answer, answer)])
        return replace(prompt, ids=fitted.ids) if fitted else prompt

    def messages(self, prompt: Prompt, text: str) -> tuple[Message, ...]:
        """The turns of `prompt` with `text` as the answer: an example to learn from."""
        return (*prompt.messages, Message("assistant", text))

    def answer(self, prompt: Prompt, text: str, *, end: bool = False) -> tuple[int, ...]:
        """As `PromptBuilder.answer`; raises InputError where the tokenizer isn't known."""
        return self._known().answer(prompt, text, end=end)

    def tokens(self, text: str) -> int:
        """As `PromptBuilder.tokens`; raises InputError where the tokenizer isn't known."""
        return self._known().tokens(text)

    def encode(self, text: str) -> tuple[int, ...]:
        """As `PromptBuilder.encode`; raises InputError where the tokenizer isn't known."""
        return self._known().encode(text)

    def _known(self) -> PromptBuilder:
        if self._exact is None:
            raise InputError(
                "a server's model has its tokenizer to itself, so nothing can be counted. Name --tokenizer."
            )
        return self._exact


def _refuse_control(text: str) -> None:
    """Raises InputError for what could forge a turn of the chat."""
    found = _CONTROL.search(text)
    if found:
        around = text[max(0, found.start() - SHOWN_CHARACTERS // 2) : found.end() + SHOWN_CHARACTERS // 2]
        raise InputError(
            f"the text {around!r} holds {found[0]!r}, which many models read as a control token: it could end its "
            "turn and speak for another. Take it out of the case or document."
        )
