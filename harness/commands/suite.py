"""`harness suite`: parse, call, exit. Exit codes: 0 fine, 1 warnings under --strict, 2 bad input or errors."""

from pathlib import Path
from typing import Annotated

import typer

from harness.commands.console import console, problems
from harness.errors import InputError

suite_app = typer.Typer(no_args_is_help=True, help="Make, check and look at suites.")


_Suite = Annotated[str, typer.Argument(metavar="SUITE", help="Name or folder of a suite.")]
_Data = Annotated[Path | None, typer.Option(help="Folder with the data that a suite names but doesn't hold.")]


@suite_app.command("init")
def init(
    name: Annotated[str, typer.Argument(help="What the suite is called.")],
    docs: Annotated[Path, typer.Option(help="Folder of documents: Markdown, text, HTML and PDF.")],
    qa: Annotated[
        Path | None,
        typer.Option(
            help="Questions: CSV, TSV, JSONL, JSON or Parquet with columns question, answer(s) and, if there are, id, "
            "document(s) or evidence, choices. Default: cloze questions made from the documents."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The suite's folder. Default: NAME.")] = None,
    column: Annotated[
        list[str] | None, typer.Option(metavar="FIELD=COLUMN", help="Which column holds question, answer, document, …")
    ] = None,
    shift: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="Hold out its latest dates or rarest values: of --qa or the documents."),
    ] = None,
    share_documents: Annotated[
        bool, typer.Option("--share-documents", help="Let documents of test cases be trained on too.")
    ] = False,
    cloze: Annotated[int, typer.Option(min=10, help="How many cloze questions to make, without --qa.")] = 1000,
    seed: Annotated[int, typer.Option(help="What the splits are drawn by.")] = 0,
) -> None:
    """Make a suite that runs out of a folder of documents, with questions or without."""
    from harness.suite.scaffold import ScaffoldRequest, scaffold

    with problems.status("reading the documents"):
        made = scaffold(
            ScaffoldRequest(
                name=name,
                documents=docs,
                questions=qa,
                out=out,
                columns=_columns(column or ()),
                shifts=tuple(shift or ()),
                share_documents=share_documents,
                cloze=cloze,
                seed=seed,
            )
        )
    told = ", ".join(f"{split} {cases}" for split, cases in made.splits.items())
    console.print(f"{made.documents} documents; cases: {told}", markup=False, highlight=False)
    for note in made.notes:
        console.print(f"- {note}", markup=False, highlight=False)
    if qa is None:
        console.print("[bold yellow]The questions are weak:[/] made by rule and checked by nobody.")
    console.print(f"Suite: [bold]{made.path}[/]", highlight=False, soft_wrap=True)


@suite_app.command("check")
def check(
    suite: _Suite,
    data: _Data = None,
    effect: Annotated[
        float, typer.Option(help="The smallest difference that you hope to see; 0.05 is 5 points.")
    ] = 0.05,
    model: Annotated[str | None, typer.Option(help="Count tokens for this base. Default: the suite's own.")] = None,
    embedding: Annotated[bool, typer.Option(help="Compare questions by meaning too.")] = True,
    strict: Annotated[bool, typer.Option("--strict", help="End with code 1 where there are warnings.")] = False,
) -> None:
    """Tell all that is wrong with a suite, or weakens what can be concluded from it."""
    from harness.reporting.progress import TerminalProgress
    from harness.reporting.suite import render_check

    with problems.status("loading the libraries"):
        from harness.pipeline.check_suite import CheckRequest, check_suite
    with TerminalProgress(problems) as progress:
        found = check_suite(CheckRequest(suite, data, effect, model, embedding), progress)
    console.print(render_check(found))
    raise typer.Exit(2 if found.errors else 1 if strict and found.warnings else 0)


@suite_app.command("show")
def show(
    suite: _Suite,
    data: _Data = None,
    split: Annotated[str | None, typer.Option(help="Show cases of this split. Default: the first test split.")] = None,
    case: Annotated[str | None, typer.Option(help="Show the case of this id.")] = None,
    count: Annotated[int, typer.Option(min=0, help="How many cases to show.")] = 2,
    model: Annotated[str | None, typer.Option(help="Write prompts as this base's tokenizer does.")] = None,
) -> None:
    """Show what a suite is and holds, and some cases as a model would see them."""
    from harness.reporting.suite import render_suite
    from harness.suite import load_suite
    from harness.suite.look import some_cases

    loaded = load_suite(suite, data)
    cases = some_cases(loaded, split, case, count)
    prompts = None
    if model is not None:
        with problems.status("loading the libraries"):
            from harness.pipeline.suite_prompts import zero_shot_prompts
        prompts = zero_shot_prompts(loaded, [shown.question for _, shown in cases], model)
    console.print(render_suite(loaded, cases, prompts))


@suite_app.command("list")
def list_suites() -> None:
    """List the suites that come with the harness."""
    from harness.reporting.suite import render_names
    from harness.suite.look import described_suites

    console.print(render_names(described_suites()))


def _columns(given: tuple[str, ...] | list[str]) -> dict[str, str]:
    """`question=text` as a mapping from field to column; raises InputError for what is no such pair."""
    columns = {}
    for pair in given:
        field, equals, column = pair.partition("=")
        if not equals:
            raise InputError(f"--column {pair}: is no FIELD=COLUMN, such as question=text. Write it like that.")
        columns[field] = column
    return columns
