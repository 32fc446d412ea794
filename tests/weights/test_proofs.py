from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from harness.errors import ProofError
from harness.weights import Base, Example, Hardware, Recipe, load_model, method_of
from harness.weights.methods import Method
from harness.weights.methods.full import Full
from harness.weights.methods.lora import Lora
from harness.weights.proofs import Proof, logits, prove
from harness.weights.training import train

PROMPTS = [[20, 21, 22, 30], [40], [5, 6, 7, 8, 9, 10, 11]]
Prover = Callable[..., list[Proof]]


class Case:
    """A method with its trained model, saved."""

    def __init__(self, recipe: Recipe, base: Base, hardware: Hardware, folder: Path) -> None:
        self.method, self.settings = method_of(recipe)
        self.recipe, self.folder, self._base, self._hardware = recipe, folder, base, hardware
        torch.manual_seed(0)
        self.model: Any = self.method.attach(self.fresh_base(), self.settings)
        self.untrained = logits(self.model, PROMPTS)

    def fresh_base(self) -> Any:
        model = load_model(self._base, dtype=self._hardware.dtype, device=self._hardware.device)
        return self.method.prepare(model, self.settings)

    def trained(self, examples: list[Example]) -> "Case":
        train(self.model, examples, self.recipe.training, seed=0)
        return self.saved()

    def saved(self) -> "Case":
        self.method.save(self.model, self.folder)
        return self

    def prove(self, method: Method[Any] | None = None) -> list[Proof]:
        return prove(method or self.method, self.model, self.folder, self.fresh_base, PROMPTS, self.untrained)


@pytest.fixture
def case(recipe: Recipe, base: Base, hardware: Hardware, tmp_path: Path) -> Case:
    """Each method, not trained yet."""
    return Case(recipe, base, hardware, tmp_path)


def test_trained_weights_pass(case: Case, examples: list[Example]) -> None:
    """What was honestly trained passes, the equalities with no difference at all; merging may round."""
    first, second, *others = case.trained(examples).prove()
    assert min(first.largest_difference, second.largest_difference) > 0
    for proof in others:
        assert proof.largest_difference <= (1e-3 if proof.claim.startswith("merged") else 0.0)


def test_a_merge_that_changes_what_the_model_says_fails(
    lora: Recipe, base: Base, hardware: Hardware, tmp_path: Path, examples: list[Example]
) -> None:
    """A method whose merged weights compute something else than its adapter is found out, with the gap."""

    class WrongScale(Lora):
        def merged(self, model: Any) -> Any:
            return super().merged(self.scale(model, 1.1))

    case = Case(lora, base, hardware, tmp_path).trained(examples)
    with pytest.raises(ProofError, match=r"don't: merged into the base's weights, the log-prob"):
        case.prove(WrongScale())


def test_weights_that_learnt_nothing_fail(case: Case) -> None:
    """An untrained model is not scored as if it were trained, whether it begins as the base or not."""
    with pytest.raises(ProofError, match=r"training changed the logits: largest difference 0\. .*Train longer"):
        case.saved().prove()


def test_an_adapter_that_changes_no_logits_fails(base: Base, hardware: Hardware, tmp_path: Path, lora: Recipe) -> None:
    """Weights that differ are not enough: it is the logits that must."""
    case = Case(lora, base, hardware, tmp_path)
    with torch.no_grad():
        for name, parameter in case.model.named_parameters():
            if "lora_A" in name:
                parameter += 1
    with pytest.raises(ProofError, match="the trained logits differ"):
        case.saved().prove()


def test_an_altered_file_fails(case: Case, examples: list[Example]) -> None:
    """A saved file that isn't what was trained is found out, by however little it differs."""
    case.trained(examples)
    path = min(case.folder.glob("*.safetensors"))
    weights = load_file(path)
    name = next((name for name in weights if "down_proj" in name and "lora_A" not in name), min(weights))
    weights[name][-1] += 1e-3
    save_file(weights, path, metadata={"format": "pt"})
    with pytest.raises(
        ProofError, match=r"saved, loaded and at alpha 1, the logits equal the trained ones: "
    ) as caught:
        case.prove()
    assert "at alpha 0" not in str(caught.value), "what holds is not told as failed"


@pytest.mark.parametrize("method", [Full, Lora])
def test_a_method_whose_alpha_0_is_not_the_base_fails(
    method: type[Full | Lora], base: Base, hardware: Hardware, tmp_path: Path, examples: list[Example], request: Any
) -> None:
    """A method that ignores alpha is found out."""

    class Stubborn(method):  # type: ignore[misc, valid-type]
        def restore(self, base: Any, folder: Path, alpha: float = 1.0) -> Any:
            return super().restore(base, folder, 1.0)

    case = Case(request.getfixturevalue(method.name), base, hardware, tmp_path).trained(examples)
    with pytest.raises(ProofError, match="these must hold and don't: at alpha 0, the logits equal the base's"):
        case.prove(Stubborn())


def test_a_switch_that_does_not_switch_off_fails(
    lora: Recipe, base: Base, hardware: Hardware, tmp_path: Path, examples: list[Example]
) -> None:
    """A method whose off switch leaves the deltas on is found out."""

    class AlwaysOn(Lora):
        def switched_off(self, model: Any) -> AbstractContextManager[None]:
            return nullcontext()

    case = Case(lora, base, hardware, tmp_path).trained(examples)
    with pytest.raises(ProofError, match="these must hold and don't: switched off, the logits equal the base's"):
        case.prove(AlwaysOn())


def test_a_changed_base_under_the_adapter_fails(
    lora: Recipe, base: Base, hardware: Hardware, tmp_path: Path, examples: list[Example]
) -> None:
    """An adapter that was trained beside a base that moved too is found out."""
    case = Case(lora, base, hardware, tmp_path).trained(examples)
    with torch.no_grad():
        case.model.get_base_model().model.norm.weight.mul_(1.01)
    with pytest.raises(ProofError, match="switched off, the logits equal the base's"):
        case.prove()


def test_logits_that_are_no_numbers_fail_whichever_prompt_they_are_on(case: Case, examples: list[Example]) -> None:
    """A nan on one prompt of several is not lost in a maximum, neither as a difference nor as an equality."""
    case.trained(examples)
    with torch.no_grad():
        embeddings = (case.model.get_base_model() if case.method.name == "lora" else case.model).get_input_embeddings()
        embeddings.weight[PROMPTS[2][-1]] = float("nan")
    with pytest.raises(ProofError, match=r"differ from the base's: largest difference nan.*equal the trained ones"):
        case.prove()


def test_logits_are_those_of_the_last_token_alone(base: Base, hardware: Hardware) -> None:
    """One row a prompt, float32, from a forward of that prompt without padding."""
    model = load_model(base, dtype=hardware.dtype, device=hardware.device)
    rows = logits(model, PROMPTS)
    assert rows.shape == (3, model.config.vocab_size)
    with torch.no_grad():
        whole = model(input_ids=torch.tensor([PROMPTS[2]])).logits
    torch.testing.assert_close(rows[2], whole[0, -1], rtol=0, atol=1e-6)  # of one position: rounded otherwise
