"""Pretrain the pocket base model from random weights: `python -m suites.pocket.pretrain --out suites/pocket/base`.

Trains the tokenizer (byte-level BPE, digits split), then a small Llama on endless random documents by a
curriculum: one passage, then copying, then several passages. It measures by task as it goes and can be
interrupted and resumed from its last checkpoint.
"""

import argparse
import copy
import json
import math
import multiprocessing
import os
import time
from pathlib import Path
from random import Random

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from suites.pocket.pretraining_documents import KINDS_OF_DOCUMENT, Document, closed_book, reading
from suites.pocket.world import Attribute

VOCABULARY = 2048
WIDTH, LAYERS, HEADS = 256, 4, 8
BATCH_TOKENS = 6_144
MUON_RATE = ADAM_RATE = 2e-3
END = "<|end|>"
PADDING = "<|pad|>"
KEPT_BACKGROUND = 0.15
ROPE_THETA = 500.0
STEPS = 3_000
LESSONS = {
    # shares of the kinds of document at a step; between two steps they move linearly
    0: {"one": 25, "echo": 30, "couples": 20, "list": 15, "closed": 10},
    450: {"one": 15, "echo": 12, "couples": 15, "list": 18, "reprint": 20, "restated": 10, "closed": 12, "log": 3},
    1125: {
        "one": 6,
        "couples": 5,
        "list": 8,
        "reprint": 18,
        "restated": 18,
        "several": 22,
        "once": 5,
        "closed": 12,
        "log": 3,
    },
    2100: {
        "one": 4.3,
        "couples": 0.7,
        "list": 3.7,
        "reprint": 7.6,
        "restated": 12.8,
        "several": 35.8,
        "once": 11.1,
        "distracted": 5.2,
        "closed": 15.5,
        "log": 3,
    },
    2101: {
        "one": 2,
        "list": 1,
        "reprint": 2,
        "restated": 3,
        "paraphrased": 50,
        "once": 12,
        "distracted": 10,
        "closed": 17,
        "log": 3,
    },
}


def train_tokenizer(documents: int = 60_000, seed: int = 7) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer of `VOCABULARY` tokens trained on `documents` random documents."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[END, PADDING],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    random = Random(seed)
    kinds = ["several", "list", "list", "closed", "log"]
    texts = ("".join(text for text, _ in KINDS_OF_DOCUMENT[kinds[i % len(kinds)]](random)) for i in range(documents))
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=END, pad_token=PADDING, clean_up_tokenization_spaces=False
    )


def shares(step: int) -> dict[str, float]:
    """The share of each kind of document at `step`."""
    starts = sorted(LESSONS)
    before = max(start for start in starts if start <= step)
    after = min((start for start in starts if start > step), default=before)
    part = 0.0 if after == before else (step - before) / (after - before)
    return {
        kind: (1 - part) * LESSONS[before].get(kind, 0) + part * LESSONS[after].get(kind, 0)
        for kind in KINDS_OF_DOCUMENT
    }


def rate(step: int, warmup: int = 100, slow: int = 4_500, finish: int = 2_100) -> float:
    """The learning rate at `step` as a share of its peak: a slow cosine, then straight down to zero at `STEPS`."""
    cosine = 0.05 + 0.95 * (1 + math.cos(math.pi * min(step, finish) / slow)) / 2
    falling = min(1.0, (STEPS - step) / (STEPS - finish))
    return min((step + 1) / warmup, cosine * falling)


class Encoder:
    """Turns documents into token ids and loss weights."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self._tokenizer = tokenizer.backend_tokenizer
        self._end = tokenizer.eos_token_id

    def __call__(self, documents: list[Document]) -> list[tuple[list[int], list[float]]]:
        pieces = [text for document in documents for text, _ in document]
        encoded = iter(self._tokenizer.encode_batch_fast(pieces, add_special_tokens=False))
        rows = []
        for document in documents:
            ids: list[int] = []
            weights: list[float] = []
            for _, weight in document:
                piece = next(encoded).ids
                after_answer = bool(weights) and weights[-1] == 1.0
                ids += piece
                weights += [0.2 if after_answer and not i else weight for i in range(len(piece))]
            rows.append(([*ids, self._end], [*weights, 0.2]))
        return rows


def batches(tokenizer_file: str, queue: multiprocessing.Queue, first: int, seed: int) -> None:
    """Producer process: puts `(ids, positions, targets, weights)` for every step from `first` on."""
    torch.set_num_threads(1)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    encode = Encoder(PreTrainedTokenizerFast.from_pretrained(tokenizer_file))
    step = first
    while step < STEPS:
        random = Random(f"{seed}:{step}")
        mixture = shares(step)
        kinds = random.choices(list(mixture), list(mixture.values()), k=60 * 8)
        rows = sorted(encode([KINDS_OF_DOCUMENT[kind](random) for kind in kinds]), key=lambda row: len(row[0]))
        groups: list[list[tuple[list[int], list[float]]]] = [[]]
        for row in rows:
            if (len(groups[-1]) + 1) * len(row[0]) > BATCH_TOKENS:
                groups.append([])
            groups[-1].append(row)
        random.shuffle(groups)
        for group in groups:
            if step < STEPS:
                # arrays, since tensors on a queue die with the process that sent them
                queue.put([tensor.numpy() for tensor in collate(group, random)])
                step += 1


def collate(rows: list[tuple[list[int], list[float]]], random: Random) -> tuple[torch.Tensor, ...]:
    """Pads `rows` on the right and picks the positions that carry loss; ids are `(rows, time) int64`."""
    width = max(len(ids) for ids, _ in rows)
    ids = torch.ones(len(rows), width, dtype=torch.long)
    positions, targets, weights = [], [], []
    for i, (row, row_weights) in enumerate(rows):
        ids[i, : len(row)] = torch.tensor(row)
        for j in range(1, len(row)):
            weight = row_weights[j]
            if weight < 0.05:
                if random.random() > KEPT_BACKGROUND:
                    continue
                weight /= KEPT_BACKGROUND
            positions.append(i * width + j - 1)
            targets.append(row[j])
            weights.append(weight)
    return ids, torch.tensor(positions), torch.tensor(targets), torch.tensor(weights)


def paraphrase_only(name: str, asked: Attribute, random: Random) -> str:
    """A question in one of the rare wordings."""
    return random.choice(asked.paraphrases).format(ship=name)


@torch.no_grad()
def measure(model: LlamaForCausalLM, encode: Encoder, documents: int = 48) -> dict[str, float]:
    """Share of answer tokens predicted right, by task, on documents that training never sees."""
    random = Random("measure")
    tasks = {f"read {n}": [reading(n, 2, random) for _ in range(documents)] for n in (1, 2, 3, 4)}
    tasks |= {
        kind: [KINDS_OF_DOCUMENT[kind](random) for _ in range(documents // 2)]
        for kind in ("echo", "couples", "list", "reprint", "restated")
    }
    tasks["paraphrased"] = [reading(3, 2, random, paraphrase_only) for _ in range(documents)]
    tasks["closed"] = [closed_book(8, random) for _ in range(documents)]
    figures = {}
    for task, made in tasks.items():
        rows = encode(made)
        ids, *_ = collate(rows, random)
        with torch.autocast("cpu", torch.bfloat16):
            guessed = model(ids[:, :-1]).logits.argmax(-1)
        marks = torch.tensor([[w == 1.0 for w in ws] + [False] * (ids.shape[1] - len(ws)) for _, ws in rows])[:, 1:]
        figures[task] = (guessed == ids[:, 1:])[marks].float().mean().item()
    return figures


@torch.no_grad()
def look_back(model: LlamaForCausalLM, strength: float = 3.0) -> None:
    """Lets head h of the first layer begin by attending h + 1 tokens back, through its biases.

    A rotary score between positions m and n is largest where the phases of query and key differ by (m - n) times
    the frequency. Without this (or without biases at all) a model of this size finds no previous-token head in
    thousands of steps, and without one it can't learn to copy.
    """
    attention = model.model.layers[0].self_attn
    half = attention.head_dim // 2
    frequencies = model.model.rotary_emb.inv_freq
    for head in range(model.config.num_attention_heads):
        start = head * attention.head_dim
        phases = (head + 1) * frequencies
        attention.q_proj.bias[start : start + half] = strength * phases.cos()
        attention.q_proj.bias[start + half : start + 2 * half] = -strength * phases.sin()
        attention.k_proj.bias[start : start + half] = strength
        attention.k_proj.bias[start + half : start + 2 * half] = 0.0


def new_model(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """The base before it has seen anything."""
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=WIDTH,
            intermediate_size=WIDTH * 11 // 4,
            num_hidden_layers=LAYERS,
            num_attention_heads=HEADS,
            num_key_value_heads=HEADS,
            max_position_embeddings=1024,
            rope_parameters={"rope_type": "default", "rope_theta": ROPE_THETA},
            attention_bias=True,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    look_back(model)
    return model


class Optimizers:
    """Muon for the matrices of the layers, AdamW for embeddings, norms and biases."""

    def __init__(self, model: LlamaForCausalLM) -> None:
        matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n and "lm_head" not in n]
        rest = [p for n, p in model.named_parameters() if p.ndim != 2 or "embed" in n]
        muon = torch.optim.Muon(
            matrices, lr=MUON_RATE, momentum=0.95, weight_decay=0.02, adjust_lr_fn="match_rms_adamw"
        )
        adam = torch.optim.AdamW(rest, lr=ADAM_RATE, betas=(0.9, 0.98), weight_decay=0.0)
        self.all: tuple[tuple[torch.optim.Optimizer, float], ...] = ((muon, MUON_RATE), (adam, ADAM_RATE))

    def step(self, share: float) -> None:
        """One step at `share` of the peak rates; clears the gradients."""
        for optimizer, peak in self.all:
            for group in optimizer.param_groups:
                group["lr"] = peak * share
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)


def save(out: Path, step: int, model: LlamaForCausalLM, optimizers: Optimizers) -> None:
    """Writes the model as it will be shipped, and a checkpoint to go on from."""
    copy.deepcopy(model).to(torch.float16).save_pretrained(out)
    states = [optimizer.state_dict() for optimizer, _ in optimizers.all]
    torch.save({"step": step, "model": model.state_dict(), "optimizers": states}, out / "checkpoint.pt")


def resume(out: Path, model: LlamaForCausalLM, optimizers: Optimizers) -> int:
    """Loads the last checkpoint, if there is one; returns the step to go on with."""
    if not (out / "checkpoint.pt").exists():
        return 0
    state = torch.load(out / "checkpoint.pt", weights_only=True)
    model.load_state_dict(state["model"])
    for (optimizer, _), saved in zip(optimizers.all, state["optimizers"], strict=True):
        optimizer.load_state_dict(saved)
    return int(state["step"])


def pretrain(out: Path, seed: int, every: int) -> None:
    """Runs all lessons, measuring and saving `every` so many steps."""
    if not (out / "tokenizer.json").exists():
        train_tokenizer().save_pretrained(out)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(out)
    torch.manual_seed(seed)
    model, encode = new_model(tokenizer), Encoder(tokenizer)
    optimizers = Optimizers(model)
    first = resume(out, model, optimizers)
    read = torch.compile(model.model, dynamic=True)
    queue: multiprocessing.Queue = multiprocessing.Queue(8)
    multiprocessing.Process(target=batches, args=(str(out), queue, first, seed), daemon=True).start()
    begun, seen, losses = time.monotonic(), 0, []
    for step in range(first, STEPS):
        ids, positions, targets, weights = map(torch.from_numpy, queue.get())
        with torch.autocast("cpu", torch.bfloat16):
            logits = model.lm_head(read(ids).last_hidden_state.flatten(0, 1)[positions])
        each = torch.nn.functional.cross_entropy(logits.float(), targets, reduction="none")
        loss = (each * weights).sum() / weights.sum()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizers.step(rate(step))
        seen += ids.numel()
        losses.append(loss.item())
        if (step + 1) % every == 0 or step + 1 == STEPS:
            seconds = time.monotonic() - begun
            row = {"step": step + 1, "loss": sum(losses) / len(losses), **measure(model, encode)}
            row |= {"tokens_per_second": seen / seconds, "minutes": seconds / 60}
            losses.clear()
            with (out / "curve.jsonl").open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(" ".join(f"{k} {v:.3g}" for k, v in row.items()), flush=True)
            save(out, step + 1, model, optimizers)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--every", type=int, default=150, help="steps between measurements and checkpoints")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    pretrain(options.out, options.seed, options.every)
