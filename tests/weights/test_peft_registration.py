"""peft knows the harness's methods as soon as both are imported, and `import harness` stays light."""

import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from peft import PeftType, get_peft_model
from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING, PEFT_TYPE_TO_PREFIX_MAPPING, PEFT_TYPE_TO_TUNER_MAPPING
from transformers import AutoModelForCausalLM

from harness.weights.peft_methods.bottleneck import BottleneckModel
from harness.weights.peft_methods.bottleneck_config import BottleneckConfig
from harness.weights.peft_methods.registration import add_peft_type, register

IDS = [[20, 21, 22, 30]]
LOAD = """
import torch
from transformers import AutoModelForCausalLM
model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained({base!r}), {adapter!r})
torch.save(model(torch.tensor({ids!r})).logits, {result!r})
"""


@pytest.mark.parametrize(
    "imports",
    [
        "import harness; from peft import PeftModel",
        "from peft import PeftModel; import harness",
        "import harness.weights.peft_methods.bottleneck_layer; from peft import PeftModel",
    ],
)
def test_plain_peft_loads_an_adapter_of_ours(imports: str, llama_folder: Path, tmp_path: Path) -> None:
    """Whichever is imported first, `PeftModel.from_pretrained` gives the model that was saved, in a new process."""
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(llama_folder), BottleneckConfig(size=4)).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "bottleneck_up" in name:
                parameter.add_(0.1)
        saved = model(torch.tensor(IDS)).logits
    model.save_pretrained(tmp_path / "adapter")
    result = tmp_path / "logits.pt"
    code = imports + LOAD.format(base=str(llama_folder), adapter=str(tmp_path / "adapter"), ids=IDS, result=str(result))
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    assert (torch.load(result) - saved).abs().max() < 1e-6  # another process may compute with more threads


def test_importing_the_harness_loads_no_model_library() -> None:
    """Nor the harness's own stages: the hook waits for peft without asking for it."""
    code = "import sys, harness; print(*sorted({'torch', 'peft', 'harness.weights', 'pydantic'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split() == []


def test_registering_again_changes_nothing() -> None:
    """The harness and whoever else registers don't get in each other's way."""
    before = [*PeftType], dict(PEFT_TYPE_TO_CONFIG_MAPPING), dict(PEFT_TYPE_TO_TUNER_MAPPING)
    register()
    assert before == ([*PeftType], dict(PEFT_TYPE_TO_CONFIG_MAPPING), dict(PEFT_TYPE_TO_TUNER_MAPPING))


def test_the_added_type_is_a_member_like_the_others() -> None:
    """It is found by attribute, name and value, is listed once, equals its string, and survives pickling."""
    member = PeftType.BOTTLENECK
    assert member is PeftType["BOTTLENECK"] is PeftType("BOTTLENECK") is pickle.loads(pickle.dumps(member))
    assert [*PeftType].count(member) == 1
    assert member == "BOTTLENECK"
    assert hash(member) == hash("BOTTLENECK")
    assert (member.name, member.value, repr(member)) == (
        "BOTTLENECK",
        "BOTTLENECK",
        "<PeftType.BOTTLENECK: 'BOTTLENECK'>",
    )
    assert isinstance(member, PeftType)
    assert repr(PeftType.LORA) == "<PeftType.LORA: 'LORA'>"


def test_a_type_that_peft_has_is_left_alone() -> None:
    """If peft comes to have the name, its own member is used."""
    members = [*PeftType]
    assert add_peft_type("LORA") is PeftType.LORA
    assert [*PeftType] == members


def test_peft_finds_config_tuner_and_prefix() -> None:
    """The three tables that peft looks methods up in."""
    assert PEFT_TYPE_TO_CONFIG_MAPPING["BOTTLENECK"] is BottleneckConfig
    assert PEFT_TYPE_TO_TUNER_MAPPING["BOTTLENECK"] is BottleneckModel
    assert PEFT_TYPE_TO_PREFIX_MAPPING["BOTTLENECK"] == BottleneckModel.prefix == "bottleneck_"
