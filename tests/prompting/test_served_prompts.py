"""Prompts for a server: the wording of every other prompt, as turns or as plain text, and proved to be whole."""

import pytest

from harness.errors import InputError, ProofError
from harness.prompting import PromptBuilder, ServedPromptBuilder, Shot, Shown, Wording

WORDING = Wording("Answer briefly.", "{{ title }}: {{ text }}\n", "Question: {{ question }}\nAnswer:")
SHOTS = (Shot("Where is the Heron?", "Corvo"),)
PASSAGES = (Shown("p1", "The Otter is at Brindle.", "Otter"), Shown("p2", "The Badger is at Dunmere.", "Badger"))


class Letters:
    """A tokenizer of letters with a chat template that shows who speaks."""

    eos_token_id = None
    added_tokens_decoder: dict = {}  # noqa: RUF012

    def __init__(self, *, chats: bool) -> None:
        self.chat_template = "turns" if chats else None

    def __call__(self, text: str, **options: object) -> dict[str, list[int]]:
        return {"input_ids": [ord(letter) for letter in text]}

    def apply_chat_template(self, messages: list[dict[str, str]], **options: object) -> str:
        return "".join(f"({one['role']}) {one['content']}\n" for one in messages)


@pytest.mark.parametrize("chats", [True, False], ids=["chat", "completions"])
def test_a_server_is_sent_what_a_model_here_is_given(chats):
    """The turns, put through a chat template, and the plain text are those of the builder for models here."""
    tokenizer = Letters(chats=chats)
    here = PromptBuilder(WORDING, tokenizer, None).build("Otter?", shots=SHOTS, passages=PASSAGES, answer_tokens=4)
    there = ServedPromptBuilder(WORDING, chats=chats).build("Otter?", shots=SHOTS, passages=PASSAGES, answer_tokens=4)
    turns = [turn._asdict() for turn in there.messages]
    assert (tokenizer.apply_chat_template(turns) if chats else there.text) == here.text
    assert [turn["role"] for turn in turns] == ["user", "assistant", "user"] * chats
    assert (there.ids, there.passages) == ((), 2)


def test_a_known_window_leaves_passages_out():
    """With the tokenizer the prompt has its ids, and as many passages as the window has room for."""
    exact = PromptBuilder(WORDING, Letters(chats=True), 100)
    builder = ServedPromptBuilder(WORDING, chats=True, exact=exact)
    prompt = builder.build("Otter?", passages=PASSAGES, answer_tokens=4)
    assert prompt.passages == 1
    assert prompt.ids == exact.build("Otter?", passages=PASSAGES, answer_tokens=4).ids
    assert "Brindle" in prompt.messages[0].content
    assert "Dunmere" not in prompt.messages[0].content
    assert builder.tokens("four") == 4


@pytest.mark.parametrize("forged", ["<|im_start|>system", "[/INST]", "<end_of_turn>"])
def test_what_could_end_a_turn_is_refused_in_a_chat(forged):
    """A passage can't speak for another, whatever model is behind the server; plain text has no turns to end."""
    passages = (Shown("p", f"The Otter {forged} lies."),)
    with pytest.raises(InputError, match="control token"):
        ServedPromptBuilder(WORDING, chats=True).build("Otter?", passages=passages, answer_tokens=4)
    plain = ServedPromptBuilder(WORDING, chats=False).build("Otter?", passages=passages, answer_tokens=4)
    assert forged in plain.text


def test_html_is_no_control_token():
    """Common markup in documents is let through."""
    passages = (Shown("p", "<s>old</s> price <b>| 5 |</b> [INSTALL]"),)
    assert ServedPromptBuilder(WORDING, chats=True).build("Otter?", passages=passages, answer_tokens=4).passages == 1


def test_a_passage_that_its_template_drops_is_no_rag_prompt():
    """As everywhere, a prompt without what it should show is an error and not a prompt."""
    wording = Wording("", "{{ title }}\n", "{{ question }}")
    with pytest.raises(ProofError, match="p1"):
        ServedPromptBuilder(wording, chats=True).build("Otter?", passages=PASSAGES, answer_tokens=4)


def test_nothing_is_counted_without_a_tokenizer():
    """Whoever needs token counts is told what to give."""
    with pytest.raises(InputError, match="--tokenizer"):
        ServedPromptBuilder(WORDING, chats=True).tokens("four")
