"""Which recipes several processes can train together, and what to use instead of the others."""

from harness.errors import InputError
from harness.weights.hardware import Hardware
from harness.weights.methods import method_of
from harness.weights.recipe import Recipe
from harness.weights.training.processes import current


def check_processes(recipe: Recipe, hardware: Hardware | None) -> None:
    """Raises InputError if the processes that were launched can't train `recipe` together on their `hardware`."""
    processes = current()
    if processes.count == 1 or recipe.training is None:
        return
    method, settings = method_of(recipe)
    if hardware and hardware.spread:
        raise InputError(
            f"{processes.count} processes were launched, each with a device of its own, and the base can't be spread "
            "over all devices too. Launch with FSDP (`--use_fsdp --fsdp_version 2`), which shares out the weights, or "
            "leave the launcher out."
        )
    if hardware and processes.device_type not in (None, hardware.device.type):
        raise InputError(
            f"the launched processes have devices of the kind {processes.device_type}, and models shall compute on "
            f"{hardware.device.type}. Drop --device, or launch processes for that device."
        )
    if hardware and hardware.load_in and processes.sharded:
        raise InputError(
            f"{recipe.name}: a base that is held in few bits can't be shared out (FSDP). Launch with DDP "
            "(`accelerate launch --multi_gpu`), or hold the base in full."
        )
    if not method.distributes:
        raise InputError(
            f"{recipe.name}: {method.title} is trained by one process, and {processes.count} were launched. Run the "
            "same command without the launcher for this recipe, or leave it out; supervised recipes such as lora can "
            "be trained here."
        )
    if processes.sharded and not method.shards:
        raise InputError(
            f"{recipe.name}: {method.title} can't be trained with its weights shared out (FSDP). Launch with DDP "
            "(`accelerate launch --multi_gpu`), or use lora, which FSDP can train."
        )
    if processes.sharded and getattr(settings, "unfreeze", "none") != "none":
        raise InputError(
            f"{recipe.name}: layers can't be thawed one by one while weights are shared out (FSDP). Write "
            "`unfreeze: none`, or launch with DDP (`accelerate launch --multi_gpu`)."
        )
    if processes.sharded and recipe.training.optimizer != "adamw":
        raise InputError(
            f"{recipe.name}: the optimizer {recipe.training.optimizer} can't keep its state in pieces (FSDP), and FSDP "
            "shares it out already. Write `optimizer: adamw`."
        )
