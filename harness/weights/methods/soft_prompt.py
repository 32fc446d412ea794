"""What soft prompts have in common: learnt virtual tokens before the prompt, beside a frozen base, stored by peft.

How rows are computed with them is in soft_prompt_model.py; what is learnt is in prompt.py, p_tuning.py and prefix.py.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import Field

from harness.errors import InputError
from harness.weights.methods.method import Interpolation, MethodSettings
from harness.weights.methods.peft_method import PeftMethod, quiet_peft

if TYPE_CHECKING:
    from torch import nn

ENCODER = "encoder.safetensors"


class SoftPromptSettings(MethodSettings):
    """`tokens` is the number of virtual tokens, which are taken from the model's window."""

    tokens: int = Field(default=20, ge=1)


SoftSettings = TypeVar("SoftSettings", bound=SoftPromptSettings)


class SoftPrompt(PeftMethod[SoftSettings]):
    """What the three methods share. Peft keeps what a network made and not the network, so it is kept in ENCODER."""

    interpolation = Interpolation(
        "none",
        "A soft prompt lies on no line to the base, which has no virtual tokens: half of each vector is another prompt "
        "and not half an effect. Use lora@ALPHA (between the weights) or loreft@ALPHA (output scaling).",
    )
    merges = False  # it adds tokens and not weights
    batches = False  # peft has one active soft prompt a call: its `adapter_names` knows layers only

    def attach(self, base: "nn.Module", settings: SoftSettings) -> "nn.Module":
        """The base, frozen, with virtual tokens that learn; raises InputError if the base can't have them."""
        from harness.weights.methods.soft_prompt_model import SoftPromptModel

        try:
            with quiet_peft():
                return SoftPromptModel(base, self.config(settings))
        except (ValueError, OSError) as error:
            raise InputError(
                f"{self.name}: the soft prompt can't be put before this base ({error}). Use another method: lora needs "
                "nothing but linear layers."
            ) from error

    def save(self, model: Any, folder: Path) -> None:
        """Writes the virtual tokens in peft's own format, and the network that made them, if there is one."""
        import torch
        from safetensors.torch import save_file

        with torch.no_grad():  # an LSTM rounds otherwise where it keeps what gradients need
            super().save(model, folder)
        encoder = model.prompt_encoder[model.active_adapter].state_dict()
        if len(encoder) > 1:
            save_file({name: tensor.contiguous().cpu() for name, tensor in encoder.items()}, folder / ENCODER)

    def restore(self, base: "nn.Module", folder: Path, alpha: float = 1.0) -> "nn.Module":
        """The model with the stored virtual tokens; raises CacheError, or InputError for an alpha other than 1."""
        from peft import PeftConfig

        from harness.weights.methods.soft_prompt_model import SoftPromptModel

        if alpha != 1:
            return self.scale(base, alpha)  # type: ignore[no-any-return]
        with self._loading(folder):
            config = PeftConfig.from_pretrained(folder)
            config.inference_mode = True  # no network: peft stored what it made
            model = SoftPromptModel(base, config)
            _tensor(folder)
            model.load_adapter(folder, model.active_adapter)
        return model.eval()  # type: ignore[no-any-return]

    def reload(self, model: Any, folder: Path) -> None:
        """Puts the stored virtual tokens, or the network that made them, into the attached `model`."""
        from safetensors.torch import load_file

        encoder = model.prompt_encoder[model.active_adapter]
        with self._loading(folder):
            learnt = len(encoder.state_dict()) == 1
            if not learnt and not (folder / ENCODER).is_file():
                raise ValueError(f"there is no {ENCODER}, which the training goes on from")
            encoder.load_state_dict({"embedding.weight": _tensor(folder)} if learnt else load_file(folder / ENCODER))

    def virtual_tokens(self, settings: SoftSettings) -> int:
        """How many tokens of the window the soft prompt takes."""
        return settings.tokens


def _tensor(folder: Path) -> Any:
    """What peft stored in `folder`; raises ValueError if it isn't there."""
    from safetensors.torch import load_file

    stored = load_file(folder / "adapter_model.safetensors")
    if "prompt_embeddings" not in stored:
        raise ValueError("prompt_embeddings is not in adapter_model.safetensors")
    return stored["prompt_embeddings"]
