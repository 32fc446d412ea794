"""AdamW, as torch or bitsandbytes has it, and its learning rate; and its state as plain tensors and numbers."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.errors import InputError
from harness.weights.training.pieces import shared_out
from harness.weights.training.settings import TrainingSettings

if TYPE_CHECKING:
    import torch

NEEDS_EXTRA = 'pip install "harness[qlora]"'
PAGES = ("cuda", "xpu")  # devices that can move an optimizer's memory out


def make_optimizer(parameters: "Sequence[torch.nn.Parameter]", settings: TrainingSettings) -> "torch.optim.Optimizer":
    """The optimizer that the settings name; raises InputError where it is not installed or the device has none."""
    import torch

    name = optimizer_name(settings, parameters[0].device)
    kind: Any = torch.optim.AdamW if name == "adamw" else _eight_bit(parameters[0].device, name)
    return kind(parameters, lr=settings.learning_rate, weight_decay=settings.weight_decay)  # type: ignore[no-any-return]


def optimizer_name(settings: TrainingSettings, device: "torch.device") -> str:
    """The optimizer that the settings mean on `device`."""
    if settings.optimizer == "lightest":
        return "paged-adamw-8bit" if device.type in PAGES else "adamw"
    return settings.optimizer


def make_schedule(optimizer: "torch.optim.Optimizer", settings: TrainingSettings, total: int) -> Any:
    """The learning rate over `total` steps: a warm-up by a line, then what the settings say."""
    from transformers import get_scheduler

    shape = "constant_with_warmup" if settings.schedule == "constant" else settings.schedule
    return get_scheduler(shape, optimizer, int(settings.warmup * total), total)


def _eight_bit(device: "torch.device", name: str) -> Any:
    """The class in bitsandbytes."""
    try:
        from bitsandbytes import optim
    except ImportError:
        raise InputError(
            f"training: optimizer {name} is of bitsandbytes, which is not installed, so nothing can be "
            f"trained. Install it ({NEEDS_EXTRA}), or write `optimizer: adamw`."
        ) from None
    paged = name == "paged-adamw-8bit"
    able = PAGES if paged else (*PAGES, "cpu")
    if device.type not in able:
        raise InputError(
            f"training: optimizer {name} can't run on the device {device.type}, only on "
            f"{', '.join(able)}: another would be used without a word. Write `optimizer: adamw`"
            f"{' or adamw-8bit' if paged and device.type == 'cpu' else ''}."
        )
    return optim.PagedAdamW8bit if paged else optim.AdamW8bit


def optimizer_state(
    optimizer: "torch.optim.Optimizer", named: "Mapping[str, torch.nn.Parameter]"
) -> "tuple[dict[str, torch.Tensor], dict[str, float]]":
    """What the optimizer remembers of each parameter, as tensors and as numbers by `KEY/PARAMETER`."""
    import torch

    tensors, numbers = {}, {}
    for name, parameter in named.items():
        for key, value in optimizer.state.get(parameter, {}).items():
            if isinstance(value, torch.Tensor):
                tensors[f"{key}/{name}"] = value
            else:
                numbers[f"{key}/{name}"] = value
    return tensors, numbers


def set_optimizer_state(
    optimizer: Any,
    named: "Mapping[str, torch.nn.Parameter]",
    tensors: "Mapping[str, torch.Tensor]",
    numbers: Mapping[str, float],
) -> None:
    """Gives a new optimizer what `optimizer_state` returned for one of its kind."""
    saved: dict[str, dict[str, Any]] = {}
    for place, value in {**tensors, **numbers}.items():
        key, name = place.split("/", 1)
        saved.setdefault(name, {})[key] = value
    for position, (name, parameter) in enumerate(named.items()):
        for key, value in saved.get(name, {}).items():
            _set(optimizer, parameter, position, key, value)


def _set(optimizer: Any, parameter: "torch.nn.Parameter", position: int, key: str, value: Any) -> None:
    import torch

    state = optimizer.state[parameter]
    if not state and hasattr(optimizer, "init_state"):
        optimizer.init_state(optimizer.param_groups[0], parameter, 0, position)  # bitsandbytes' own kind of memory
    if not isinstance(value, torch.Tensor):
        state[key] = value
    elif key in state:
        state[key].copy_(value)
    else:
        # A moment has its parameter's device and layout in memory; the count of steps is a scalar on the CPU.
        alike = value.shape == parameter.shape and value.dim() > 0
        placed = shared_out(value, parameter) if alike else value
        state[key] = torch.empty_like(parameter, dtype=value.dtype).copy_(placed) if alike else value.clone()
