"""How much quicker the harness trains LoRA than transformers' Trainer does with the same examples in the same batches.

    python benchmarks/training.py [--quick] [--steps N] [--threads N]

A random Llama of 32 million parameters in float32, rank 8 beside every linear layer but the output; batches of 8
examples with prompts of 20 to 200 tokens and completions of 5 to 40. Ways, taken in turn, each from the same weights:
the Trainer as it comes, which pads each batch; with `group_by_length` (so with other batches); with `bf16`; the harness
with torch's own linear layers and peft's LoRA layers, so packed batches alone; with the faster linear layer; as it is;
and with `bf16: true`. All see the same learning rates.

The floor is the arithmetic of the tokens without padding at the measured rate of a linear layer: forwards and backwards
through frozen layers and attention, logits only where there is a loss, and gradients of the adapters.
"""

import tempfile
from collections.abc import Callable
from contextlib import nullcontext
from random import Random
from typing import Any
from unittest import mock

import torch
from accelerate.state import AcceleratorState
from measure import Summary, arguments, conclude, gemm_rate, ratio, take_turns, torch_linear
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import (
    DataCollatorForSeq2Seq,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Trainer,
    TrainingArguments,
)
from transformers.trainer_callback import PrinterCallback

from harness.weights import Example, Recipe, TrainingSettings, method_of
from harness.weights.training import IGNORED, batches, train

BATCH, RATE, SEED = 8, 1e-3, 0
VOCABULARY = 8192
CLOSE = 1e-4  # nats, between the losses of a step in float32
SETTINGS: dict[str, Any] = {
    "epochs": 1,
    "batch_size": BATCH,
    "learning_rate": RATE,
    "schedule": "linear",
    "warmup": 0.0,
}
PEER, OURS = "Trainer", "+ fused LoRA"
Losses = list[float]


class Pupil:
    """A Llama with new adapters at each `renew`, and the loss of each step since."""

    def __init__(self) -> None:
        torch.manual_seed(SEED)
        config = LlamaConfig(
            hidden_size=512,
            intermediate_size=1408,
            num_hidden_layers=8,
            num_attention_heads=8,
            num_key_value_heads=4,
            vocab_size=VOCABULARY,
            max_position_embeddings=512,
        )
        lora = {"rank": 8, "alpha": 16}
        recipe = Recipe(name="lora", method="lora", settings=lora, training=TrainingSettings(**SETTINGS))
        method, settings = method_of(recipe)
        self.model: Any = method.attach(LlamaForCausalLM(config), settings)
        self.losses: Losses = []
        self._learning = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        self._initial = [parameter.detach().clone() for parameter in self._learning]
        self.model.register_forward_hook(self._note)

    def renew(self) -> None:
        """Adapters and losses as at the beginning."""
        self.losses = []
        with torch.no_grad():
            for parameter, value in zip(self._learning, self._initial, strict=True):
                parameter.copy_(value)

    def _note(self, model: Any, inputs: Any, output: Any) -> None:
        if torch.is_grad_enabled():
            self.losses.append(output.loss.item())


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--steps", type=int, help="how many (default: 8, or 2 if quick)")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    pupil, theirs, short = (Pupil() for _ in range(3))  # accelerate leaves a model in the format it first trained in
    examples = instructions(BATCH * (options.steps or (2 if options.quick else 8)))
    ways: dict[str, Callable[[], Losses]] = {
        PEER: lambda: by_trainer(theirs, examples),
        "  group_by_length": lambda: by_trainer(theirs, examples, train_sampling_strategy="group_by_length"),
        "  bf16": lambda: by_trainer(short, examples, bf16=True),
        "packed": lambda: by_harness(pupil, examples, kernel=False, fused=False),
        "+ linear kernel": lambda: by_harness(pupil, examples, fused=False),
        OURS: lambda: by_harness(pupil, examples),
        "  bf16: true": lambda: by_harness(pupil, examples, bf16=True),
    }
    by_trainer(theirs, examples[:BATCH])  # the first time loads libraries
    by_harness(pupil, examples[:BATCH])
    timed = take_turns(ways, 2 if options.quick else 3)

    order = list(batches(examples, BATCH, Random(SEED)))
    lengths = [[len(example.prompt) + len(example.completion) for example in batch] for batch in order]
    real, padded = sum(map(sum, lengths)), sum(len(batch) * max(batch) for batch in lengths)
    print(f"{len(order)} steps, {real} tokens, {padded} with the Trainer's padding")
    print(f"{'':18} {'tokens/s':>9} {'ratio':>6} {'last loss':>10} {'max abs diff':>13}")
    peer = timed[PEER]
    gaps = {name: difference(one.result, peer.result) for name, one in timed.items()}
    for name, one in timed.items():
        gap = "-" if "group" in name else f"{gaps[name]:.1e}"
        print(f"{name:18} {real / one.median:9.0f} {ratio(peer, one):6.2f} {one.result[-1]:10.4f} {gap:>13}")
    rate = gemm_rate()
    floor = operations(pupil.model, examples) / rate
    print(f"floor: {real / floor:.0f} tokens/s at {rate / 1e9:.0f} GFLOP/s")
    if gaps[OURS] > CLOSE:
        print(f"the losses differ by {gaps[OURS]:.1e} nats, which is no rounding: these ways don't train alike")
    conclude(
        Summary(
            benchmark="training",
            ratio=ratio(peer, timed[OURS]),
            max_abs_diff=gaps[OURS],
            identical=gaps[OURS] <= CLOSE,
            unique_token_ratio=real / padded,
            floor_share=floor / timed[OURS].median,
        )
    )


def instructions(count: int) -> list[Example]:
    """Examples of random tokens, all lengths as likely."""
    chance = Random(SEED)

    def tokens(least: int, most: int) -> tuple[int, ...]:
        return tuple(chance.randrange(1, VOCABULARY) for _ in range(chance.randint(least, most)))

    return [Example(tokens(20, 200), tokens(5, 40)) for _ in range(count)]


def by_trainer(pupil: Pupil, examples: list[Example], **settings: Any) -> Losses:
    """The losses of the steps, with the harness' batches in its order, unless the settings sample otherwise."""
    pupil.renew()
    AcceleratorState._reset_state(reset_partial_state=True)  # else the first Trainer's number format is all others' too
    rows = [
        {
            "input_ids": [*example.prompt, *example.completion],
            "attention_mask": [1] * (len(example.prompt) + len(example.completion)),
            "labels": [*[IGNORED] * len(example.prompt), *example.completion],
        }
        for batch in batches(examples, BATCH, Random(SEED))
        for example in batch
    ]
    words: Any = Tokenizer(WordLevel({"<pad>": 0}))
    tokenizer: Any = PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>")  # type: ignore[no-untyped-call]
    with tempfile.TemporaryDirectory() as folder:
        plain: dict[str, Any] = {
            "output_dir": folder,
            "per_device_train_batch_size": BATCH,
            "num_train_epochs": 1,
            "learning_rate": RATE,
            "train_sampling_strategy": "sequential",
            "use_cpu": True,
            "report_to": "none",
            "save_strategy": "no",
            "disable_tqdm": True,
        }
        trainer = Trainer(
            model=pupil.model,
            args=TrainingArguments(**{**plain, **settings}),
            train_dataset=rows,
            data_collator=DataCollatorForSeq2Seq(tokenizer),
            processing_class=tokenizer,
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    return pupil.losses


def by_harness(
    pupil: Pupil, examples: list[Example], *, kernel: bool = True, fused: bool = True, bf16: bool = False
) -> Losses:
    """The losses of the steps."""
    pupil.renew()
    peft = mock.patch("harness.weights.training.speed.fused_lora", return_value=nullcontext())
    with nullcontext() if kernel else torch_linear(), nullcontext() if fused else peft:
        train(pupil.model, examples, TrainingSettings(**SETTINGS, bf16=bf16), seed=SEED)
    return pupil.losses


def difference(ours: Losses, theirs: Losses) -> float:
    """The largest between the losses of a step."""
    return max(abs(one - other) for one, other in zip(ours, theirs, strict=True))


def operations(model: Any, examples: list[Example]) -> float:
    """Of an epoch; two for each weight and token and direction, four for each attended pair and number of a query.

    Adapters need a third pass, for their gradients, and attention's backward pass is twice its forward pass.
    """
    lengths = [len(example.prompt) + len(example.completion) for example in examples]
    answers = sum(len(example.completion) for example in examples)
    config = model.config
    linear = {name: layer for name, layer in model.named_modules() if isinstance(layer, torch.nn.Linear)}
    head = config.vocab_size * config.hidden_size
    adapters = sum(layer.weight.numel() for layer in linear.values() if layer.weight.requires_grad)
    frozen = sum(layer.weight.numel() for layer in linear.values()) - adapters - head
    pairs = sum(length * (length + 1) // 2 for length in lengths)
    width = config.num_attention_heads * config.head_dim * config.num_hidden_layers
    of_layers = (4 * frozen + 6 * adapters) * sum(lengths)
    return float(of_layers + 4 * head * answers + 12 * width * pairs)


if __name__ == "__main__":
    main()
