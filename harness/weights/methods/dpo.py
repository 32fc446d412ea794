"""Preference tuning (Rafailov et al. 2023) by TRL: the practical end of RLHF, after supervised tuning.

The loss of a pair is `-log sigmoid(beta * (gain(chosen) - gain(rejected)))`, where an answer's gain is its
log-probability under the model in training less that under the one that it started from (the reference): here a model
with a LoRA adapter, and the same model with the adapter switched off.
"""

import random
import shutil
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from pydantic import Field

from harness._quiet import quiet_transformers
from harness.errors import InputError, TrainingError
from harness.runs import JSON
from harness.runs.fingerprint import fingerprint
from harness.weights.methods.lora import Lora, LoraSettings
from harness.weights.methods.method import Interpolation
from harness.weights.training import Example, LossOn, TrainingRecord, TrainingSettings, steps
from harness.weights.training.examples import check
from harness.weights.training.optimizer import make_optimizer, make_schedule, optimizer_name

if TYPE_CHECKING:
    from trl import DPOConfig


class DpoSettings(LoraSettings):
    """Those of LoRA, and `beta`: the higher it is, the nearer the model stays to the one that it started from."""

    beta: float = Field(default=0.1, gt=0)


class Dpo(Lora):
    """A LoRA adapter that learns which of two answers is better; stored, restored and merged like any other."""

    name = "dpo"
    title = "preference tuning (DPO)"
    paper = "Rafailov et al. 2023, arXiv:2305.18290"
    interpolation = Interpolation("weights")
    merges = True
    preferences = True
    distributes = False  # TRL's trainer would share out the batches in its own way
    settings = DpoSettings

    def check_available(self) -> None:
        """Raises InputError if trl isn't installed."""
        if find_spec("trl") is None:
            raise InputError(
                "dpo: the library trl isn't installed, and preference tuning is done by it. "
                'Install it with: pip install "harness[dpo]"'
            )

    def fit(
        self,
        model: Any,
        settings: Any,
        examples: Sequence[Example],
        training: TrainingSettings,
        *,
        seed: int,
        loss_on: LossOn = "completion",
        validation: Sequence[Example] = (),
        unfinished: Path | None = None,
        advance: Callable[[int], None] = lambda steps: None,
    ) -> TrainingRecord:
        """Trains the adapter in place; the losses are in nats a pair. A prompt's tokens cancel out, whatever `loss_on`.

        After every epoch the trainer leaves a checkpoint in `unfinished`, from which an interrupted training goes on to
        the same bytes if examples, settings and seed are the same. `validation` isn't looked at. Raises InputError if
        trl is absent, an example has no rejected completion, the settings ask for what isn't done here, the memory is
        too small, or the loss stops being a number.
        """
        import torch

        self.check_available()
        _check(examples, training)
        from harness.weights.methods.preference_trainer import PreferenceTrainer, last_checkpoint

        _without_dropout_but_the_adapters(model)
        moving = [parameter for parameter in model.parameters() if parameter.requires_grad]
        optimizer = make_optimizer(moving, training)
        schedule = make_schedule(optimizer, training, steps(len(examples), training))
        with TemporaryDirectory() as nowhere, _undisturbed(model.get_base_model()):
            own = unfinished and unfinished / _identity(settings, examples, training, seed)
            arguments = _arguments(model, settings, training, seed, own or Path(nowhere), checkpoints=own is not None)
            trainer = PreferenceTrainer(model, examples, arguments, (optimizer, schedule), advance)
            try:
                trainer.train(resume_from_checkpoint=own and last_checkpoint(own))
            except torch.OutOfMemoryError as error:
                raise TrainingError(
                    f"dpo: the device has no memory for {arguments.per_device_train_batch_size} pairs at once, so "
                    "nothing was trained. Set micro_batch_size to fewer, or gradient_checkpointing to true."
                ) from error
            if own:
                shutil.rmtree(own)
        model.eval()
        return TrainingRecord(
            steps=trainer.state.global_step,
            losses=trainer.losses,
            trainable_parameters=sum(parameter.numel() for parameter in moving),
            parameters=sum(parameter.numel() for parameter in model.parameters()),
            optimizer=optimizer_name(training, model.device),
            micro_batch_size=arguments.per_device_train_batch_size,
        )


def _arguments(
    model: Any, settings: DpoSettings, training: TrainingSettings, seed: int, folder: Path, *, checkpoints: bool
) -> "DPOConfig":
    """The recipe in TRL's words, with everything else that its trainer would do switched off."""
    from trl import DPOConfig

    micro = min(training.micro_batch_size or training.batch_size, training.batch_size)
    arguments = DPOConfig(
        beta=settings.beta,
        loss_type=["sigmoid"],
        max_length=None,  # the harness refuses what doesn't fit, and never cuts it
        disable_dropout=False,  # done already, for all but the adapter
        num_train_epochs=training.epochs,
        per_device_train_batch_size=micro,
        gradient_accumulation_steps=training.batch_size // micro,
        max_grad_norm=training.gradient_norm,
        gradient_checkpointing=training.gradient_checkpointing,
        bf16=training.bf16,
        seed=seed,
        output_dir=str(folder),
        save_strategy="epoch" if checkpoints else "no",
        save_total_limit=1,
        use_cpu=model.device.type == "cpu",
        dataloader_pin_memory=False,
        report_to="none",
        logging_strategy="no",
        log_level="error",
        disable_tqdm=True,
    )
    if arguments.n_gpu > 1:
        arguments._n_gpu = 1  # one process, one device: the trainer would put a copy on each
    return arguments


def _check(examples: Sequence[Example], training: TrainingSettings) -> None:
    """Raises InputError for what can't be trained."""
    check(examples)
    for number, example in enumerate(examples, start=1):
        if not example.rejected:
            raise InputError(
                f"dpo: example {number} has no rejected answer, and preferences are learnt from a prompt with a better "
                "and a worse one. Give that case other choices, or train with a recipe that learns from answers alone."
            )
    if training.early_stopping is not None:
        raise InputError(
            "dpo: early_stopping isn't done in preference tuning, so the training would be longer than the recipe "
            "says. Write `early_stopping: null`, and fewer epochs."
        )
    micro = training.micro_batch_size
    if micro and micro < training.batch_size and training.batch_size % micro:
        raise InputError(
            f"dpo: batch_size {training.batch_size} isn't a multiple of micro_batch_size {micro}, so the last pairs of "
            "a batch would count for more. Change one of them."
        )


def _identity(settings: DpoSettings, examples: Sequence[Example], training: TrainingSettings, seed: int) -> str:
    """The name of the folder for the checkpoints of this training alone."""
    content: JSON = {
        "settings": [settings.model_dump(mode="json"), training.model_dump(mode="json")],
        "examples": [[list(e.prompt), list(e.completion), list(e.rejected)] for e in examples],
        "seed": seed,
    }
    return f"dpo-{fingerprint(content)[:16]}"


def _without_dropout_but_the_adapters(model: Any) -> None:
    """Switches the base's own dropout off: with it, the reference would be another one at every step."""
    from torch.nn import Dropout

    for name, module in model.named_modules():
        if isinstance(module, Dropout) and "lora_dropout" not in name:
            module.p = 0.0


@contextmanager
def _undisturbed(base: Any) -> Iterator[None]:
    """Keeps the trainer from writing to the screen, and takes back what it changes beside the weights.

    That is the padding token and the forward of the plain model `base`, and the generators of Python and numpy.
    """
    import numpy

    python, numbers = random.getstate(), numpy.random.get_state()
    configs = [(config, dict(vars(config))) for config in (base.config, base.generation_config)]
    try:
        with quiet_transformers(), warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # about how trl uses transformers
            yield
    finally:
        random.setstate(python)
        numpy.random.set_state(numbers)
        for config, values in configs:
            vars(config).clear()
            vars(config).update(values)
        vars(base).pop("forward", None)
