import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from oracles.linear_merge import ALPHAS, PLACES, SHAPE, random_weights, sample
from transformers import LlamaConfig, LlamaForCausalLM

from harness.weights.interpolation import Line, average, lerp_into

Weights = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def oracle() -> dict[str, dict[str, list[float]]]:
    """What mergekit gave: by alpha and tensor. The file says with which command and versions it was made."""
    path = Path(__file__).parent / "oracles" / "linear_merge.json"
    return json.loads(path.read_text())["values"]  # type: ignore[no-any-return]


def llama(seed: int) -> Any:
    model = LlamaForCausalLM(LlamaConfig(**SHAPE, tie_word_embeddings=False))
    weights = {name: torch.from_numpy(values) for name, values in random_weights(seed).items()}
    missing = model.load_state_dict(weights, strict=True)
    assert not missing.missing_keys
    return model


def by_lerp(alpha: float) -> Any:
    model = llama(0)
    lerp_into(dict(model.named_parameters()), dict(llama(1).named_parameters()), alpha)
    return model


def by_line(alpha: float) -> Any:
    model = llama(0)
    line = Line(dict(model.named_parameters()), dict(llama(1).named_parameters()))
    for step in (0.9, alpha):
        line.move(step)
    return model


def gaps(model: Any, expected: dict[str, list[float]]) -> list[float]:
    weights = {name: parameter.detach().numpy() for name, parameter in model.named_parameters()}
    assert weights.keys() == expected.keys()
    return [
        float(np.abs(np.subtract(sample(weights[name]), values)).max()) for name, values in sorted(expected.items())
    ]


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("merge", [by_lerp, by_line])
def test_interpolation_is_mergekits_linear_merge(
    merge: Callable[[float], Any], alpha: float, oracle: dict[str, dict[str, list[float]]]
) -> None:
    """Two Llamas merged with weights (1 - alpha, alpha) are what mergekit makes of them, up to 1e-6."""
    expected = oracle[str(alpha)]
    assert sum(map(len, expected.values())) == 21 * PLACES
    assert max(gaps(merge(alpha), expected)) <= 1e-6  # 1e-5 was asked for


def test_a_soup_is_mergekits_linear_merge_with_equal_weights(oracle: dict[str, dict[str, list[float]]]) -> None:
    """The mean of two Llamas is mergekit's merge at one half."""
    assert max(gaps(average([llama(0), llama(1)]), oracle["0.5"])) <= 1e-6


def test_another_alpha_is_not_the_oracles(oracle: dict[str, dict[str, list[float]]]) -> None:
    """The comparison is not blind: half a percent off is seen in every tensor."""
    assert min(gaps(by_lerp(0.505), oracle["0.5"])) > 1e-4
