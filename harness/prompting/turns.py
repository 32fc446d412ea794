"""The parts of a prompt in their order: as one plain text, or as the turns of a chat. Knows nothing of tokens."""

from collections.abc import Sequence
from typing import NamedTuple

from harness.errors import ProofError

SHOWN_CHARACTERS = 60


class Message(NamedTuple):
    """One turn of a chat: who speaks (`user` or `assistant`), and what."""

    role: str
    content: str


def spaced(before: str, answer: str) -> str:
    """`answer` as it follows `before`: after a space, unless `before` ends with one already."""
    return answer if before.endswith((" ", "\n")) else f" {answer}"


def plain_text(instruction: str, shots: Sequence[tuple[str, str]], last: str) -> str:
    """Instruction, `shots` (question and answer as rendered) and the `last` question, one after the other."""
    opening = f"{instruction}\n\n" if instruction else ""
    return opening + "".join(f"{question}{spaced(question, answer)}\n\n" for question, answer in shots) + last


def chat_turns(instruction: str, shots: Sequence[tuple[str, str]], last: str) -> tuple[Message, ...]:
    """Each shot as a turn of its own, then the `last` question.

    The instruction stands in the first user turn, since not every template knows a system role.
    """
    turns = [Message(role, text) for shot in shots for role, text in zip(("user", "assistant"), shot, strict=True)]
    first, *more = [*turns, Message("user", last)]
    opening = f"{instruction}\n\n" if instruction else ""
    return (first._replace(content=opening + first.content), *more)


def prove(template: str, text: str, parts: Sequence[tuple[str, str, str]]) -> None:
    """Proves that each part (name, content, content as rendered) is in the prompt `text`; raises ProofError.

    White space around a part may be missing, since chat templates trim their turns.
    """
    absent = [name for name, part, block in parts if part.strip() not in block or block.strip() not in text]
    if absent:
        raise ProofError(
            f"not in the prompt as it stands in the suite: {', '.join(name[:SHOWN_CHARACTERS] for name in absent)}. It "
            "would be scored as what its name says without being it. Mend the suite's "
            f"`{template}` template (it must show its text unchanged) or the tokenizer's chat template."
        )
