"""How a large corpus is embedded and indexed: how fast, in how much memory, and what an interruption or a change costs.

    python benchmarks/corpus.py [--quick] [--passages N] [--threads N]

Documents of whole sentences, made up from a list of words, are cut into passages of at most 128 tokens, embedded with
the default embedder into a store, indexed and saved, each time by a process of its own. The first one is killed
(SIGKILL) when a third is embedded; the second goes on; then words are changed in one passage of a hundred, and a third
process indexes that. The peer, for the ratio, is embedding all of them anew for that change. A last one loads the index
and searches it. Peak memory is the kernel's count of resident pages, those of mapped files included.

The full size takes about three quarters of an hour on one core.
"""

import argparse
import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from embedding import sentences
from measure import Summary, arguments, conclude

from harness.retrieval import (
    Passage,
    build_index,
    embed,
    load_embedder,
    load_index,
    locate_embedder,
    model_hash,
    save_index,
    search,
)
from harness.retrieval.chunking import chunk
from harness.retrieval.settings import ChunkSettings
from harness.retrieval.store import embed_stored

CHUNKS = ChunkSettings(tokens=128, overlap=16)
LIMIT = 2e9  # bytes
QUERIES, K = 200, 10
SAMPLE = 100  # passages whose stored vectors are compared with new ones


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--passages", type=int, help="how many (default: 100,000, or 5,000 if quick)")
    parser.add_argument("--step", choices=["index", "change", "search"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    count = options.passages or (5_000 if options.quick else 100_000)
    torch.set_num_threads(options.threads)
    if options.step == "search":
        ask(options.folder)
    elif options.step:
        index(options.folder, count, changed=options.step == "change")
    else:
        with TemporaryDirectory() as folder:
            watch(Path(folder), count, options.threads)


def watch(folder: Path, count: int, threads: int) -> None:
    """Runs the steps, each in a process, and prints what they say."""
    command = [sys.executable, __file__, "--folder", str(folder), "--passages", str(count), "--threads", str(threads)]
    print(f"{count:,} passages\n{'':26} {'embedded':>9} {'seconds':>9} {'passages/s':>11} {'peak MB':>8}", flush=True)
    killed = interrupt([*command, "--step", "index"], folder, count // 3)
    resumed = step([*command, "--step", "index"])
    show("resumed", resumed)
    embedded = killed["embedded"] + resumed["embedded"]
    print(f"embedded again after the interruption: {embedded - resumed['distinct']}")
    changed = step([*command, "--step", "change"])
    show("1% changed", changed)
    asked = step([*command, "--step", "search"])
    print(f"loaded in {asked['load']:.2f} s, {QUERIES} queries searched in {asked['search']:.2f} s")
    peak = max(part["peak"] for part in (killed, resumed, changed, asked))
    print(f"peak of all: {peak / 1e6:.0f} MB, {'less' if peak < LIMIT else 'MORE'} than {LIMIT / 1e6:.0f} MB")
    anew = resumed["distinct"] / resumed["embedded"] * resumed["seconds"]
    conclude(
        Summary(
            benchmark="corpus",
            ratio=anew / changed["seconds"],
            max_abs_diff=asked["max_abs_diff"],
            identical=embedded == resumed["distinct"] and peak < LIMIT,
            unique_token_ratio=None,
            floor_share=None,
        )
    )


def interrupt(command: Sequence[str], folder: Path, after: int) -> dict[str, Any]:
    """Kills the process when so many passages are embedded."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None and stored(folder) < after:
        peak = max(peak, resident(process.pid))
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    embedded, seconds = stored(folder), time.perf_counter() - began
    print(f"{'killed (loading included)':26} {embedded:9,} {seconds:9.1f} {'':11} {peak / 1e6:8.0f}", flush=True)
    return {"embedded": embedded, "peak": peak}


def step(command: Sequence[str]) -> dict[str, Any]:
    """What the process says in the end."""
    said: dict[str, Any] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
    return said


def show(name: str, told: dict[str, Any]) -> None:
    rate = told["embedded"] / told["seconds"]
    print(f"{name:26} {told['embedded']:9,} {told['seconds']:9.1f} {rate:11.1f} {told['peak'] / 1e6:8.0f}")
    for part in ("cut", "build and save"):
        print(f"  {part:24} {'':9} {told[part]:9.1f}", flush=True)


def index(folder: Path, count: int, changed: bool) -> None:
    """Cuts, embeds, indexes and saves; says what was embedded and how long each took."""
    located = locate_embedder()
    model = load_embedder(located)
    embed(model, ["the first one loads libraries"], "document")
    texts = documents(count)
    began = time.perf_counter()
    passages = chunk(texts, model, CHUNKS)[:count]
    cut = time.perf_counter() - began
    if changed:
        passages[::100] = [Passage(p.id, f"Changed: {p.text}", p.document) for p in passages[::100]]
    before = stored(folder)
    began = time.perf_counter()
    vectors = embed_stored(folder / "store", model, [p.searched_text for p in passages], "document")
    seconds = time.perf_counter() - began
    began = time.perf_counter()
    (folder / "index").mkdir(exist_ok=True)
    save_index(build_index(passages, vectors, model_hash(located)), folder / "index")
    built = time.perf_counter() - began
    distinct = len({p.searched_text for p in passages})
    told = {"embedded": stored(folder) - before, "distinct": distinct, "seconds": seconds, "peak": resident()}
    print(json.dumps({**told, "cut": cut, "build and save": built}))


def ask(folder: Path) -> None:
    """Loads the index and searches it; says how long that took, and how far stored vectors are from new ones."""
    located = locate_embedder()
    model = load_embedder(located)
    began = time.perf_counter()
    loaded = load_index(folder / "index", model_hash(located))
    load = time.perf_counter() - began
    rows = np.random.default_rng(0).permutation(len(loaded.passages))[:QUERIES]
    queries = embed(model, [loaded.passages[row].text[:60] for row in rows], "query")
    began = time.perf_counter()
    search(loaded, queries, K)
    seconds = time.perf_counter() - began
    again = embed(model, [loaded.passages[row].searched_text for row in rows[:SAMPLE]], "document")
    difference = float(np.abs(again - loaded.vectors[rows[:SAMPLE]]).max())
    print(json.dumps({"load": load, "search": seconds, "max_abs_diff": difference, "peak": resident()}))


def documents(count: int) -> list[Passage]:
    """Texts of paragraphs, more than enough for so many passages."""
    chance = random.Random(0)
    written = sentences(chance)
    texts = []
    for number in range(count // 5 + 10):
        paragraphs = [
            " ".join(" ".join(next(written)) for _ in range(chance.randint(2, 9))) for _ in range(chance.randint(5, 9))
        ]
        texts.append(Passage(str(number), "\n\n".join(paragraphs), str(number)))
    return texts


def stored(folder: Path) -> int:
    """How many vectors the store holds."""
    return sum(len(np.load(path, mmap_mode="r")) for path in (folder / "store").glob("*.npy"))


def resident(process: int | str = "self") -> int:
    """The most bytes that a process has had in memory."""
    try:
        lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1_024 for line in lines if line.startswith("VmHWM")), 0)


if __name__ == "__main__":
    main()
