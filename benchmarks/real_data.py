"""Runs `harness compare` end to end on every suite that is defined over real data, on a `--limit`.

    python benchmarks/real_data.py [--quick] [--limit N] [--data FOLDER] [--model MODEL] [--only SUITE,…] [--out FOLDER]

The data lie in ../shared/data and the base model, by default the 260,032 parameters of stories260K, in
../shared/models; what isn't there is skipped with a word. The model is far too small for these tasks: what is looked at
is whether every variant is built and scored on every split, what is retrieved, and where errors come from. The script
fails where a split or variant is missing, where the shares of an attribution don't add up, or where the oracle misses
evidence.

Quick asks three cases a split and trains nothing. Runs are kept in `--out` (by default in the temporary folder).
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from harness.comparison import Comparison, Lookup
from harness.errors import InputError
from harness.pipeline import CompareConfig, run_comparison
from harness.reporting.progress import TerminalProgress

SHARED = Path(__file__).parents[2] / "shared"
TRAINED = ("lora/zero-shot", "lora@0.5/zero-shot")
PLAIN = ("base/zero-shot", "base/few-shot-2")
RETRIEVING = ("base/rag-3", "base/rag-3:bm25", "base/rag-3:hybrid", "base/rag-3:oracle", "base/rag-3:random")
SUITES = {
    "open-book-qa": (*PLAIN[:1], *RETRIEVING, *TRAINED[:1], "lora/rag-3"),
    "knowledge-update": (*PLAIN[:1], *RETRIEVING, *TRAINED[:1], "lora/rag-3"),
    "yes-no": (*PLAIN[:1], *RETRIEVING, *TRAINED),
    "intents": (*PLAIN[:1], *TRAINED),
    "sentence-pairs": (*PLAIN, *TRAINED),
    "commonsense": (*PLAIN[:1], *TRAINED),
    "arithmetic": (*PLAIN[:1], *TRAINED),
}
ONE_EPOCH = {"lora": {"training": {"epochs": 1, "batch_size": 32, "learning_rate": 1e-2}}}
SMALL_PASSAGES = {"chunk": {"tokens": 64, "overlap": 8}}  # of which the window of 512 tokens holds one or two


def main() -> int:
    options = _options()
    console = Console()
    problems = []
    for suite in options.only.split(",") if options.only else SUITES:
        variants = [name for name in SUITES[suite] if not (options.quick and name.startswith("lora"))]
        begun = time.perf_counter()
        try:
            comparison = _run(suite, variants, options, console)
        except InputError as error:
            if "there is no" not in str(error):
                raise
            console.print(f"{suite}: skipped: {error}", soft_wrap=True)
            continue
        found = list(_problems(comparison, variants))
        problems += [f"{suite}: {problem}" for problem in found]
        console.print(_table(suite, comparison, time.perf_counter() - begun))
    for problem in problems:
        console.print(f"[bold red]{problem}[/]")
    console.print(f"{'FAILED' if problems else 'OK'}: {len(problems)} problems")
    return 1 if problems else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="three cases a split, nothing trained")
    parser.add_argument("--limit", type=int, default=50, help="cases a split (default: 50)")
    parser.add_argument("--data", type=Path, default=SHARED / "data")
    parser.add_argument("--model", default=str(SHARED / "models" / "stories260K"))
    parser.add_argument("--only", help=f"some of {', '.join(SUITES)}")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    options.out = options.out or Path(tempfile.mkdtemp(prefix="real-data-"))
    return options


def _run(suite: str, variants: list[str], options: argparse.Namespace, console: Console) -> Comparison:
    config = CompareConfig(
        suite=suite,
        data=options.data,
        model=options.model,
        variants=tuple(variants),
        limit=3 if options.quick else options.limit,
        recipes=ONE_EPOCH,
        retrieval=SMALL_PASSAGES,
        out=options.out / suite,
        device="cpu",
    )
    with TerminalProgress(console) as progress:
        return run_comparison(config, progress).comparison


def _problems(comparison: Comparison, variants: list[str]) -> Iterator[str]:
    lookup = Lookup(comparison)
    yield from (f"{failure.variant} failed: {failure.reason}" for failure in comparison.failures)
    for split in comparison.splits:
        yield from (f"{name} has no score on {split.name}" for name in variants if not lookup.cell(name, split.name))
    for found in comparison.attribution:
        if sum(found.model_dump(exclude={"variant", "split", "n"}).values()) != found.n:
            yield f"{found.variant} on {found.split}: the attribution doesn't add up"
        if found.variant.endswith(":oracle") and found.not_retrieved:
            yield f"{found.variant} on {found.split}: {found.not_retrieved} cases without all their evidence"


def _table(suite: str, comparison: Comparison, seconds: float) -> Table:
    lookup = Lookup(comparison)
    table = Table(title=f"{suite}, {seconds:.0f} s", title_justify="left")
    table.add_column("variant")
    for split in comparison.splits:
        table.add_column(f"{split.name}\n{split.kind}, {split.n}\n{lookup.primary[split.name]}", justify="right")
    for variant in comparison.variants:
        cells = (_cell(lookup, variant.name, split.name) for split in comparison.splits)
        table.add_row(variant.name, *cells)
    return table


def _cell(lookup: Lookup, variant: str, split: str) -> str:
    """The primary score in percent, `u` for how many are unscored, `r` for recall of what was retrieved."""
    cell = lookup.cell(variant, split)
    recall = lookup.cell(variant, split, "recall@3")
    parts = [f"{100 * cell.mean:.0f}" if cell and cell.mean is not None else "-"]
    parts += [f"u{cell.unscored}"] if cell and cell.unscored else []
    parts += [f"r{100 * recall.mean:.0f}"] if recall and recall.mean is not None else []
    return " ".join(parts)


if __name__ == "__main__":
    raise SystemExit(main())
