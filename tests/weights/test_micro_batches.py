import logging
from collections.abc import Callable
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from harness._memory import out_of_memory
from harness.errors import InputError
from harness.weights import Base, Example, TrainingSettings, load_model
from harness.weights.training import TrainingRecord, train

SETTINGS: dict[str, Any] = {"epochs": 2, "batch_size": 4, "learning_rate": 1e-3}
CPU_MESSAGE = "DefaultCPUAllocator: can't allocate memory: you tried to allocate 4503599627370496 bytes."


class Narrow(torch.nn.Module):
    """The random Llama on a device that holds the activations of so many examples, and no more."""

    def __init__(self, model: Any, width: int, error: Exception, dropout: float = 0.0) -> None:
        super().__init__()
        self.model, self.width, self.error, self.widths = model, width, error, list[int]()
        self.dropout = torch.nn.Dropout(dropout)

    def forward(self, input_ids: torch.Tensor, **others: Any) -> Any:
        self.widths.append(len(input_ids))
        embedded = self.dropout(self.model.get_input_embeddings()(input_ids))  # draws before it fails
        output = self.model(inputs_embeds=embedded, **others)
        if len(input_ids) > self.width:
            raise self.error
        return output


@pytest.fixture
def llama(base: Base) -> Callable[[], Any]:
    return lambda: load_model(base, dtype=torch.float32, device=torch.device("cpu"))


def trained(model: Any, examples: list[Example], **settings: Any) -> tuple[TrainingRecord, torch.Tensor]:
    """The record, and all weights in one row."""
    chosen = TrainingSettings(**{**SETTINGS, **settings})
    record = train(model, examples, chosen, seed=0, validation=examples[:3])
    return record, torch.nn.utils.parameters_to_vector(model.parameters()).detach()


@pytest.mark.parametrize("size", [1, 3, 4, 100])
def test_the_result_does_not_depend_on_the_micro_batch(
    size: int, llama: Callable[[], Any], examples: list[Example]
) -> None:
    """Losses and weights are those of the whole batch, though its parts have different numbers of tokens."""
    (whole, expected), (parts, weights) = (trained(llama(), examples, micro_batch_size=n) for n in (None, size))
    assert parts.losses == pytest.approx(whole.losses, abs=1e-5)
    torch.testing.assert_close(weights, expected, atol=2e-5, rtol=0)
    assert parts.micro_batch_size == size


def test_a_micro_batch_of_the_batch_changes_no_bit(llama: Callable[[], Any], examples: list[Example]) -> None:
    """A micro-batch that is no smaller is the batch itself."""
    (whole, expected), (same, weights) = (trained(llama(), examples, micro_batch_size=n) for n in (None, 4))
    assert torch.equal(weights, expected)
    assert same.losses == whole.losses


def test_parts_count_by_their_tokens(examples: list[Example]) -> None:
    """The gradient of a batch of 1 and 3 tokens is a quarter of the one part's and three quarters of the other's."""

    class Slope(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(1))
            self.seen: list[float] = []
            self.weight.register_post_accumulate_grad_hook(lambda weight: self.seen.append(weight.grad.item()))

        def forward(self, labels: torch.Tensor, **_: Any) -> Any:
            mean = labels[labels >= 0].float().mean()  # of the tokens' numbers
            return SimpleNamespace(loss=(mean * self.weight).sum())

    model = Slope()
    settings = TrainingSettings(epochs=1, batch_size=2, micro_batch_size=1, learning_rate=0.1)
    train(model, [Example((1,), (40,)), Example((1,), (1, 2, 3))], settings, seed=0)
    first, both = model.seen
    assert first in (40 / 4, 2 * 3 / 4)
    assert both == 40 / 4 + 2 * 3 / 4


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory."), RuntimeError(CPU_MESSAGE)])
def test_too_little_memory_halves_the_micro_batch(
    error: Exception, llama: Callable[[], Any], examples: list[Example], caplog: pytest.LogCaptureFixture
) -> None:
    """The step is repeated in halves and quarters, told once; the result is that of the micro-batch that fits."""
    _, expected = trained(Narrow(llama(), 1, error), examples, micro_batch_size=1)
    caplog.clear()
    model = Narrow(llama(), 1, error)
    with caplog.at_level(logging.WARNING):
        record, weights = trained(model, examples)
    assert model.widths[:3] == [4, 2, 1]
    assert set(model.widths[2:]) == {1}
    assert torch.equal(weights, expected)
    assert record.micro_batch_size == 1
    assert ["with 4 examples at once, so from here on it is 1" in r.getMessage() for r in caplog.records] == [True]


def test_a_repeated_step_draws_the_same_dropout(llama: Callable[[], Any], examples: list[Example]) -> None:
    """What the failed attempt drew at random is drawn again."""
    error = torch.OutOfMemoryError()
    _, expected = trained(Narrow(llama(), 2, error, 0.3), examples, micro_batch_size=2)
    _, weights = trained(Narrow(llama(), 2, error, 0.3), examples)
    assert torch.equal(weights, expected)


def test_a_step_that_failed_in_the_middle_begins_anew(llama: Callable[[], Any], examples: list[Example]) -> None:
    """The gradients of the parts that went through before memory was out don't count twice."""

    class Once(Narrow):
        def forward(self, input_ids: torch.Tensor, **others: Any) -> Any:
            self.width = 1 if len(self.widths) == 1 else 100  # the second part of the first step fails
            return super().forward(input_ids, **others)

    _, expected = trained(llama(), examples, micro_batch_size=1)
    model = Once(llama(), 100, torch.OutOfMemoryError())
    _, weights = trained(model, examples, micro_batch_size=2)
    assert model.widths[:3] == [2, 2, 1]
    torch.testing.assert_close(weights, expected, atol=1e-6, rtol=0)


def test_validation_fits_too(llama: Callable[[], Any], examples: list[Example]) -> None:
    """Examples that are only looked at go through the model in parts as small as those that are trained on."""
    model = Narrow(llama(), 2, torch.OutOfMemoryError())
    whole, _ = trained(llama(), examples, early_stopping=2, batch_size=2, learning_rate=1e-12)
    parts, _ = trained(model, examples, early_stopping=2, batch_size=2, micro_batch_size=3, learning_rate=1e-12)
    assert 3 in model.widths, "the validation examples were tried at once"
    assert parts.validation_losses == pytest.approx(whole.validation_losses, abs=1e-5)
    assert parts.micro_batch_size == 1


def test_one_example_that_does_not_fit_is_an_error(llama: Callable[[], Any], examples: list[Example]) -> None:
    """Then nothing can be done but what the message says."""
    model = Narrow(llama(), 0, torch.OutOfMemoryError())
    with pytest.raises(InputError, match=r"with one example at a time.*gradient_checkpointing: true"):
        trained(model, examples)
    assert model.widths == [4, 2, 1]


def test_an_optimizer_that_does_not_fit_is_an_error(
    llama: Callable[[], Any], examples: list[Example], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step that may be half applied is not repeated: the training ends, and the message says what needs less."""

    def fail(*_: object) -> None:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(torch.optim.AdamW, "step", fail)
    with pytest.raises(InputError, match=r"out of memory for the optimizer.*adamw-8bit"):
        trained(llama(), examples)


def test_other_errors_pass(llama: Callable[[], Any], examples: list[Example]) -> None:
    """An error of the model is not taken for a lack of memory."""
    model = Narrow(llama(), 1, RuntimeError("shapes differ"))
    with pytest.raises(RuntimeError, match="shapes differ"):
        trained(model, examples)
    assert model.widths == [4]


def test_the_allocator_of_this_machine_is_understood() -> None:
    """The real message of torch's CPU allocator is known for what it is."""
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 50)
    assert out_of_memory(caught.value)


def test_a_part_whose_loss_is_no_number_stops_the_training(examples: list[Example]) -> None:
    """One bad part of a batch is found, with step and learning rate, and nothing is applied."""

    class Bad(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight, self.calls, self.values = torch.nn.Parameter(torch.zeros(1)), 0, list[float]()

        def forward(self, **_: Any) -> Any:
            self.calls += 1
            self.values.append(self.weight.item())
            return SimpleNamespace(loss=self.weight.sum() * (float("inf") if self.calls == 4 else 1.0) + 1.0)

    model = Bad()
    settings = TrainingSettings(
        epochs=1, batch_size=4, micro_batch_size=2, learning_rate=0.1, schedule="constant", warmup=0
    )
    with pytest.raises(InputError, match=r"the loss is -inf at step 2 of 3 \(learning rate 0.1\)"):
        train(model, examples, settings, seed=0)
    assert model.weight.item() == model.values[-1] != 0
    assert all(before >= after for before, after in pairwise(model.values))
