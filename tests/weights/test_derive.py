import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from harness.errors import CacheError, InputError
from harness.weights import (
    Base,
    Example,
    Hardware,
    Recipe,
    Stage,
    derive,
    load_model,
    locate_base,
    method_of,
    read_record,
    restore,
)
from harness.weights.proofs import logits

PROMPTS = [[20, 21, 22, 30], [40], [5, 6, 7, 8, 9, 10, 11]]
WITHOUT_SWITCH = ("full", "freeze")  # nothing lies beside the base


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def derived(recipe: Recipe, base: Base, hardware: Hardware, examples: list[Example], tmp_path: Path) -> Path:
    folder = tmp_path / "derived"
    folder.mkdir()
    derive(recipe, base, hardware, examples, folder, seed=0)
    return folder


def test_a_seed_gives_the_same_bytes(
    recipe: Recipe, base: Base, hardware: Hardware, examples: list[Example], tmp_path: Path, derived: Path
) -> None:
    """Trained twice with one seed every file is the same to the bit; another seed gives other weights."""
    for seed in (0, 1):
        (tmp_path / str(seed)).mkdir()
        torch.rand(7)  # what the process drew before doesn't matter
        derive(recipe, base, hardware, examples, tmp_path / str(seed), seed=seed)
    assert files(tmp_path / "0") == files(derived)
    assert files(tmp_path / "1") != files(derived)


def test_another_process_gives_the_same_bytes(tmp_path: Path, base: Base) -> None:
    """Neither the order of Python's sets nor the paths of this machine get into the files."""
    script = """if True:
        import sys, torch
        from pathlib import Path
        from harness.weights import *
        torch.set_num_threads(1)
        recipe = Recipe(name="lora", method="lora", training=TrainingSettings(learning_rate=1e-2, epochs=1))
        hardware = Hardware(torch.device("cpu"), torch.float32)
        derive(recipe, locate_base(sys.argv[1]), hardware, [Example((1, 2), (3, 0))], Path(sys.argv[2]), seed=0)
    """
    for seed in ("1", "2"):
        (tmp_path / seed).mkdir()
        command = [sys.executable, "-c", script, str(base.path), str(tmp_path / seed)]
        subprocess.run(command, check=True, env={"PYTHONHASHSEED": seed})
    assert files(tmp_path / "1") == files(tmp_path / "2")
    assert str(base.path).encode() not in b"".join(files(tmp_path / "1").values())


def test_deriving_leaves_the_process_alone(
    recipe: Recipe, base: Base, hardware: Hardware, examples: list[Example], tmp_path: Path
) -> None:
    """What others draw at random doesn't depend on whether something was trained in between."""
    torch.manual_seed(3)
    before = torch.rand(2), torch.rand(2)
    torch.manual_seed(3)
    first = torch.rand(2)
    derive(recipe, base, hardware, examples, tmp_path, seed=0)
    restore([Stage(recipe, tmp_path)], base, hardware)
    assert torch.equal(torch.stack(before), torch.stack((first, torch.rand(2))))


def test_every_step_is_told(
    recipe: Recipe, base: Base, hardware: Hardware, examples: list[Example], tmp_path: Path
) -> None:
    """`advance` is called once a step: 10 examples in batches of 4, twice."""
    told: list[int] = []
    derive(recipe, base, hardware, examples, tmp_path, seed=0, advance=told.append)
    assert told == [1] * 6


def test_the_record_holds_training_and_proofs(recipe: Recipe, base: Base, derived: Path) -> None:
    """The folder says how it came to be and what was proved of it."""
    record = read_record(derived)
    assert record["method"] == recipe.method
    assert record["steps"] == 6
    assert len(record["losses"]) == 2
    assert 0 < record["trainable_parameters"] <= record["parameters"]
    assert all(proof["holds"] for proof in record["proofs"])
    method, _ = method_of(recipe)
    proofs = 3 + (method.interpolation.kind != "none") + (recipe.name not in WITHOUT_SWITCH) * (1 + method.merges)
    assert len(record["proofs"]) == proofs


def test_dropout_in_training_is_gone_afterwards(
    lora: Recipe, base: Base, hardware: Hardware, examples: list[Example], tmp_path: Path
) -> None:
    """A LoRA that was trained with dropout passes its proofs, and its restored logits don't vary."""
    dropping = lora.model_copy(update={"settings": {**lora.settings, "dropout": 0.5}})
    derive(dropping, base, hardware, examples, tmp_path, seed=0)
    model = restore([Stage(dropping, tmp_path)], base, hardware)
    assert not model.training
    assert torch.equal(
        model(input_ids=torch.tensor(PROMPTS[:1])).logits, model(input_ids=torch.tensor(PROMPTS[:1])).logits
    )


def test_a_base_in_half_precision_can_be_adapted_in_float32(
    recipe: Recipe, llama_folder: Path, hardware: Hardware, examples: list[Example], tmp_path: Path
) -> None:
    """Weights stored in float16 are trained, saved, proved and restored in float32."""
    AutoModelForCausalLM.from_pretrained(llama_folder, dtype=torch.float16).save_pretrained(tmp_path / "half")
    (tmp_path / "derived").mkdir()
    half = locate_base(str(tmp_path / "half"))
    derive(recipe, half, hardware, examples, tmp_path / "derived", seed=0)
    alpha = None if method_of(recipe)[0].interpolation.kind == "none" else 0.5
    model = restore([Stage(recipe, tmp_path / "derived")], half, hardware, alpha)
    formats = {parameter.dtype for parameter in model.parameters()} - {torch.uint8}  # what is quantised is in bytes
    assert formats == {torch.float32}


def test_bfloat16_can_be_trained_and_proved(
    recipe: Recipe, base: Base, examples: list[Example], tmp_path: Path
) -> None:
    """The proofs are exact in another number format too; only what merging rounds is reported and not judged."""
    derive(recipe, base, Hardware(torch.device("cpu"), torch.bfloat16), examples, tmp_path, seed=0)
    assert all(proof["holds"] for proof in read_record(tmp_path)["proofs"])


def test_training_can_go_on_from_what_was_trained(
    recipe: Recipe, base: Base, hardware: Hardware, derived: Path
) -> None:
    """Reloaded into a freshly attached model the weights compute what they did, and go on learning."""
    method, settings = method_of(recipe)
    start = method.prepare(load_model(base, dtype=hardware.dtype, device=hardware.device), settings)
    model = method.attach(start, settings)
    moving = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    method.reload(model, derived)
    trained = restore([Stage(recipe, derived)], base, hardware)
    torch.testing.assert_close(logits(model, PROMPTS), logits(trained, PROMPTS), rtol=0, atol=1e-6)
    assert [name for name, parameter in model.named_parameters() if parameter.requires_grad] == moving


def test_no_alpha_is_the_trained_model(recipe: Recipe, base: Base, hardware: Hardware, derived: Path) -> None:
    """RECIPE and RECIPE@1 are the same to the bit."""
    trained, at_one = (restore([Stage(recipe, derived)], base, hardware, alpha) for alpha in (None, 1.0))
    assert torch.equal(logits(trained, PROMPTS), logits(at_one, PROMPTS))


def test_a_folder_without_its_weights_is_an_error(
    recipe: Recipe, base: Base, hardware: Hardware, derived: Path
) -> None:
    """Absent weights are an error that no hub is asked about, never the base."""
    min(derived.glob("*.safetensors")).unlink()
    with pytest.raises(CacheError, match="Remove that folder"):
        restore([Stage(recipe, derived)], base, hardware)


def test_a_file_that_lacks_a_tensor_is_an_error(recipe: Recipe, base: Base, hardware: Hardware, derived: Path) -> None:
    """A weight that isn't in the file is never silently the base's."""
    path = min(derived.glob("*.safetensors"))
    weights = load_file(path)
    absent = next((name for name in weights if "down_proj" in name), min(weights))
    del weights[absent]
    save_file(weights, path, metadata={"format": "pt"})
    with pytest.raises(CacheError, match=r"(down_proj|prompt_embeddings|bottleneck_|reft_).*Remove that folder"):
        restore([Stage(recipe, derived)], base, hardware)


def test_target_modules_that_are_none_of_the_base_are_told(
    lora: Recipe, base: Base, hardware: Hardware, examples: list[Example], tmp_path: Path
) -> None:
    """A LoRA on layers that the base doesn't have is an InputError that says what to write."""
    strange = lora.model_copy(update={"settings": {"target_modules": ["c_attn"]}})
    with pytest.raises(InputError, match=r"c_attn.*Set target_modules to all-linear"):
        derive(strange, base, hardware, examples, tmp_path, seed=0)
