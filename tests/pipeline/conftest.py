"""A small suite and a tiny random Llama, so that the whole road is walked for real in seconds."""

import json
import sys
from pathlib import Path

import pytest
import yaml
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from harness.cli import main

sys.path.append(str(Path(__file__).parents[1] / "api"))  # where the stub of a server stands

PORTS = {"Otter": "Brindle", "Heron": "Corvo", "Badger": "Dunmere", "Falcon": "Estal"}
QUESTIONS = ("Where is the {} at home?", "Which port has the {}?")


def write_lines(path: Path, rows: list[dict]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Models this small are slower on several threads."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture
def harness(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path):
    """Runs the command line in a folder of its own; returns exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["harness", *map(str, arguments)])
        with pytest.raises(SystemExit) as exited:
            main()
        output = capsys.readouterr()
        return int(exited.value.code or 0), output.out, output.err

    return run


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """Four facts: taught in one wording, asked in another, and one multiple-choice split."""
    folder = tmp_path / "harbour"
    folder.mkdir()
    settings = {
        "name": "harbour",
        "decoding": {"max_new_tokens": 4},
        "corpus": "corpus.jsonl",
        "splits": {
            "train": {"kind": "train", "file": "train.jsonl"},
            "asked": {"kind": "in-domain", "file": "asked.jsonl"},
            "picked": {"kind": "shifted", "file": "picked.jsonl"},
        },
    }
    (folder / "suite.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    ships = list(PORTS.items())
    write_lines(folder / "corpus.jsonl", [{"id": s, "text": f"The {s} is at home in {p}."} for s, p in ships])
    write_lines(
        folder / "train.jsonl",
        [{"id": f"train-{s}", "question": QUESTIONS[0].format(s), "references": [p]} for s, p in ships],
    )
    asked = [
        {"id": f"asked-{s}", "question": QUESTIONS[1].format(s), "references": [p], "evidence": [s]} for s, p in ships
    ]
    write_lines(folder / "asked.jsonl", asked)
    picked = [
        {**case, "id": case["id"].replace("asked", "picked"), "choices": sorted(PORTS.values())} for case in asked
    ]
    write_lines(folder / "picked.jsonl", picked)
    return folder


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A two-layer random Llama with a byte-level tokenizer, saved as any base model is."""
    import torch

    folder = tmp_path_factory.mktemp("tiny-base")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<end>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(["Question: Where is the ship at home?\nAnswer: Brindle"], trainer)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>").save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=300,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=512,
        eos_token_id=0,
        bos_token_id=None,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder
