"""TRL's DPOTrainer, bent to the harness: it takes token ids as they are, asks no network and writes no cards.

Imports trl, so it is imported only where a training with preferences begins.
"""

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import PreTrainedTokenizerFast, PrinterCallback, TrainerCallback
from trl import DPOConfig, DPOTrainer

from harness.errors import TrainingError
from harness.weights.training import Example

EPOCH_LOSS = "epoch_loss"  # where the trainer's history keeps the mean loss of an epoch, checkpoints included


class PreferenceTrainer(DPOTrainer):  # type: ignore[misc]
    """Trains an attached peft model on pairs; the reference is the same model with its adapter switched off."""

    def __init__(
        self,
        model: Any,
        examples: Sequence[Example],
        arguments: DPOConfig,
        optimizers: tuple[Any, Any],
        advance: Callable[[int], None],
    ) -> None:
        """`examples` all have a `rejected` completion; `optimizers` are an optimizer and its schedule.

        `advance` is called with 1 after every step, and with all steps before when an earlier training is resumed.
        """
        self._epoch = _Epoch(advance)
        rows = {
            "prompt_ids": [list(example.prompt) for example in examples],
            "chosen_ids": [list(example.completion) for example in examples],
            "rejected_ids": [list(example.rejected) for example in examples],
        }
        super().__init__(
            model,
            args=arguments,
            train_dataset=Dataset.from_dict(rows),
            processing_class=_padding_only(),
            callbacks=[self._epoch],
            optimizers=optimizers,
        )
        self.remove_callback(PrinterCallback)
        # The trainer adds a copy of the adapter as the reference. Without that copy it switches the adapter off, which
        # is the same but where the adapter has been trained before: then the reference is the model without it too.
        model.delete_adapter("ref")

    @property
    def losses(self) -> list[float]:
        """The mean loss of each epoch in nats a pair, those before an interruption included."""
        return [entry[EPOCH_LOSS] for entry in self.state.log_history if EPOCH_LOSS in entry]

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The mean loss of a batch; raises TrainingError if it is no number."""
        loss = super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        value = (loss[0] if return_outputs else loss).item()
        if not math.isfinite(value):
            raise TrainingError(
                f"training: the loss is {value} at step {self.state.global_step + 1} of {self.state.max_steps} "
                f"(learning rate {self.lr_scheduler.get_last_lr()[0]:.3g}), so the weights would be no numbers. Lower "
                "the learning rate, or compute in float32."
            )
        self._epoch.add(value, pairs=len(inputs["input_ids"]) // 2)
        return loss

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """No card: a checkpoint is nothing to publish."""

    def _prepare_dataset(self, dataset: Dataset, *_: Any, **__: Any) -> Dataset:
        """The token ids as they are; TRL 1.16 would tokenize texts here, and has no way of taking ids."""
        return dataset

    def _send_telemetry(self) -> None:
        """Nobody is told what is trained here."""


class _Epoch(TrainerCallback):
    """Adds up the losses of an epoch, and keeps their mean where checkpoints keep it too."""

    def __init__(self, advance: Callable[[int], None]) -> None:
        self._advance = advance
        self._summed, self._pairs = 0.0, 0

    def add(self, loss: float, pairs: int) -> None:
        """Counts the mean loss of a batch of so many pairs."""
        self._summed, self._pairs = self._summed + loss * pairs, self._pairs + pairs

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step:
            self._advance(state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._advance(1)

    def on_epoch_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        state.log_history.append({"step": state.global_step, EPOCH_LOSS: self._summed / self._pairs})
        self._summed, self._pairs = 0.0, 0


def last_checkpoint(folder: Path) -> str | None:
    """The newest checkpoint in `folder` that was written to its end."""
    found = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.removeprefix("checkpoint-")))
    return next((str(path) for path in reversed(found) if _is_whole(path)), None)


def _is_whole(checkpoint: Path) -> bool:
    """Whether the trainer's state, which is written after everything else, can be read."""
    try:
        json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return True


def _padding_only() -> PreTrainedTokenizerFast:
    """A tokenizer with nothing but a padding token: the trainer wants one, and all that it needs of it is that."""
    vocabulary = Tokenizer(WordLevel({"<pad>": 0}, "<pad>"))
    return PreTrainedTokenizerFast(tokenizer_object=vocabulary, pad_token="<pad>")  # type: ignore[no-untyped-call]
