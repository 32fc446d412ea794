"""`kill -9` at any moment, then the same command: it goes on where it was, to the same bytes."""

import json
import os
import random
import re
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from forked import Command, Forks

from harness.errors import InputError
from harness.runs import RunFolder

KILLS = 20
WRITES = 240  # about as many as an undisturbed run has
RECORDS = ("comparison.json", "scores.jsonl", "cases.jsonl", "passages.jsonl")


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    """Where the killed commands come from."""
    with Forks() as server:
        yield server


@pytest.fixture
def arguments(suite: Path, tiny_base: Path, tmp_path: Path) -> tuple[str, ...]:
    """A short run with one of everything: an index, two trainings, an interpolation."""
    training = "{epochs: 3, batch_size: 2, learning_rate: 0.01}"
    recipes = f"recipes:\n  full: {{training: {training}}}\n  lora: {{training: {training}}}\n"
    (tmp_path / "ask.yaml").write_text(f"suite: {suite}\nmodel: {tiny_base}\nout: run\n{recipes}", encoding="utf-8")
    variants = "base/zero-shot,base/rag-2,lora/zero-shot,full@0.5/rag-2"
    return ("compare", "--config", str(tmp_path / "ask.yaml"), "--variants", variants)


@pytest.fixture
def fresh(tmp_path: Path):
    """A folder without a run and with an empty cache."""

    def make(name: str) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        return folder

    return make


def records(folder: Path) -> dict[str, bytes]:
    """What a repeated run gives to the byte, by name."""
    run = folder / "run"
    prompts = sorted(path.relative_to(run).as_posix() for path in (run / "prompts").rglob("*.jsonl"))
    return {name: (run / name).read_bytes() for name in (*RECORDS, *prompts)}


def left_over(folder: Path) -> list[str]:
    """Files of writes and builds that were never finished."""
    marks = (".part", ".tmp", ".building", ".unfinished")
    return [path.name for path in folder.rglob("*") if path.name.endswith(marks)]


def built(folder: Path) -> Counter[str]:
    """How often each artifact was finished, by its kind and key."""
    return Counter((folder / "built.txt").read_text(encoding="utf-8").splitlines())


def disturbed(forks: Forks, command: Command, draw: random.Random, seconds: float, kills: int) -> int:
    """Repeats `command` until it ends by itself, killed up to `kills` times; returns how often it was."""
    killed = 0
    while True:
        inside = killed % 2 == 1  # a write, or else any moment, of the first third of what a whole run takes
        left = killed < kills
        at = draw.randint(1, WRITES // 3) if left and inside else 0
        process = forks.start(replace(command, kill_at_write=at))
        if left and not inside:
            time.sleep(draw.uniform(0, seconds / 3))  # this is the moment; nothing is waited for
            with suppress(ProcessLookupError):  # it was quicker
                os.kill(process, signal.SIGKILL)
        code = forks.wait()
        assert code in (0, -signal.SIGKILL), Path(command.folder, "output.txt").read_text()
        if not code:
            return killed
        killed += 1


def test_killed_at_any_moment_it_goes_on_to_the_same_bytes(forks, arguments, fresh):
    """Twenty kills, every second one inside a write: then the run ends as the undisturbed one did, and leaves nothing.

    Nothing that was finished is built again. A run that ends between two kills begins anew, with an empty cache.
    """
    straight = fresh("straight")
    begun = time.monotonic()
    assert forks.run(Command(str(straight), arguments)) == 0, (straight / "output.txt").read_text()
    seconds, expected = time.monotonic() - begun, records(straight)
    draw, kills, rounds = random.Random(7), 0, 0
    while kills < KILLS:
        rounds += 1
        folder = fresh(f"round-{rounds}")
        kills += disturbed(forks, Command(str(folder), arguments), draw, seconds, KILLS - kills)
        assert records(folder) == expected
        assert left_over(folder) == []
        assert set(built(folder).values()) == {1}
        RunFolder.existing(folder / "run").verify()
    assert rounds < KILLS


def test_two_cold_runs_give_the_same_bytes(forks, arguments, fresh):
    """With another seed of hashes and another cache all records are the same, but for what a clock has measured."""
    first, second = fresh("first"), fresh("second")
    assert forks.run(Command(str(first), arguments)) == 0
    with Forks(seed="1") as others:
        assert others.run(Command(str(second), arguments)) == 0
    assert records(first) == records(second)
    assert untimed(first) == untimed(second)
    assert (first / "run" / "costs.json").read_bytes() != (second / "run" / "costs.json").read_bytes()


def test_a_flipped_byte_is_noticed_and_the_same_command_mends_it(forks, arguments, fresh):
    """In any file of the run: reports and gates name it and end with code 2, and the run is whole when repeated."""
    folder = fresh("flipped")
    command = Command(str(folder), (*arguments[:-1], "base/zero-shot,base/rag-2"))
    assert forks.run(command) == 0
    run = RunFolder.existing(folder / "run")
    kept, draw = records(folder), random.Random(7)
    for name in [*run.read_json("run.json")["files"], "run.json"]:
        path = run.path / name
        whole = path.read_bytes()
        flipped = bytearray(whole or b"0")
        flipped[draw.randrange(len(flipped))] ^= 1
        path.write_bytes(flipped)
        with pytest.raises(InputError, match=rf"{re.escape(name)}: [\s\S]*[Rr]epeat the"):
            run.verify()
        path.write_bytes(whole)
    run.verify()
    (run.path / "scores.jsonl").write_bytes(kept["scores.jsonl"].replace(b"1.0", b"0.0", 1) + b" ")
    for told in (("report", "run"), ("gate", "run", "--baseline", "run")):
        assert forks.run(Command(str(folder), told)) == 2
    assert forks.run(command) == 0
    assert records(folder) == kept
    run.verify()
    assert forks.run(Command(str(folder), ("report", "run"))) == 0


def untimed(folder: Path) -> dict[str, list[str]]:
    """All other files that a run vouches for, its predictions without their seconds."""
    run = folder / "run"
    names = json.loads((run / "run.json").read_text(encoding="utf-8"))["files"].keys() - {"costs.json"}
    return {
        name: [re.sub(r'"seconds": [^,]*, ', "", line) for line in (run / name).read_text(encoding="utf-8").split("\n")]
        for name in sorted(names)
    }
