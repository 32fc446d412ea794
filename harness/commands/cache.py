"""`harness cache`: parse, call, exit. Exit codes: 0 fine, 1 damaged artifacts were found, 2 bad input."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from harness.commands.amounts import age, size
from harness.commands.console import console, problems
from harness.errors import InputError

if TYPE_CHECKING:
    from harness.runs.pruning import Limits

cache_app = typer.Typer(no_args_is_help=True, help="Look at the cache of artifacts, check it, and make room.")

_Kind = Annotated[str | None, typer.Option(help="Only artifacts of this kind, such as weights or predictions.")]
_Json = Annotated[bool, typer.Option("--json", help="Write the result as JSON to standard output.")]


@cache_app.command("list")
def list_artifacts(kind: _Kind = None, as_json: _Json = False) -> None:
    """Show what the cache holds: kinds with numbers, sizes and last use; with --kind every artifact of it."""
    from harness.reporting.cache import as_rows, render_artifacts, render_kinds
    from harness.runs import default_cache_root
    from harness.runs.inventory import entries

    root, now = default_cache_root(), time.time()
    found = entries(root, kind)
    if as_json:
        _write({"root": str(root), "bytes": sum(entry.bytes for entry in found), "artifacts": as_rows(found)})
    else:
        console.print(render_artifacts(root, found, now) if kind else render_kinds(root, found, now))


@cache_app.command("verify")
def verify(
    kind: _Kind = None,
    remove: Annotated[
        bool, typer.Option("--remove", help="Drop what is damaged: it is built again when used.")
    ] = False,
    as_json: _Json = False,
) -> None:
    """Hash every artifact and name each damaged one: 0 all intact, 1 damage was found."""
    from harness.reporting.cache import as_rows, render_verified
    from harness.reporting.progress import TerminalProgress
    from harness.runs import default_cache_root
    from harness.runs.inventory import damages, entries
    from harness.runs.inventory import remove as drop

    root, damaged = default_cache_root(), []
    found = entries(root, kind)
    with TerminalProgress(problems) as progress, progress.task("hash artifacts", len(found)) as advance:
        for entry in found:
            wrong = damages(entry)
            if wrong:
                dropped = remove and drop(entry, [path for path, _ in wrong])
                damaged += [(entry, path, reason, dropped) for path, reason in wrong]
            advance(1)
    if as_json:
        rows = [
            {**as_rows([entry])[0], "path": str(path), "problem": reason, "removed": dropped}
            for entry, path, reason, dropped in damaged
        ]
        _write({"root": str(root), "checked": len(found), "bytes": sum(e.bytes for e in found), "damaged": rows})
    else:
        told = [(path.relative_to(root).as_posix(), reason, dropped) for _, path, reason, dropped in damaged]
        console.print(render_verified(root, found, told), soft_wrap=True)
    raise typer.Exit(1 if damaged else 0)


@cache_app.command("prune")
def prune(
    older_than: Annotated[
        str | None, typer.Option(metavar="TIME", help="Remove what wasn't used for this long: 12h, 30d, 8w.")
    ] = None,
    to: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Remove the least recently used until this is left: 20GB.")
    ] = None,
    unfinished: Annotated[
        bool, typer.Option("--unfinished", help="Remove what interrupted builds left to go on from.")
    ] = False,
    replies: Annotated[
        bool,
        typer.Option("--replies", help="Replies of servers, too, which were paid for, as with --kind replies."),
    ] = False,
    everything: Annotated[bool, typer.Option("--all", help="Remove everything, replies of servers too.")] = False,
    kind: _Kind = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    as_json: _Json = False,
) -> None:
    """Remove what wasn't used for long, but nothing that a running command uses or builds, or that was paid for."""
    from harness.reporting.cache import as_rows, render_pruned
    from harness.runs import default_cache_root
    from harness.runs.inventory import entries, remove, sweep_locks
    from harness.runs.living import oldest_began
    from harness.runs.pruning import PAID, choose

    limits = replace(_limits(older_than, to, unfinished, everything), paid=replies or kind in PAID)
    root, now = default_cache_root(), time.time()
    in_use_since = oldest_began(root)
    found = entries(root, kind)
    chosen = choose(found, limits, now=now, in_use_since=in_use_since)
    gone = chosen.gone if dry_run else [entry for entry in chosen.gone if remove(entry)]
    kept = chosen.spared + [entry for entry in chosen.gone if entry not in gone]
    left = sum(entry.bytes for entry in found) - sum(entry.bytes for entry in gone)
    if not dry_run:
        sweep_locks(root)
    if as_json:
        freed = sum(entry.bytes for entry in gone)
        told = {"root": str(root), "dry_run": dry_run, "freed_bytes": freed, "left_bytes": left}
        _write({**told, "removed": as_rows(gone), "in_use": as_rows(kept), "paid": as_rows(chosen.paid)})
    else:
        console.print(render_pruned(root, gone, (kept, chosen.paid), left, limits.to, dry_run=dry_run), soft_wrap=True)


@contextmanager
def lost_files() -> Iterator[None]:
    """Turns the loss of a cached file, which somebody removed while a command used it, into a CacheError."""
    try:
        yield
    except typer.Exit:
        raise
    except Exception as error:
        from harness.runs import default_cache_root
        from harness.runs.storage import lost_file

        lost = lost_file(error, default_cache_root())
        if lost is None:
            raise
        raise lost from error


def _limits(older_than: str | None, to: str | None, unfinished: bool, everything: bool) -> "Limits":
    from harness.runs.pruning import Limits

    if everything and (older_than or to or unfinished):
        raise InputError("harness cache prune: --all removes everything, whatever else is said. Drop it or the others.")
    if not (everything or older_than or to or unfinished):
        raise InputError(
            "harness cache prune: nothing says what may go. Give --older-than 30d, --to 20GB, --unfinished or --all; "
            "with --dry-run it only tells."
        )
    return Limits(
        older_than=age(older_than, "--older-than") if older_than else None,
        to=size(to, "--to") if to else None,
        unfinished=unfinished,
        everything=everything,
    )


def _write(content: object) -> None:
    typer.echo(json.dumps(content, indent=2))
