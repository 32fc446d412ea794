from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy

from harness.errors import InputError
from harness.weights import Base, Example, TrainingSettings, load_model
from harness.weights.training import train


class Scripted(torch.nn.Module):
    """Its validation loss follows a script, one value an epoch, whatever its one weight is."""

    def __init__(self, script: list[float]) -> None:
        super().__init__()
        self.weight, self.script, self.after = torch.nn.Parameter(torch.zeros(1)), script, list[float]()

    def forward(self, **_: Any) -> Any:
        if self.training:
            return SimpleNamespace(loss=self.weight.sum())
        self.after.append(self.weight.item())
        return SimpleNamespace(loss=torch.tensor(self.script[len(self.after) - 1]))


def stopped(script: list[float], patience: int) -> tuple[Scripted, Any, list[int]]:
    """A training of so many epochs, of two steps each, as the script says."""
    model, told = Scripted(script), list[int]()
    settings = TrainingSettings(epochs=len(script), batch_size=1, learning_rate=0.1, early_stopping=patience)
    one = [Example((1,), (2,))]
    record = train(model, one * 2, settings, seed=0, validation=one, advance=told.append)
    return model, record, told


@pytest.mark.parametrize(
    ("script", "patience", "epochs", "best"),
    [
        ([3.0, 2.0, 1.0], 1, 3, 3),
        ([1.0, 2.0, 0.5], 1, 2, 1),
        ([1.0, 2.0, 0.5], 2, 3, 3),
        ([3.0, 1.0, 2.0, 1.0, 0.5], 2, 4, 2),  # as good as the best is not better
    ],
)
def test_it_stops_when_patience_is_over_and_keeps_the_best(
    script: list[float], patience: int, epochs: int, best: int
) -> None:
    """After so many epochs without a lower validation loss training ends, with the weights of the best epoch."""
    model, record, told = stopped(script, patience)
    assert record.validation_losses == script[:epochs]
    assert len(record.losses) == epochs
    assert record.best_epoch == best
    assert record.steps == 2 * epochs
    assert model.weight.item() == model.after[best - 1] != (model.after[-1] if best < epochs else None)
    assert sum(told) == 2 * len(script), "steps that are spared are told, so that a progress bar gets to its end"
    assert not model.training


def test_the_validation_loss_is_the_mean_over_tokens(base: Base, examples: list[Example]) -> None:
    """It is the mean cross-entropy of the validation completions' tokens, by plain forwards, without dropout."""
    model = load_model(base, dtype=torch.float32, device=torch.device("cpu"))
    settings = TrainingSettings(epochs=1, batch_size=2, learning_rate=1e-3, early_stopping=1)
    record = train(model, examples[:4], settings, seed=0, validation=examples[4:])
    nats: list[float] = []
    with torch.no_grad():
        for example in examples[4:]:
            logits = model(input_ids=torch.tensor([[*example.prompt, *example.completion]])).logits[0]
            predicting = logits[len(example.prompt) - 1 : -1]
            nats += cross_entropy(predicting, torch.tensor(example.completion), reduction="none").tolist()
    assert record.validation_losses == pytest.approx([sum(nats) / len(nats)], abs=1e-5)


def test_looking_changes_nothing(base: Base, examples: list[Example]) -> None:
    """A training whose last epoch is the best has the weights of one that never looked."""

    def weights(early_stopping: int | None) -> torch.Tensor:
        model = load_model(base, dtype=torch.float32, device=torch.device("cpu"))
        model.config.attention_dropout = 0.1
        for layer in model.model.layers:
            layer.self_attn.attention_dropout = 0.1
        settings = TrainingSettings(epochs=3, batch_size=4, learning_rate=1e-3, early_stopping=early_stopping)
        record = train(model, examples, settings, seed=0, validation=examples)
        assert record.best_epoch == (3 if early_stopping else None)
        assert bool(record.validation_losses) == bool(early_stopping)
        return torch.nn.utils.parameters_to_vector(model.parameters())

    assert torch.equal(weights(None), weights(1))


@pytest.mark.parametrize(
    ("validation", "told"),
    [
        ([], r"early_stopping needs validation examples.*split of kind validation"),
        ([Example((1,), ())], "the completion of example 1 has no tokens"),
    ],
)
def test_it_needs_validation_examples(validation: list[Example], told: str) -> None:
    """Without anything to look at, that is told before the first step."""
    settings = TrainingSettings(learning_rate=0.1, early_stopping=1)
    with pytest.raises(InputError, match=told):
        train(Scripted([]), [Example((1,), (2,))], settings, seed=0, validation=validation)


def test_a_validation_loss_that_is_no_number_stops_the_training() -> None:
    """No epoch could be the best."""
    with pytest.raises(InputError, match="the validation loss is nan after epoch 2"):
        stopped([1.0, float("nan"), 0.5], 3)
