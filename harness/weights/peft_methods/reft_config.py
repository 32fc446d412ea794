"""The settings of ReFT interventions, as peft stores them beside the weights."""

from dataclasses import dataclass

from peft import PeftConfig

from harness.weights.peft_methods.registration import add_peft_type


@dataclass
class ReftConfig(PeftConfig):  # type: ignore[misc] # peft has no types
    """Interventions of `rank` on the residual stream h behind decoder layers (Wu et al. 2024, arXiv:2404.03592).

    `kind` is one of

        loreft    h + R^T (act(W h + b) - R h)    where the rows of R are orthonormal
        direft    h + V^T act(W h + b)            the paper's ablation, NodireftIntervention in pyreft

    They act on the `first` and the `last` positions of the prompt. Where a prompt is too short for both the last come
    first, and no position is changed twice. `tied` uses the same weights for both, where each has its own otherwise.
    `layers` are numbers from 0 on, or `all`. `act_fn` is a name that transformers knows. As in pyreft, `dropout` is
    on the whole changed h, not on the change alone. Raises ValueError.

    `target_modules` is filled in when the model is known: don't set it.
    """

    kind: str = "loreft"
    rank: int = 4
    layers: str | list[int] = "all"
    first: int = 1
    last: int = 1
    tied: bool = False
    dropout: float = 0.0
    act_fn: str = "linear"
    target_modules: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.peft_type = add_peft_type("REFT")
        if self.kind not in ("loreft", "direft"):
            raise ValueError(
                f"kind: there is no {self.kind!r}, so it isn't known what to build. Give loreft or direft."
            )
        if self.rank < 1:
            raise ValueError(f"rank: an intervention of rank {self.rank} changes nothing. Give at least 1.")
        if min(self.first, self.last) < 0 or self.first + self.last == 0:
            raise ValueError(
                f"first {self.first} and last {self.last}: there must be at least one position, or nothing is changed. "
                "Give numbers from 0 on, not both 0."
            )

    @property
    def sides(self) -> int:
        """How many sets of weights each layer has: 2 where first and last positions have their own."""
        return 1 if self.tied or not self.first or not self.last else 2
