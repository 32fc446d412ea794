"""LoReFT and DiReFT give what pyreft gives, from the same weights; oracles/reft_pyreft.py made the numbers."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from oracles.reft_pyreft import CASES, MODEL, PROMPTS, weights
from peft import PeftModel, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

from harness.weights.peft_methods.reft_config import ReftConfig

ORACLE = json.loads((Path(__file__).parent / "oracles" / "reft_pyreft.json").read_text())


def base() -> Any:
    model = LlamaForCausalLM(LlamaConfig(**MODEL)).eval()
    for name, parameter in model.named_parameters():
        parameter.data = torch.tensor(weights(name, tuple(parameter.shape)))
    return model


def adapted(settings: dict[str, Any]) -> PeftModel:
    """Our model with the weights that the oracle had."""
    model = get_peft_model(base(), ReftConfig(task_type="CAUSAL_LM", **settings))
    names = {"reft_source_weight": "source.weight", "reft_source_bias": "source.bias"}
    for name, parameter in model.named_parameters():
        if ".reft_" in name:
            layer, kind = name.split("layers.")[1].split(".")[:2]
            ending = names.get(kind, kind.removeprefix("reft_"))
            sides = [weights(f"{layer}.{side}.{ending}", tuple(parameter.shape[1:])) for side in range(len(parameter))]
            parameter.data = torch.stack([torch.tensor(values) for values in sides])
    return model.eval()


def gap(model: Any, expected: list[Any]) -> float:
    with torch.no_grad():
        rows = [model(input_ids=torch.tensor([prompt])).logits[0].double() for prompt in PROMPTS]
    return max((row - torch.tensor(wanted)).abs().max().item() for row, wanted in zip(rows, expected, strict=True))


def test_the_base_is_the_same() -> None:
    """Without interventions both sides compute the same: what is compared below is the interventions."""
    assert gap(base(), ORACLE["base"]) <= 1e-5


@pytest.mark.parametrize("case", CASES)
def test_the_logits_are_those_of_pyreft(case: str) -> None:
    """All logits of each prompt agree with pyreft's to 1e-5, and differ from the base's."""
    model = adapted(CASES[case])
    assert gap(model, ORACLE["cases"][case]) <= 1e-5
    assert gap(model, ORACLE["base"]) > 1e-2
