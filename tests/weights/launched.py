"""What the launched processes of test_distributed.py run: the first derives what it is asked to, and tells how it went.

Called by torchrun with the base's folder, a folder for results, and the requests as a JSON file.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

import torch

from harness.errors import HarnessError
from harness.weights import Example, Hardware, Recipe, derive, lead_or_follow, locate_base
from harness.weights.training import checkpoints
from harness.weights.training.checkpoints import Checkpoints
from harness.weights.training.loss import Loss
from harness.weights.training.processes import current

FATAL = 13  # a prompt that begins with this token is too much for the memory of every process but the first


def lead() -> None:
    """Derives what is requested, one after the other."""
    base, out = locate_base(sys.argv[1]), Path(sys.argv[2])
    for name, request in json.loads(Path(sys.argv[3]).read_text()).items():
        (out / name).mkdir(parents=True)
        steps: list[int] = []
        try:
            derive(
                Recipe.model_validate(request["recipe"]),
                base,
                Hardware(torch.device("cpu"), torch.float32),
                [Example(*map(tuple, example)) for example in request["examples"]],
                out / name,
                seed=3,
                validation=[Example(*map(tuple, example)) for example in request["validation"]],
                unfinished=out / request["unfinished"],
                advance=steps.append,
            )
        except HarnessError as error:
            (out / name / "error.json").write_text(json.dumps([type(error).__name__, str(error)]))
        (out / f"{name}.steps.json").write_text(json.dumps(steps))
    (out / "processes.json").write_text(json.dumps(current().inputs))


def keep_an_early_checkpoint() -> None:
    """Makes every training leave the checkpoint of its third step, as if it had been interrupted then."""
    offer = Checkpoints.offer

    def first_three(self: Any, capture: Any) -> None:
        self.offers = getattr(self, "offers", 0) + 1
        if self.offers <= 3:
            offer(self, capture)

    checkpoints.SECONDS = 0.0
    Checkpoints.offer, Checkpoints.clear = first_three, lambda self: None  # type: ignore[method-assign]


def forget_memory() -> None:
    """Makes this process run out of memory at a prompt that begins with FATAL."""
    output = Loss._output

    def failing(self: Loss, layout: Any, examples: Any) -> Any:
        if self._model.training and any(example.prompt[0] == FATAL for example in examples):
            raise torch.OutOfMemoryError("out of memory")
        return output(self, layout, examples)

    Loss._output = failing  # type: ignore[method-assign]


if __name__ == "__main__":
    torch.set_num_threads(1)
    keep_an_early_checkpoint()
    if os.environ["RANK"] != "0":
        forget_memory()
    lead_or_follow(lead)
