"""Derives weights from a base: trains a recipe into a folder, and restores models from such folders."""

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.weights.base import Base, load_model
from harness.weights.methods import method_of
from harness.weights.proofs import as_rows, prove
from harness.weights.recipe import Recipe
from harness.weights.training import Example, train

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

RECORD = "training.json"
PROVING_PROMPTS = 4


@dataclass(frozen=True)
class Hardware:
    """Where models compute and in which number format."""

    device: "torch.device"
    dtype: "torch.dtype"


def derive(
    recipe: Recipe,
    base: Base,
    hardware: Hardware,
    examples: Sequence[Example],
    folder: Path,
    *,
    seed: int,
    advance: Callable[[int], None] = lambda steps: None,
) -> None:
    """Trains `recipe` on `examples`, writes weights, training record and proofs to the existing `folder`.

    The same seed gives the same bytes on the same machine. `advance` is called with 1 after every training step.
    Raises ProofError if the trained weights are not what their name says, and InputError if the recipe doesn't fit
    the base or can't be trained on the examples.
    """
    import torch

    method, settings = method_of(recipe)

    def fresh_base() -> "PreTrainedModel":
        return load_model(base, dtype=hardware.dtype, device=hardware.device)

    with _own_randomness(hardware):
        torch.manual_seed(seed)  # the adapters' initial values
        model = method.attach(fresh_base(), settings)
        record = train(model, examples, recipe.training, seed=seed, advance=advance)
        method.save(model, folder)
        prompts = [example.prompt for example in examples[:PROVING_PROMPTS]]
        proofs = prove(method, model, folder, fresh_base, prompts)
    content = {"method": recipe.method, **asdict(record), "proofs": as_rows(proofs)}
    (folder / RECORD).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def read_record(folder: Path) -> dict[str, Any]:
    """What `derive` recorded in `folder`: method, steps, losses, parameter counts, proofs."""
    return json.loads((folder / RECORD).read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def restore(recipe: Recipe, base: Base, hardware: Hardware, folder: Path, alpha: float | None = None) -> Any:
    """The model that `derive` wrote to `folder`, at `alpha` between base and trained (None: trained).

    It is in evaluation mode. Raises CacheError if the folder doesn't hold what the recipe's method saves.
    """
    method, _ = method_of(recipe)
    model = load_model(base, dtype=hardware.dtype, device=hardware.device)
    with _own_randomness(hardware):
        return method.restore(model, folder, 1.0 if alpha is None else alpha)


def _own_randomness(hardware: Hardware) -> AbstractContextManager[None]:
    """Leaves torch's generators as they were: what others draw doesn't depend on what is trained or restored here."""
    import torch

    return torch.random.fork_rng([hardware.device] if hardware.device.type == "cuda" else [])
