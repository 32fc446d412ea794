"""The options of `harness compare`, by the panels of its help; `harness report` has some of them too."""

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from harness.commands.console import names, pairs

_compared = partial(typer.Option, rich_help_panel="What to compare")
_names = partial(_compared, parser=names, metavar="A,B,…")  # Any below: a tuple, which typer would take for many values
_hardware = partial(typer.Option, rich_help_panel="Model and hardware")
_training = partial(typer.Option, rich_help_panel="Training")
_server = partial(typer.Option, rich_help_panel="Model behind a server")
_decision = partial(typer.Option, rich_help_panel="Decision")
_workers = partial(typer.Option, rich_help_panel="Many workers")
_trusted = partial(typer.Option, rich_help_panel="Code of others")
_output = partial(typer.Option, rich_help_panel="Output")


def _served_models(listed: str) -> dict[str, str] | None:
    return pairs(listed, "--served")


Suite = Annotated[str | None, typer.Argument(metavar="SUITE", help="Name or folder of a suite. Default: pocket.")]
SuiteOption = Annotated[str | None, _compared("--suite", metavar="SUITE", help="The same as the argument.")]
Config = Annotated[
    Path | None, _compared(metavar="FILE", help="YAML file that asks for the same and more. Options win.")
]
Data = Annotated[
    Path | None, _compared(metavar="DIR", help="The data that a suite names but doesn't hold. Default: the hub.")
]
Variants = Annotated[Any, _names(help="Variants, such as base/zero-shot,full@0.5/rag-3.")]
Weights = Annotated[Any, _names(help="Weights, such as base,full@0.5,'full>lora' or all; times --contexts.")]
Contexts = Annotated[Any, _names(help="Contexts, such as zero-shot,few-shot-4,rag-3:hybrid; times --weights.")]
Splits = Annotated[Any, _names(help="Test splits. Default: all.")]
Retention = Annotated[Any, _names(help="Tasks of lm-evaluation-harness as retention splits: lm_eval:arc_easy.")]
Limit = Annotated[int | None, _compared(metavar="N", help="Ask only the first N cases of each split.")]

Model = Annotated[
    str | None,
    _hardware(help="Base model: ID or ID@REVISION of the hub, folder, or name on the server. Default: the suite's."),
]
Device = Annotated[str | None, _hardware(help="cpu, cuda, … Default: cuda where there is one.")]
Dtype = Annotated[str | None, _hardware(help="float32, bfloat16 or float16. Default: float32.")]
LoadIn = Annotated[str | None, _hardware(help="4bit or 8bit for the base's linear layers. Default: as --dtype.")]
DeviceMap = Annotated[str | None, _hardware(help="auto spreads the base over devices, memory and disk. Default: none.")]
Backend = Annotated[str | None, _hardware(help="What answers: engine or vllm. Default: engine.")]

Seeds = Annotated[int | None, _training(metavar="N", help="Seeds to train and draw shots with. Default: 1.")]
Tune = Annotated[int | None, _training(metavar="N", help="Tune every recipe with N trials on validation. Default: 0.")]
LossOn = Annotated[str | None, _training(help="completion, or all to train on prompts too. Default: completion.")]

ServerUrl = Annotated[
    str | None,
    _server("--server", metavar="URL", help="OpenAI-compatible server that answers, such as http://localhost:8000/v1."),
]
Served = Annotated[
    Any,
    _server(
        parser=_served_models,
        metavar="NAME=MODEL,…",
        help="Fine-tuned models that it serves, as weights called NAME.",
    ),
]
Endpoint = Annotated[str | None, _server("--endpoint", help="chat or completions. Default: chat.")]
Tokenizer = Annotated[str | None, _server("--tokenizer", help="Its tokenizer, to count tokens with: folder or hub id.")]
Concurrency = Annotated[
    int | None, _server("--concurrency", metavar="N", help="Requests under way at once. Default: 8.")
]

Margin = Annotated[float | None, _decision(help="Differences below this count as none, 0 to 1. Default: 0.03.")]
Require = Annotated[
    list[str] | None,
    _decision(
        metavar="NAME>=X",
        help="What the recommended variant must hold: 'in_domain >= 80%'. Repeatable.",
    ),
]
QueriesPerMonth = Annotated[float | None, _decision(metavar="N", help="How many queries a month it will be asked.")]
UpdatesPerMonth = Annotated[float | None, _decision(metavar="N", help="How often a month the knowledge changes.")]
PriceFile = Annotated[
    Path | None, _decision("--prices", metavar="FILE", help="YAML file of what things cost, such as docs/prices.yaml.")
]

Executor = Annotated[str | None, _workers(help="local, or ray to work on a Ray cluster. Default: local.")]
Address = Annotated[
    str | None,
    _workers(metavar="HOST:PORT", help="The Ray cluster, or auto. Default: one on this machine, for this run."),
]
Threads = Annotated[
    int | None,
    _workers(metavar="N", help="Threads of a piece of work; with ray its processors. Default: as torch takes."),
]
Shard = Annotated[int | None, _workers(metavar="N", help="Most cases asked, and kept, together. Default: 1000.")]
SharedCache = Annotated[
    str | None, _workers(metavar="URL", help="Where machines exchange artifacts, such as s3://BUCKET/FOLDER.")
]

TrustCode = Annotated[
    Any,
    _trusted(
        "--trust-code",
        parser=names,
        metavar="MODEL",
        help="The base, named once more, if Python code in its folder may run.",
    ),
]
TrustMetrics = Annotated[
    Any,
    _trusted(
        "--trust-metric",
        parser=names,
        metavar="A,B,…",
        help="Modules of evaluate whose code may run, where a suite asks for them.",
    ),
]
LmEvalTasks = Annotated[
    Path | None, _trusted(metavar="DIR", help="Task files of your own for lm_eval:TASK. Their Python code is run.")
]

Out = Annotated[Path | None, _output(metavar="DIR", help="Run folder. Default: runs/SUITE-HASH.")]
Mlflow = Annotated[
    str | None, _output(metavar="URI", help="Log the run with MLflow: sqlite:///FILE, file:FOLDER or http://SERVER.")
]
Verbose = Annotated[bool, _output("--verbose", help="Show what RUN/log.jsonl keeps as it comes.")]
