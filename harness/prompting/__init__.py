"""What text does the model see? Templates, shots and the window; knows nothing of where passages come from."""

from harness.prompting.prompts import Prompt, PromptBuilder, Shot, Shown
from harness.prompting.served import ServedPromptBuilder
from harness.prompting.shots import choose_shots
from harness.prompting.turns import Message
from harness.prompting.wording import Wording

__all__ = ["Message", "Prompt", "PromptBuilder", "ServedPromptBuilder", "Shot", "Shown", "Wording", "choose_shots"]
