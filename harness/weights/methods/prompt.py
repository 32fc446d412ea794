"""Prompt tuning (Lester et al. 2021) by peft: the embeddings of virtual tokens before the prompt are learnt."""

from typing import TYPE_CHECKING, Any, Literal

from pydantic import model_validator

from harness.errors import InputError
from harness.weights.methods.soft_prompt import SoftPrompt, SoftPromptSettings

if TYPE_CHECKING:
    from torch import nn


class PromptSettings(SoftPromptSettings):
    """`initial` is what the virtual tokens start as: random vectors, random words of the `vocabulary`, or a `text`.

    The text is repeated, or cut, to as many tokens.
    """

    initial: Literal["random", "vocabulary", "text"] = "vocabulary"
    text: str = ""

    @model_validator(mode="after")
    def _text_where_it_is_used(self) -> "PromptSettings":
        if bool(self.text) != (self.initial == "text"):
            raise ValueError("`text` and `initial: text` go together: give both or neither")
        return self


class Prompt(SoftPrompt[PromptSettings]):
    """The embeddings of virtual tokens are learnt themselves."""

    name = "prompt"
    title = "prompt tuning"
    paper = "Lester et al. 2021, arXiv:2104.08691"
    settings = PromptSettings

    def attach(self, base: Any, settings: PromptSettings) -> "nn.Module":
        """As for all soft prompts, and begun with the settings' text."""
        import torch

        model: Any = super().attach(base, settings)
        if settings.text:
            with torch.no_grad():
                start = base.get_input_embeddings()(torch.tensor(_text_tokens(base, settings), device=base.device))
                model.prompt_encoder[model.active_adapter].embedding.weight.copy_(start)
        return model  # type: ignore[no-any-return]

    def config(self, settings: PromptSettings) -> Any:
        """Peft's PromptTuningConfig."""
        from peft import PromptTuningConfig

        return PromptTuningConfig(
            task_type="CAUSAL_LM",
            num_virtual_tokens=settings.tokens,
            prompt_tuning_init="SAMPLE_VOCAB" if settings.initial == "vocabulary" else "RANDOM",
        )


def _text_tokens(base: Any, settings: PromptSettings) -> list[int]:
    """The token ids of the settings' text by the tokenizer beside the base, as many as there are virtual tokens.

    Not by peft, which would add the tokenizer's special tokens and write this machine's path into the adapter.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(base.name_or_path, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # the files are anybody's, and for broken ones the libraries raise anything
        raise InputError(
            f"prompt: the base has no tokenizer that can be loaded ({type(error).__name__}), so the virtual tokens "
            "can't begin with a text. Set initial: vocabulary."
        ) from error
    ids = tokenizer(settings.text, add_special_tokens=False)["input_ids"]
    if not ids:
        raise InputError(
            f"prompt: the text {settings.text!r} has no tokens to begin with. Give another, or set initial: vocabulary."
        )
    return [ids[place % len(ids)] for place in range(settings.tokens)]
