"""What every benchmark here does alike: one thread, ways taken in turn, ratios of medians, one line of JSON at the end.

Scripts beside this one import it; it knows nothing of what they measure.
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any
from unittest import mock

import torch

from harness.kernels import fast_linear, linear_kernel


@dataclass(frozen=True)
class Timed:
    """The seconds that each round of one way took, and what its last round gave."""

    seconds: list[float]
    result: Any

    @property
    def median(self) -> float:
        """Seconds of the middle round."""
        return median(self.seconds)


@dataclass(frozen=True)
class Summary:
    """The line that a benchmark ends with.

    `ratio` is the peer's seconds over ours, `max_abs_diff` the largest difference between the two results in the
    benchmark's unit, `identical` whether the two say the same, `unique_token_ratio` the tokens that must be computed
    over those that the peer computes, `floor_share` the share of our time that the arithmetic of these tokens takes
    at the machine's measured rate. None where a benchmark has no such figure.
    """

    benchmark: str
    ratio: float
    max_abs_diff: float | None
    identical: bool | None
    unique_token_ratio: float | None
    floor_share: float | None


def arguments(description: str | None) -> argparse.ArgumentParser:
    """A parser that knows `--quick` and `--threads`; scripts add their own options."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a small part of the work, at most two minutes")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch (default: 1)")
    return parser


def take_turns(ways: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, Timed]:
    """Every way once a round, in the order given, so that what else the machine does meets all of them alike."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    results: dict[str, Any] = {}
    for _ in range(rounds):
        for name, way in ways.items():
            began = time.perf_counter()
            results[name] = way()
            seconds[name].append(time.perf_counter() - began)
    return {name: Timed(seconds[name], results[name]) for name in ways}


def ratio(peer: Timed, ours: Timed) -> float:
    """The median over the rounds of the peer's seconds over ours in the same round."""
    return median(theirs / own for theirs, own in zip(peer.seconds, ours.seconds, strict=True))


def gemm_rate(dtype: torch.dtype = torch.float32, rounds: int = 9) -> float:
    """The best floating-point operations a second of a linear layer here, with the kernel that the harness takes."""
    rows, width, out = 512, 512, 1408
    x, weight = torch.randn(rows, width, dtype=dtype), torch.randn(out, width, dtype=dtype)
    with torch.inference_mode(), fast_linear():
        torch.nn.functional.linear(x, weight)
        timed = take_turns({"linear": lambda: torch.nn.functional.linear(x, weight)}, rounds)
    return 2 * rows * width * out / min(timed["linear"].seconds)


@contextmanager
def torch_linear() -> Iterator[None]:
    """While entered, the harness computes linear layers as torch does: what is gained then, the algorithm gains."""
    with mock.patch.dict(os.environ, {"HARNESS_LINEAR": "torch"}):
        yield


def conclude(*summaries: Summary) -> None:
    """Prints the machine's kernel and, as the last lines, the summaries in JSON."""
    print(f"\nlinear layers by {linear_kernel()}, {torch.get_num_threads()} thread(s), torch {torch.__version__}")
    for summary in summaries:
        print(json.dumps({key: _rounded(value) for key, value in asdict(summary).items()}))


def _rounded(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) else value
