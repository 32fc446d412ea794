"""What text does the model see? Templates, shots and the window; knows nothing of where passages come from."""

from harness.prompting.prompts import Evidence, Prompt, PromptBuilder, Shot
from harness.prompting.shots import choose_shots
from harness.prompting.wording import Wording

__all__ = ["Evidence", "Prompt", "PromptBuilder", "Shot", "Wording", "choose_shots"]
