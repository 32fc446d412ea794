from itertools import pairwise
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy

from harness.errors import InputError
from harness.weights import Base, Example, TrainingSettings, load_model, steps
from harness.weights.training import IGNORED, batches, collate, train

CPU = {"dtype": torch.float32, "device": torch.device("cpu")}


class Weight(torch.nn.Module):
    """One weight whose gradient is always 1: Adam then moves it by exactly the learning rate of each step."""

    def __init__(self, slope: float = 1.0) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
        self.slope = slope

    def forward(self, **_: Any) -> Any:
        return SimpleNamespace(loss=(self.slope * self.weight).sum())


def learning_rates(examples: int, settings: TrainingSettings) -> list[float]:
    """The learning rate of every step."""
    model, weights = Weight(), [0.0]
    many = [Example((1,), (2,))] * examples
    train(model, many, settings, seed=0, advance=lambda _: weights.append(model.weight.item()))
    return [before - after for before, after in pairwise(weights)]


@pytest.mark.parametrize(
    ("examples", "epochs", "batch_size", "expected"),
    [(10, 2, 4, 6), (8, 3, 4, 6), (1, 5, 16, 5), (16, 1, 16, 1), (17, 1, 16, 2)],
)
def test_steps_count_the_smaller_last_batch(examples: int, epochs: int, batch_size: int, expected: int) -> None:
    """An epoch takes the examples over the batch size, rounded up, and the trainer takes as many steps as it says."""
    settings = TrainingSettings(epochs=epochs, batch_size=batch_size, learning_rate=0.1)
    assert steps(examples, settings) == expected
    assert len(learning_rates(examples, settings)) == expected


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", [0.0, 0.5, 1, 1, 1, 1, 1, 1]),
        ("linear", [0.0, 0.5, 1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6]),
        ("cosine", [0.0, 0.5, 1, 0.9330127, 0.75, 0.5, 0.25, 0.0669873]),  # (1 + cos(k pi / 6)) / 2
    ],
)
def test_the_schedule_warms_up_and_falls(schedule: Any, expected: list[float]) -> None:
    """Two of eight steps warm up to the peak; then the rate is kept, or falls to 0 by a line or a cosine."""
    settings = TrainingSettings(epochs=1, batch_size=1, learning_rate=0.1, schedule=schedule, warmup=0.25)
    assert learning_rates(8, settings) == pytest.approx([0.1 * share for share in expected], abs=1e-6)


def test_a_short_training_learns_at_its_first_step() -> None:
    """A warm-up of less than one step is none."""
    assert learning_rates(1, TrainingSettings(epochs=1, learning_rate=0.1, warmup=0.9)) == pytest.approx([0.1])


def test_gradients_are_clipped() -> None:
    """A gradient longer than the norm is as good as one of the norm, up to Adam's epsilon."""
    settings = TrainingSettings(epochs=1, batch_size=1, learning_rate=0.1, gradient_norm=1e-8, warmup=0)
    model = Weight(slope=1e6)
    train(model, [Example((1,), (2,))], settings, seed=0)
    assert model.weight.item() == pytest.approx(-0.05, rel=0.01)  # 1e-8 / (1e-8 + epsilon of 1e-8)


def test_collate_pads_on_the_right_and_labels_completions_only() -> None:
    """Prompts and padding are no labels; padding is masked."""
    ids, mask, labels = collate([Example((5, 6), (7,)), Example((8,), (9, 1, 2))])
    assert ids.tolist() == [[5, 6, 7, 0], [8, 9, 1, 2]]
    assert mask.tolist() == [[1, 1, 1, 0], [1, 1, 1, 1]]
    assert labels.tolist() == [[IGNORED, IGNORED, 7, IGNORED], [IGNORED, 9, 1, 2]]
    assert {tensor.dtype for tensor in (ids, mask, labels)} == {torch.int64}


def test_collate_labels_prompts_too_where_they_are_learnt() -> None:
    """Every token but the first has something before it to be told from."""
    _, _, labels = collate([Example((5, 6), (7,)), Example((8,), (9, 1, 2))], "all")
    assert labels.tolist() == [[IGNORED, 6, 7, IGNORED], [IGNORED, 9, 1, 2]]


def test_an_epoch_sees_every_example_once_in_an_order_of_the_seed(examples: list[Example]) -> None:
    """Batches are a permutation of the examples; the seed, and the epoch, decide which."""

    def order(seed: int, epochs: int = 1) -> list[Example]:
        random, seen = Random(seed), []
        for _ in range(epochs):
            seen = [example for batch in batches(examples, 4, random) for example in batch]
        return seen

    assert sorted(order(0), key=examples.index) == examples
    assert order(0) == order(0) != order(1)
    assert order(0, epochs=2) != order(0)


@pytest.mark.parametrize("loss_on", ["completion", "all"])
def test_the_loss_is_on_what_is_said(loss_on: Any, base: Base, examples: list[Example]) -> None:
    """The recorded loss is the mean cross-entropy of the completions' tokens, or of all, by plain forwards unpadded."""
    model = load_model(base, **CPU)
    nats: list[float] = []
    with torch.no_grad():
        for example in examples:
            logits = model(input_ids=torch.tensor([[*example.prompt, *example.completion]])).logits[0]
            first = len(example.prompt) if loss_on == "completion" else 1
            wanted = torch.tensor([*example.prompt, *example.completion][first:])
            nats += cross_entropy(logits[first - 1 : -1], wanted, reduction="none").tolist()
    settings = TrainingSettings(epochs=1, batch_size=4, micro_batch_size=3, learning_rate=1e-12)
    record = train(model, examples, settings, seed=0, loss_on=loss_on)
    assert record.losses == pytest.approx([sum(nats) / len(nats)], abs=1e-5)


def test_training_learns(base: Base, examples: list[Example]) -> None:
    """The loss falls from epoch to epoch, and the record counts what moved."""
    model = load_model(base, **CPU)
    model.get_parameter("model.norm.weight").requires_grad_(False)
    record = train(model, examples, TrainingSettings(epochs=3, batch_size=4, learning_rate=3e-3), seed=0)
    assert record.losses == sorted(record.losses, reverse=True)
    assert record.steps == 9
    assert record.parameters == model.num_parameters()
    assert record.parameters - record.trainable_parameters == 16
    assert not model.training


def test_a_loss_that_is_no_number_stops_the_training(base: Base, examples: list[Example]) -> None:
    """The message says the step and the learning rate."""
    model = load_model(base, **CPU)
    with torch.no_grad():
        model.get_parameter("model.norm.weight").fill_(float("nan"))
    with pytest.raises(InputError, match=r"the loss is nan at step 1 of 3 \(learning rate 0.001\)"):
        train(model, examples, TrainingSettings(epochs=1, batch_size=4, learning_rate=1e-3, warmup=0), seed=0)


@pytest.mark.parametrize(
    ("examples", "told"),
    [
        ([], "there are no examples"),
        ([Example((1,), (2,)), Example((1,), ())], "the completion of example 2 has no tokens"),
        ([Example((), (1,))], "the prompt of example 1 has no tokens"),
    ],
)
def test_examples_without_a_loss_are_refused(examples: list[Example], told: str) -> None:
    """Nothing to learn from is told before the first step."""
    with pytest.raises(InputError, match=told):
        train(Weight(), examples, TrainingSettings(learning_rate=0.1), seed=0)
