"""Puts a prompt together: instruction, shots, passages, question. Knows nothing of where passages come from.

Plain text for base models; the tokenizer's chat template where it has one, each shot as a turn of its own. Where the
window is short whole passages are left out, the last first; nothing is ever cut.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jinja2 import TemplateError

from harness.errors import InputError, TooLongError
from harness.prompting.turns import SHOWN_CHARACTERS, Message, chat_turns, plain_text, prove, spaced
from harness.prompting.wording import Wording

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_REMEDIES = {
    "instruction": "shorten `prompt.instruction` in suite.yaml",
    "shots": "show fewer (few-shot-K)",
    "question": "shorten it, or lower `decoding.max_new_tokens`",
}


@dataclass(frozen=True)
class Shot:
    """One worked example: a question with its answer."""

    question: str
    answer: str


@dataclass(frozen=True)
class Shown:
    """One passage as the prompt shows it."""

    id: str
    text: str
    title: str = ""


@dataclass(frozen=True)
class Prompt:
    """The text that the model sees, its token ids, and how many of the passages it has room for: the first ones.

    A prompt for a server has no ids, since the server makes them; `messages` are its turns, where it is a chat.
    """

    text: str
    ids: tuple[int, ...]
    passages: int = 0
    messages: tuple[Message, ...] = ()


class PromptBuilder:
    """Builds prompts in one wording for one tokenizer and one window."""

    def __init__(self, wording: Wording, tokenizer: "PreTrainedTokenizerBase", window: int | None) -> None:
        """`window` is how many tokens prompt and answer may have together; None where the model doesn't say."""
        self._wording = wording
        self._tokenizer = tokenizer
        self._window = window
        self._chats = bool(getattr(tokenizer, "chat_template", None))
        self._control = [str(token) for token in tokenizer.added_tokens_decoder.values() if token.special]

    def build(
        self, question: str, *, shots: Sequence[Shot] = (), passages: Sequence[Shown] = (), answer_tokens: int
    ) -> Prompt:
        """The prompt for one question, which leaves room for `answer_tokens`, with as many passages as fit.

        Raises TooLongError if it doesn't fit the window without any passage, and ProofError if the question, a shot
        or a passage isn't in it as it should be (a template that drops it). Suites are untrusted text: a control token
        written in one is plain text in a plain prompt, and refused in a chat (InputError).
        """
        blocks = [self._wording.render_passage(passage.text, passage.title) for passage in passages]
        turns = [(self._wording.render_question(shot.question), shot.answer) for shot in shots]
        asked = self._wording.render_question(question)
        if self._chats:
            # together too: a token can begin in one passage and end in the next
            self._refuse_control([*blocks, asked, "".join(blocks) + f"\n{asked}", *(p for turn in turns for p in turn)])
        prompt = self._longest_that_fits(turns, blocks, asked, answer_tokens)
        if prompt is None:
            raise TooLongError(self._too_long(question, turns, asked, answer_tokens))
        shown = list(zip(passages, blocks, strict=True))[: prompt.passages]
        prove("prompt.passage", prompt.text, [(p.id, p.text, block) for p, block in shown])
        prove("prompt.question", prompt.text, [(question, question, asked)])
        for shot, (example, answer) in zip(shots, turns, strict=True):
            prove("prompt.question", prompt.text, [(shot.question, shot.question, example), (answer, answer, answer)])
        return prompt

    def answer(self, prompt: Prompt, text: str, *, end: bool = False) -> tuple[int, ...]:
        """The token ids of `text` as the continuation of `prompt`, with the end token if asked.

        The prompt's own ids stay as they are: where a token would span both, `text` is encoded by itself.
        """
        joined = text if self._chats else spaced(prompt.text, text)
        whole = self.encode(prompt.text + joined)
        length = len(prompt.ids)
        ids = whole[length:] if whole[:length] == prompt.ids else tuple(self._bare(joined))
        return (*ids, self._tokenizer.eos_token_id) if end and self._tokenizer.eos_token_id is not None else ids

    def tokens(self, text: str) -> int:
        """How many tokens `text` has by itself."""
        return len(self._bare(text)) if text else 0

    def encode(self, text: str) -> tuple[int, ...]:
        """Token ids of a whole prompt; a chat template writes its own special tokens, in plain text there are none."""
        plain = not self._chats
        ids = self._tokenizer(text, add_special_tokens=plain, split_special_tokens=plain, verbose=False)["input_ids"]
        return tuple(ids)

    def _longest_that_fits(
        self, turns: Sequence[tuple[str, str]], blocks: Sequence[str], asked: str, answer_tokens: int
    ) -> Prompt | None:
        """The prompt with all passages or, where the window is short, with the most that it holds; None if it can't."""
        for count in range(len(blocks), -1, -1):
            context = "".join(blocks[:count]) + "\n" if count else ""
            text = (self._chat if self._chats else self._plain)(turns, context + asked)
            ids = self.encode(text)
            if self._window is None or len(ids) + answer_tokens <= self._window:
                return Prompt(text, ids, count)
        return None

    def _refuse_control(self, parts: Sequence[str]) -> None:
        """Raises InputError for a part of a chat that holds a control token, with which it could forge a turn."""
        for part in parts:
            forged = next((token for token in self._control if token in part), None)
            if forged:
                raise InputError(
                    f"the text {part[:SHOWN_CHARACTERS]!r}… holds {forged!r}, which the model reads as a control "
                    "token: it could end its turn and speak for another. Take it out of the case or document."
                )

    def _plain(self, turns: Sequence[tuple[str, str]], last: str) -> str:
        return plain_text(self._wording.instruction, turns, last)

    def _chat(self, turns: Sequence[tuple[str, str]], last: str) -> str:
        messages = [turn._asdict() for turn in chat_turns(self._wording.instruction, turns, last)]
        try:
            return str(self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))
        except (TemplateError, TypeError, ValueError) as error:
            raise InputError(
                f"the tokenizer's chat template can't be used: {error}. The prompt would not be what the model was "
                "trained on. Mend the template in the model's folder, or take it out to prompt with plain text."
            ) from None

    def _bare(self, text: str) -> list[int]:
        ids = self._tokenizer(text, add_special_tokens=False, split_special_tokens=True, verbose=False)["input_ids"]
        return list(ids)

    def _too_long(self, question: str, turns: Sequence[tuple[str, str]], asked: str, answer_tokens: int) -> str:
        parts = {
            "instruction": self.tokens(self._wording.instruction),
            "shots": sum(self.tokens(example) + self.tokens(answer) for example, answer in turns),
            "question": self.tokens(asked),
        }
        largest = max(parts, key=lambda part: parts[part])
        told = ", ".join(f"{part} {count}" for part, count in parts.items())
        return (
            f"the prompt for {question[:SHOWN_CHARACTERS]!r} has {sum(parts.values())} tokens without any passage and "
            f"the answer needs up to {answer_tokens}, but the model's window holds {self._window}, and only whole "
            f"passages are ever left out. Tokens by part: {told}. The largest part is the {largest}: "
            f"{_REMEDIES[largest]}, or take a model with a larger window."
        )
