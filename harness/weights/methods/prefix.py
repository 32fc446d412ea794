"""Prefix tuning (Li & Liang 2021) by peft: the keys and values of virtual tokens are learnt, layer by layer."""

from typing import Any

from pydantic import Field

from harness.weights.methods.soft_prompt import SoftPrompt, SoftPromptSettings


class PrefixSettings(SoftPromptSettings):
    """`projection`: keys and values are made by a network of width `hidden` while training (Li & Liang).

    Without it they are learnt themselves, as in P-tuning v2.
    """

    projection: bool = False
    hidden: int = Field(default=128, ge=1)


class Prefix(SoftPrompt[PrefixSettings]):
    """Keys and values of virtual tokens are learnt in every layer."""

    name = "prefix"
    title = "prefix tuning"
    paper = "Li & Liang 2021, arXiv:2101.00190; without projection P-tuning v2: Liu et al. 2022, arXiv:2110.07602"
    settings = PrefixSettings

    def config(self, settings: PrefixSettings) -> Any:
        """Peft's PrefixTuningConfig."""
        from peft import PrefixTuningConfig

        return PrefixTuningConfig(
            task_type="CAUSAL_LM",
            num_virtual_tokens=settings.tokens,
            prefix_projection=settings.projection,
            encoder_hidden_size=settings.hidden,
        )
