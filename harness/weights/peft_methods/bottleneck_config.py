"""The settings of bottleneck adapters, as peft stores them beside the weights."""

from dataclasses import dataclass, field

from peft import PeftConfig

from harness.weights.peft_methods.registration import add_peft_type

PLACES = {
    "attention": ("self_attn", "self_attention", "linear_attn", "attention", "attn"),
    "feed-forward": ("mlp", "feed_forward", "ffn", "block_sparse_moe"),
}
"""What the sublayers of a decoder layer are called in the models of transformers."""


@dataclass
class BottleneckConfig(PeftConfig):  # type: ignore[misc] # peft has no types
    """Adapters of `size` units behind (`serial`) or beside (`parallel`) sublayers of every decoder layer.

    With the sublayer S, its input x (normalised, where the model normalises first), its output s = S(x), and the
    residual stream r that s is then added to, the sublayer gives s + scale * A(z), where

        A(z) = up(nonlinearity(down(z)))

    and z, by `mode` and `reads`, is

        =========  ====================================  ==========================================
        mode       `reads: sublayer`                     `reads: stream`
        =========  ====================================  ==========================================
        serial     s      (Houlsby et al. 2019)          r + s  (Pfeiffer et al. 2021)
        parallel   x                                     r      (He et al. 2022 as AdapterHub has it)
        =========  ====================================  ==========================================

    The papers' models normalise last, where x is r; their names stand where AdapterHub puts them in models that
    normalise first. `down` and `up` have biases, and `up` starts at zero, so that the model starts as its base.
    `nonlinearity` is a name that transformers knows. `places` are the sublayers, found by the names in PLACES; where
    `target_modules` is given (a regular expression, or a list of names' ends), those modules are taken instead.
    Raises ValueError.
    """

    mode: str = "serial"
    reads: str = "sublayer"
    places: list[str] = field(default_factory=lambda: list(PLACES))
    target_modules: str | list[str] | None = None
    size: int = 64
    nonlinearity: str = "relu"
    scale: float = 1.0
    dropout: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.peft_type = add_peft_type("BOTTLENECK")
        self._check("mode", self.mode, ("serial", "parallel"))
        self._check("reads", self.reads, ("sublayer", "stream"))
        for place in self.places:
            self._check("places", place, tuple(PLACES))
        if self.size < 1:
            raise ValueError(f"size: a bottleneck of {self.size} units lets nothing through. Give at least 1.")

    def _check(self, key: str, value: str, known: tuple[str, ...]) -> None:
        if value not in known:
            raise ValueError(f"{key}: there is no {value!r}, so it isn't known what to build. Known: {known}.")
