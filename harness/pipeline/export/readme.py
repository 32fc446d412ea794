"""What an export says of itself: its README. Names and texts of suites are untrusted and stand in code spans."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from harness.comparison import Lookup
from harness.comparison.phrases import printable
from harness.pipeline.export.model import Written
from harness.pipeline.export.source import Source

_USE = """## Use

```bash
pip install -r requirements.txt
python answer.py "QUESTION"                  # answers
python answer.py "QUESTION" --choices A B    # chooses by log-likelihood
python answer.py --check                     # answers the cases in check.json as they were recorded, or exits with 1
sha256sum -c SHA256SUMS                      # nothing was changed
```"""


def readme(source: Source, written: Written, settings: dict[str, Any], folder: Path) -> str:
    """The README of the export in `folder`, which holds all else already."""
    parts = [_what(source, written), _USE, _contents(source, written, settings, folder), _scores(source)]
    return "\n\n".join(part for part in (*parts, _recipes(source), _data(source)) if part) + "\n"


def _what(source: Source, written: Written) -> str:
    base, alpha = source.manifest["base"], source.alpha
    lines = [
        f"# {_code(source.variant)}",
        "",
        f"One variant of a comparison on the suite {_code(source.plan.suite.name)}, exported for use. It was checked: "
        "in a process of its own it answered recorded cases of that comparison as they were scored.",
        "",
        f"- base model: {_code(base['model'])}, SHA-256 of its files {_code(base['hash'])}{_revision(source)}",
        f"- model here: {written.form}, computed in {str(source.plan.hardware.dtype).removeprefix('torch.')}",
        f"- seed: {', '.join(map(str, source.seeds))}" if source.variant.weights.trained else f"- seed: {source.seed}",
    ]
    if source.variant.weights.alpha == "best":
        lines.append(f"- alpha: {alpha:g}, which did best on validation")
    if written.adapter and written.alpha != 1:
        lines.append(f"- alpha: {written.alpha:g}; assistant.py multiplies what the adapter adds by it")
    lines.append(f"- signature of the comparison: {_code(source.manifest['signature'])}")
    if written.needs_harness:
        lines += ["", "**The adapter is of a kind that peft knows only after `import harness`: install harness too.**"]
    return "\n".join(lines)


def _revision(source: Source) -> str:
    """The commit of a model of the hub, which is the name of its folder in the hub's cache."""
    path = source.plan.base.path
    return f", revision {_code(path.name)}" if path.parent.name == "snapshots" else ""


def _contents(source: Source, written: Written, settings: dict[str, Any], folder: Path) -> str:
    rows = ["- `model/`: weights, configuration and tokenizer in Hugging Face format"]
    if written.adapter:
        rows += ["- `adapter/`: in peft's format; `PeftModel.from_pretrained` puts it on the model"]
    rows += list(_retrieval(settings["retrieval"], folder)) if settings["retrieval"] else []
    chat = ", in turns of the tokenizer's chat template" if settings["prompt"]["chat_template"] else ""
    rows += [
        f"- `settings.json`: the prompt's templates and worked examples{chat}, decoding, and how passages are found"
    ]
    rows += ["- `check.json`: the recorded cases; `answer.py` and `assistant.py`: read all of this"]
    return "## Contents\n\n" + "\n".join(rows)


def _retrieval(settings: dict[str, Any], folder: Path) -> Iterator[str]:
    date = settings["as_of"]
    told = f"the corpus as of {date}, the newest that was asked" if date else "the latest corpus"
    size = sum(path.stat().st_size for path in (folder / "retrieval").rglob("*") if path.is_file())
    yield f"- `retrieval/` ({size / 1e6:.0f} MB): {told}, of which prompts show {settings['passages']} passages"
    if settings["embedder"]:
        flat = not (folder / "retrieval" / "index.faiss").exists()
        yield "  - `vectors.npy`: one unit vector a passage" + (
            "; they are a flat FAISS index (`faiss.IndexFlatIP`), since there is no other structure" if flat else ""
        )
    for name in ("embedder", "reranker"):
        if model := settings[name]:
            yield f"  - `{name}/`: a copy of {_code(model['name'])}, SHA-256 of its files {_code(model['sha256'])}"


def _scores(source: Source) -> str:
    """The variant's means on every split, with their 95% intervals."""
    lookup = Lookup(source.comparison)
    rows = ["| split | kind | metric | mean | 95% interval | cases |", "| --- | --- | --- | ---: | ---: | ---: |"]
    for split in source.comparison.splits:
        cell = lookup.cell(str(source.variant), split.name)
        if cell is None:
            continue
        means = ["unscored", ""] if cell.mean is None else [f"{cell.mean:.3f}", f"{cell.low:.3f} to {cell.high:.3f}"]
        cells = [_code(split.name), split.kind, _code(cell.metric), *means, str(cell.n)]
        rows.append(f"| {' | '.join(one.replace('|', '/') for one in cells)} |")
    dated = sorted({str(split.as_of) for split in source.plan.suite.tests if split.as_of})
    if source.variant.context.passages and len(dated) > 1:
        rows += ["", f"Splits were asked against the corpus as of {', '.join(dated)}; only the newest is here."]
    verdict = f"The comparison's verdict: {_code(source.comparison.decision.sentence)}"
    return "\n".join(["## Scores", "", *rows, "", verdict])


def _recipes(source: Source) -> str:
    """The recipes that were trained, as YAML, indented so that nothing in them can end it."""
    shown = []
    for name in source.variant.weights.stages:
        recipe = source.plan.recipes[name].model_dump(mode="json", exclude={"search"})
        learnt = recipe["data"]
        # paths of one machine say nothing elsewhere
        learnt["suites"] = [Path(suite).name for suite in learnt["suites"]]
        learnt["continue_from"] = learnt["continue_from"] and Path(learnt["continue_from"]).name
        shown.append(recipe)
    if not shown:
        return ""
    text = yaml.safe_dump_all(shown, sort_keys=False, allow_unicode=False)
    return "## Recipe\n\n" + "\n".join(f"    {line}" for line in text.splitlines())


def _data(source: Source) -> str:
    """Where the suite's data came from, and under which licences, as far as the suite says."""
    suite = source.comparison.suite
    lines = [f"- {_code(line)}" for line in (*suite.sources, *suite.notes)]
    told = lines or ["The suite names no sources and no licences for its data."]
    also = "The licences of the base model and of copied embedders and rerankers hold here too; see their own files."
    return "\n".join(["## Data and licences", "", *told, "", also])


def _code(text: object) -> str:
    """`text` as a code span; a backtick in it is shown as an apostrophe."""
    return f"`{printable(str(text)).replace('`', chr(39))}`"
