"""P-tuning (Liu et al. 2021) by peft: a network makes the embeddings of virtual tokens before the prompt."""

from typing import Any, Literal

from pydantic import Field

from harness.weights.methods.soft_prompt import SoftPrompt, SoftPromptSettings


class PTuningSettings(SoftPromptSettings):
    """The network that makes the virtual tokens: its kind, and the width `hidden` of its layers."""

    encoder: Literal["mlp", "lstm"] = "mlp"
    hidden: int = Field(default=128, ge=1)


class PTuning(SoftPrompt[PTuningSettings]):
    """A network makes the embeddings of the virtual tokens, and is left behind after training."""

    name = "p-tuning"
    title = "P-tuning"
    paper = "Liu et al. 2021, arXiv:2103.10385"
    settings = PTuningSettings

    def config(self, settings: PTuningSettings) -> Any:
        """Peft's PromptEncoderConfig."""
        from peft import PromptEncoderConfig

        return PromptEncoderConfig(
            task_type="CAUSAL_LM",
            num_virtual_tokens=settings.tokens,
            encoder_reparameterization_type=settings.encoder.upper(),
            encoder_hidden_size=settings.hidden,
        )
