import random
import sys
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from huggingface_hub import constants
from huggingface_hub.utils import _telemetry
from torch.nn.functional import logsigmoid

from harness.errors import InputError
from harness.weights import (
    Base,
    Example,
    Hardware,
    Recipe,
    Stage,
    TrainingSettings,
    derive,
    load_model,
    read_record,
    restore,
)
from harness.weights.methods.dpo import Dpo, DpoSettings
from harness.weights.proofs import logits

CPU = {"dtype": torch.float32, "device": torch.device("cpu")}
SETTINGS = DpoSettings(rank=4, alpha=6, beta=0.5)
STILL = TrainingSettings(epochs=1, batch_size=4, learning_rate=1e-12)
METHOD = Dpo()


@pytest.fixture
def dpo() -> Recipe:
    training = TrainingSettings(epochs=3, batch_size=4, learning_rate=1e-2)
    return Recipe(name="dpo", method="dpo", settings=SETTINGS.model_dump(), training=training)


def trained_before(base: Base) -> Any:
    """An attached model whose adapter already changes what the base says."""
    torch.manual_seed(5)
    model = METHOD.attach(load_model(base, **CPU), SETTINGS)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.5)
    return model


@torch.no_grad()
def log_probability(model: Any, prompt: tuple[int, ...], answer: tuple[int, ...]) -> torch.Tensor:
    """The sum over the answer's tokens, by one plain forward without padding."""
    predicted = model(input_ids=torch.tensor([[*prompt, *answer]])).logits[0].log_softmax(-1)
    return predicted[len(prompt) - 1 : -1].gather(1, torch.tensor(answer)[:, None]).sum()


def margin(model: Any, example: Example) -> torch.Tensor:
    """How much likelier the better answer is, in nats."""
    better = log_probability(model, example.prompt, example.completion)
    return better - log_probability(model, example.prompt, example.rejected)


def mean_margin(model: Any, examples: list[Example]) -> float:
    return sum(margin(model, example).item() for example in examples) / len(examples)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def derived(recipe: Recipe, base: Base, hardware: Hardware, examples: list[Example], folder: Path, **more: Any) -> Path:
    folder.mkdir()
    derive(recipe, base, hardware, examples, folder, seed=0, **more)
    return folder


def test_the_loss_is_the_formula(base: Base, examples: list[Example]) -> None:
    """The recorded loss is -log sigmoid(beta (margin - the reference's margin)), a pair's mean, computed by hand."""
    model = trained_before(base).eval()
    policy = torch.stack([margin(model, example) for example in examples])
    with model.disable_adapter():
        reference = torch.stack([margin(model, example) for example in examples])
    by_hand = -logsigmoid(0.5 * (policy - reference)).mean().item()
    assert abs(by_hand - 0.6931) > 0.02  # not the log 2 of an adapter that changes nothing
    record = METHOD.fit(model, SETTINGS, examples, STILL, seed=0)
    assert record.losses == pytest.approx([by_hand], abs=1e-5)
    assert record.steps == 3


def test_one_step_is_the_gradient_of_the_formula(base: Base, examples: list[Example]) -> None:
    """One step of the trainer moves every weight as one step of AdamW down the formula's gradient does."""
    training = TrainingSettings(epochs=1, batch_size=10, learning_rate=1e-3, warmup=0, gradient_norm=1e9)
    ours = trained_before(base)
    METHOD.fit(ours, SETTINGS, examples, training, seed=0)
    by_hand = trained_before(base)
    ratio = log_probability.__wrapped__  # with gradients
    loss = torch.zeros(())
    for example in examples:
        gains = []
        for answer in (example.completion, example.rejected):
            with by_hand.disable_adapter():
                reference = log_probability(by_hand, example.prompt, answer)
            gains.append(ratio(by_hand, example.prompt, answer) - reference)
        loss = loss - logsigmoid(0.5 * (gains[0] - gains[1])) / len(examples)
    loss.backward()
    moving = [parameter for parameter in by_hand.parameters() if parameter.requires_grad]
    torch.optim.AdamW(moving, lr=1e-3, weight_decay=0).step()
    moved = [parameter for parameter in ours.parameters() if parameter.requires_grad]
    assert max((a - b).abs().max().item() for a, b in zip(moved, moving, strict=True)) < 1e-4  # a tenth of the step


def test_the_better_answer_becomes_likelier(
    dpo: Recipe, base: Base, hardware: Hardware, examples: list[Example], tmp_path: Path
) -> None:
    """The margin grows, and the loss falls from epoch to epoch."""
    folder = derived(dpo, base, hardware, examples, tmp_path / "dpo")
    before, after = load_model(base, **CPU), restore([Stage(dpo, folder)], base, hardware)
    assert mean_margin(after, examples) > mean_margin(before, examples) + 0.1
    losses = read_record(folder)["losses"]
    assert losses == sorted(losses, reverse=True)
    assert len(losses) == 3


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_the_ids_are_taken_as_they_are(base: Base, examples: list[Example], tmp_path: Path) -> None:
    """Each prompt with its better and with its worse answer is a row, without a token more or less."""
    from harness.weights.methods.dpo import _arguments
    from harness.weights.methods.preference_trainer import PreferenceTrainer

    model = trained_before(base)
    arguments = _arguments(model, SETTINGS, STILL, 0, tmp_path, checkpoints=False)
    trainer = PreferenceTrainer(model, examples, arguments, (None, None), lambda steps: None)
    seen = []
    for batch in trainer.get_train_dataloader():
        rows = zip(batch["input_ids"], batch["attention_mask"], batch["completion_mask"], strict=True)
        seen += [(tuple(ids[real == 1].tolist()), tuple(ids[answer == 1].tolist())) for ids, real, answer in rows]
    expected = [((*e.prompt, *answer), answer) for e in examples for answer in (e.completion, e.rejected)]
    assert sorted(seen) == sorted(expected)


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine"])
def test_the_learning_rates_are_those_of_other_methods(base: Base, schedule: Any) -> None:
    """Without a gradient to speak of, decay shrinks every weight in fourteen steps as the plain training does."""
    training = TrainingSettings(
        epochs=2,
        batch_size=1,
        learning_rate=0.01,
        schedule=schedule,
        warmup=0.25,
        weight_decay=0.1,
        gradient_norm=1e-30,
    )
    pairs, ends = [Example((5,), (6,), (7,))] * 7, []
    for fit in (METHOD.fit, super(Dpo, METHOD).fit):
        model = trained_before(base)
        start = {name: parameter.clone() for name, parameter in model.named_parameters()}
        fit(model, SETTINGS, pairs, training, seed=0)
        ends.append(next((p / start[n]).median().item() for n, p in model.named_parameters() if "lora_B" in n))
    assert ends[0] == pytest.approx(ends[1], abs=1e-6)
    assert ends[0] < 0.995


@pytest.mark.parametrize("stopped_at", [1, 4, 8])
def test_an_interrupted_training_goes_on_to_the_same_bytes(
    dpo: Recipe, base: Base, hardware: Hardware, examples: list[Example], tmp_path: Path, stopped_at: int
) -> None:
    """Stopped in the first, the second or the third epoch, and begun again, it writes what it would have written."""
    whole = derived(dpo, base, hardware, examples, tmp_path / "whole")
    unfinished, done = tmp_path / "unfinished", []

    def stop(steps: int) -> None:
        done.append(steps)
        if len(done) == stopped_at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        derived(dpo, base, hardware, examples, tmp_path / "stopped", unfinished=unfinished, advance=stop)
    again: list[int] = []
    resumed = derived(dpo, base, hardware, examples, tmp_path / "r", unfinished=unfinished, advance=again.append)
    done_before = stopped_at // 3 * 3  # epochs have 3 steps, and whole ones aren't repeated
    assert again == [done_before] * (done_before > 0) + [1] * (9 - done_before)
    assert list(unfinished.iterdir()) == []
    assert files(resumed) == files(whole)


def test_a_checkpoint_of_another_training_or_a_torn_one_is_passed_over(
    dpo: Recipe, base: Base, hardware: Hardware, examples: list[Example], tmp_path: Path
) -> None:
    """Other examples begin anew, and so does a training whose only checkpoint was cut off while it was written."""
    whole = derived(dpo, base, hardware, examples, tmp_path / "whole")
    unfinished, done = tmp_path / "unfinished", []

    def stop(steps: int) -> None:
        done.append(steps)
        if len(done) == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        derived(dpo, base, hardware, examples, tmp_path / "stopped", unfinished=unfinished, advance=stop)
    told: list[int] = []
    derived(dpo, base, hardware, examples[1:], tmp_path / "other", unfinished=unfinished, advance=told.append)
    assert told == [1] * 9
    (checkpoint,) = unfinished.glob("*/checkpoint-3/trainer_state.json")
    checkpoint.write_text('{"epo')
    again = derived(dpo, base, hardware, examples, tmp_path / "again", unfinished=unfinished, advance=told.append)
    assert told == [1] * 18
    assert files(again) == files(whole)


@pytest.mark.parametrize("saving", [{"micro_batch_size": 2}, {"gradient_checkpointing": True}])
def test_saving_memory_changes_no_more_than_rounding(
    base: Base, examples: list[Example], saving: dict[str, Any]
) -> None:
    """Micro-batches and recomputed activations give the same losses."""
    training = {"epochs": 2, "batch_size": 4, "learning_rate": 1e-3}
    records = [
        METHOD.fit(trained_before(base), SETTINGS, examples, TrainingSettings(**training, **more), seed=0)
        for more in ({}, saving)
    ]
    assert records[0].losses == pytest.approx(records[1].losses, abs=1e-5)
    assert records[0].steps == records[1].steps == 6
    assert [record.micro_batch_size for record in records] == [4, saving.get("micro_batch_size", 4)]


@pytest.mark.parametrize(
    ("asked", "told"),
    [({"early_stopping": 1}, "early_stopping isn't done"), ({"micro_batch_size": 3}, "4 isn't a multiple of")],
)
def test_what_is_not_done_is_refused(base: Base, examples: list[Example], asked: dict[str, int], told: str) -> None:
    """Settings that preference tuning doesn't follow are never passed over in silence."""
    with pytest.raises(InputError, match=told):
        METHOD.fit(trained_before(base), SETTINGS, examples, STILL.model_copy(update=asked), seed=0)


def test_it_follows_a_supervised_training(
    dpo: Recipe, full: Recipe, base: Base, hardware: Hardware, examples: list[Example], tmp_path: Path
) -> None:
    """On top of `full`, the reference is what `full` made; @0 of the two together is the base."""
    first = Stage(full, derived(full, base, hardware, examples, tmp_path / "full"))
    second = Stage(dpo, derived(dpo, base, hardware, examples, tmp_path / "dpo", before=[first]))
    prompts = [example.prompt for example in examples]
    assert all(proof["holds"] for proof in read_record(second.folder)["proofs"])
    supervised, both = restore([first], base, hardware), restore([first, second], base, hardware)
    assert mean_margin(both, examples) > mean_margin(supervised, examples) + 0.1
    with both.disable_adapter():
        assert torch.equal(logits(both, prompts), logits(supervised, prompts))
    nothing = restore([first, second], base, hardware, 0.0)
    assert torch.equal(logits(nothing, prompts), logits(load_model(base, **CPU), prompts))


def test_dropout_is_the_adapters_alone(base: Base, examples: list[Example]) -> None:
    """A base's own dropout would move the reference: it is off, while the adapter's changes the loss."""
    losses = {}
    for own, adapters in ((0.0, 0.0), (0.5, 0.0), (0.0, 0.5)):
        settings = SETTINGS.model_copy(update={"dropout": adapters})
        plain = load_model(base, **CPU)
        layer = plain.get_submodule("model.layers.1")
        layer.mlp = torch.nn.Sequential(layer.mlp, torch.nn.Dropout(own))
        torch.manual_seed(0)
        model = METHOD.attach(plain, settings)
        training = TrainingSettings(epochs=2, batch_size=4, learning_rate=1e-2)
        losses[own, adapters] = METHOD.fit(model, settings, examples, training, seed=0).losses
    assert losses[0.5, 0.0] == losses[0.0, 0.0] != losses[0.0, 0.5]


def test_nothing_else_is_left_behind(
    base: Base, examples: list[Example], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    """No file, no line of output, no telemetry; generators, configuration and forward are as they were."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CI", raising=False)  # there TRL tells nobody anyway
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", False)
    monkeypatch.setattr(_telemetry, "_TELEMETRY_THREAD", None)
    model = trained_before(base)
    config, trainable = model.config.to_dict(), [p.requires_grad for p in model.parameters()]
    random.seed(1)
    numpy.random.seed(1)
    drawn = random.random(), numpy.random.rand()
    random.seed(1)
    numpy.random.seed(1)
    METHOD.fit(model, SETTINGS, examples, STILL, seed=0)
    assert (random.random(), numpy.random.rand()) == drawn
    assert model.config.to_dict() == config
    assert "forward" not in vars(model.get_base_model())
    assert list(model.peft_config) == ["default"]
    assert [p.requires_grad for p in model.parameters()] == trainable
    assert not model.training
    assert _telemetry._TELEMETRY_THREAD is None
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("examples", "told"),
    [
        ([], "there are no examples"),
        ([Example((1,), (2,), (3,)), Example((1,), (2,))], "example 2 has no rejected answer.*Give that case"),
        ([Example((1,), (), (3,))], "the completion of example 1 has no tokens"),
    ],
)
def test_examples_without_a_pair_are_refused(base: Base, examples: list[Example], told: str) -> None:
    """Nothing to prefer is told before the first step."""
    with pytest.raises(InputError, match=told):
        METHOD.fit(trained_before(base), SETTINGS, examples, STILL, seed=0)


def test_a_loss_that_is_no_number_stops_the_training(base: Base, examples: list[Example]) -> None:
    """The message says the step and the learning rate."""
    model = trained_before(base)
    with torch.no_grad():
        model.get_base_model().get_parameter("model.norm.weight").fill_(float("nan"))
    training = TrainingSettings(epochs=1, batch_size=4, learning_rate=1e-3, warmup=0)
    with pytest.raises(InputError, match=r"the loss is nan at step 1 of 3 \(learning rate 0.001\)"):
        METHOD.fit(model, SETTINGS, examples, training, seed=0)


def test_an_absent_library_is_told_before_training(
    base: Base, examples: list[Example], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without trl the error names the extra to install."""
    monkeypatch.setitem(sys.modules, "trl", None)
    for attempt in (
        METHOD.check_available,
        lambda: METHOD.fit(trained_before(base), SETTINGS, examples, STILL, seed=0),
    ):
        with pytest.raises(InputError, match=r'pip install "harness\[dpo\]"'):
            attempt()
