"""What one comparison is asked to do: the options of `harness compare`, from a YAML file, the command line, or both."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from harness._settings import merge, read_yaml, validate
from harness.comparison import MARGIN, Constraints
from harness.pipeline.served.settings import ServerSettings


class CompareConfig(BaseModel):
    """The request; `harness.pipeline.plan` resolves it against the suite and the base model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    suite: str = "pocket"
    data: Path | None = None
    model: str | None = None
    variants: tuple[str, ...] = ()
    weights: tuple[str, ...] = ()
    contexts: tuple[str, ...] = ()
    splits: tuple[str, ...] = ()
    retention: tuple[str, ...] = ()
    lm_eval_tasks: Path | None = None
    seeds: int = Field(default=1, ge=1)
    tune: int = Field(default=0, ge=0)
    loss_on: Literal["completion", "all"] = "completion"
    limit: int | None = Field(default=None, ge=1)
    out: Path | None = None
    device: str = "auto"
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    load_in: Literal["4bit", "8bit"] | None = None
    device_map: Literal["none", "auto"] = "none"
    max_memory: dict[int | str, str] = {}
    backend: Literal["engine", "vllm"] = "engine"
    executor: Literal["local", "ray"] = "local"
    address: str | None = None
    threads: int | None = Field(default=None, ge=1)
    shard: int = Field(default=1000, ge=1)
    embedder: str = "sentence-transformers/all-MiniLM-L6-v2"
    retrieval: dict[str, Any] = {}
    server: ServerSettings | None = None
    served: dict[str, str] = {}
    trust_metrics: tuple[str, ...] = ()
    trust_code: tuple[str, ...] = ()
    recipes: dict[str, dict[str, Any]] = {}
    margin: float = Field(default=MARGIN, gt=0, lt=1)
    require: tuple[str, ...] = ()
    queries_per_month: float | None = None
    updates_per_month: float | None = None
    prices: Path | None = None

    @property
    def constraints(self) -> Constraints:
        """What is asked of the recommended variant; raises InputError."""
        return Constraints(self.require, self.queries_per_month, self.updates_per_month)


def load_config(path: Path | None, options: Mapping[str, Any]) -> CompareConfig:
    """The configuration in the YAML file `path` (if any), with `options` of the command line laid over it.

    Raises InputError that tells all mistakes at once.
    """
    content = read_yaml(path) if path else {}
    given = {key: value for key, value in options.items() if value not in (None, ())}
    return validate(merge(content, given), CompareConfig, place=str(path) if path else "command line")
