"""The pages of `harness suite check` and `show` for the terminal. Knows nothing of how anything was found.

Suites are untrusted text: it is never read as rich markup, and what a terminal would obey is shown as `?`.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from statistics import median

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from harness.comparison.phrases import percent, printable
from harness.prompting import Wording
from harness.suite import Case, Split, Suite
from harness.suite.findings import SplitFigures, SuiteCheck
from harness.suite.records import Evidence

_WHOLE = ("kind", "as of")  # columns of words that would only be harder to read over two lines
_SHOWN_CHARACTERS = 300  # of one piece of evidence
_AROUND = 60  # characters before and after a span
_FEW_DAYS = 6  # that are named one by one


def render_check(check: SuiteCheck) -> RenderableType:
    """All errors and warnings by group, and what each split can show."""
    found = f"{_count(len(check.errors), 'error')}, {_count(len(check.warnings), 'warning')}"
    lines: list[RenderableType] = [Text.assemble((printable(check.suite), "bold"), f": {found}")]
    if check.splits:
        lines += [_figures(check.splits), Text(_LEGEND.format(counted=printable(check.counted)), style="dim")]
    if check.errors:
        lines += ["", Text("errors", style="bold red"), *_items(check.errors)]
    for group, findings in groupby(sorted(check.warnings, key=lambda found: found.group), lambda found: found.group):
        lines += ["", Text(group, style="bold yellow"), *_items([finding.text for finding in findings])]
    if check.left_out:
        lines += ["", Text("not looked at", style="bold"), *_items(check.left_out)]
    return Group(*lines)


_LEGEND = (
    "majority: what always giving the most frequent answer scores. tokens: the longest zero-shot prompt and its "
    "answer, by {counted}. shows: the smallest difference of two variants, in points, that 4 of 5 comparisons would "
    "show (McNemar's test at 0.05, before adjustment) if the two disagree on 20% of the cases; at worst: on 50%."
)


def _figures(splits: Sequence[SplitFigures]) -> Table:
    table = _table("split", "kind", "cases", "evidence", "majority", "tokens", "shows", "at worst", names=2)
    for split in splits:
        table.add_row(
            Text(printable(split.name)),
            split.kind,
            str(split.cases),
            str(split.evidence),
            "-" if split.majority is None else percent(split.majority),
            str(split.longest),
            _points(split.detects),
            _points(split.detects_at_worst),
        )
    return table


def render_suite(
    suite: Suite, cases: Sequence[tuple[Split, Case]], prompts: Sequence[str] | None = None
) -> RenderableType:
    """What a suite is and holds, then some `cases` with the `prompts` that a model would see for them.

    By default those of zero-shot in plain text; raises InputError for templates that can't be used.
    """
    if prompts is None:
        prompts = _plain_prompts(suite, cases)
    lines: list[RenderableType] = [
        Text(printable(suite.name), style="bold"),
        *([Text(_lines(suite.description))] if suite.description else []),
        Text(f"folder: {printable(str(suite.path))}", style="dim"),
        *(Text(printable(f"source {source}")) for source in suite.sources),
        *(Text(printable(note)) for note in suite.notes),
        "",
        Text(_corpus(suite)),
        *([Text(f"retrieval: {printable(str(suite.retrieval))}")] if suite.retrieval else []),
        Text(f"answers: up to {suite.decoding.max_new_tokens} tokens, ended by {printable(repr(suite.decoding.stop))}"),
        "",
        _splits(suite),
        Text(
            "evidence: cases that name any. length: characters of the median and of the longest question. "
            "answers: different first references.",
            style="dim",
        ),
    ]
    texts = {split.name: {d.id: d.text for d in suite.corpus(split.as_of)} for split, _ in cases}
    for (split, case), prompt in zip(cases, prompts, strict=True):
        lines += ["", _case(split, case, prompt, texts[split.name])]
    return Group(*lines)


def render_names(described: Sequence[tuple[str, str]]) -> RenderableType:
    """Suites by name, with what each says of itself."""
    table = _table("suite", "what it holds", names=2)
    for name, description in described:
        table.add_row(Text(printable(name), style="bold"), Text(printable(description)))
    return table


def _plain_prompts(suite: Suite, cases: Sequence[tuple[Split, Case]]) -> list[str]:
    wording = Wording(suite.prompt.instruction, suite.prompt.passage, suite.prompt.question)
    opening = f"{wording.instruction}\n\n" if wording.instruction else ""
    return [opening + wording.render_question(case.question) for _, case in cases]


def _corpus(suite: Suite) -> str:
    documents = suite.documents
    if not documents:
        return "corpus: none"
    days = sorted({day for d in documents for day in (d.valid_from, d.valid_until) if day})
    characters = sum(len(document.text) for document in documents)
    some = ", ".join(map(str, days)) if len(days) <= _FEW_DAYS else f"{len(days)} days from {days[0]} to {days[-1]}"
    revisions = f", changing on {some}" if days else ""
    return f"corpus: {_count(len(documents), 'document')}, {characters:,} characters{revisions}"


def _splits(suite: Suite) -> Table:
    splits = suite.splits.values()
    dated, choosing = any(split.as_of for split in splits), any(split.chooses for split in splits)
    columns = {
        "split": [Text(printable(split.name)) for split in splits],
        "kind": [split.kind for split in splits],
        **({"as of": [str(split.as_of or "latest") for split in splits]} if dated else {}),
        "cases": [str(len(split.cases)) for split in splits],
        "evidence": [str(sum(bool(case.evidence) for case in split.cases)) for split in splits],
        **({"choices": [_choices(split) for split in splits]} if choosing else {}),
        "length": [_lengths(split) for split in splits],
        "answers": [str(len({case.references[0] for case in split.cases})) for split in splits],
    }
    table = _table(*columns, names=3 if dated else 2)
    for row in zip(*columns.values(), strict=True):
        table.add_row(*row)
    return table


def _choices(split: Split) -> str:
    counts = {len(case.choices) for case in split.cases}
    return "-".join(map(str, sorted({min(counts), max(counts)}))) if split.chooses else "-"


def _lengths(split: Split) -> str:
    lengths = [len(case.question) for case in split.cases]
    return f"{median(lengths):.0f} / {max(lengths)}"


def _case(split: Split, case: Case, prompt: str, texts: dict[str, str]) -> Panel:
    facts = Table.grid(padding=(0, 1))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    facts.add_row("prompt", Text(_lines(prompt)))
    for heading, values in (("right", case.references), ("choices", case.choices), ("stale", case.stale)):
        if values:
            facts.add_row(heading, Text(" | ".join(map(printable, values))))
    for piece in case.evidence:
        facts.add_row("evidence", Text(_evidence(piece, texts.get(piece.document, ""))))
    if case.weak:
        facts.add_row("weak", "made by rule and checked by nobody")
    return Panel(facts, title=Text(f"{printable(split.name)}: {printable(case.id)}"), title_align="left")


def _evidence(piece: Evidence, text: str) -> str:
    """Where a piece of evidence stands, and its text; a span stands between brackets, with what is around it."""
    if piece.start is None or piece.end is None:
        return f"{printable(piece.document)}: {_beginning(text)}"
    before, after = text[max(0, piece.start - _AROUND) : piece.start], text[piece.end : piece.end + _AROUND]
    span = _beginning(text[piece.start : piece.end])
    place = f"{printable(piece.document)}, {piece.start} to {piece.end}"
    return f"{place}: …{_lines(before)}[{span}]{_lines(after)}…"


def _beginning(text: str) -> str:
    return _lines(text[:_SHOWN_CHARACTERS]) + ("…" if len(text) > _SHOWN_CHARACTERS else "")


def _table(*headings: str, names: int) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for place, heading in enumerate(headings):
        if place < names:
            table.add_column(heading, overflow="fold", no_wrap=heading in _WHOLE)
        else:
            table.add_column(heading, justify="right", no_wrap=True)
    return table


def _items(texts: Sequence[str]) -> Iterator[RenderableType]:
    for text in texts:
        item = Table.grid(padding=(0, 1))
        item.add_row("-", Text(printable(text), overflow="fold"))
        yield item


def _lines(text: str) -> str:
    """`text` with its lines kept and everything else that a terminal would obey shown as `?`."""
    return "\n".join(printable(line) for line in text.split("\n"))


def _points(difference: float | None) -> str:
    return "-" if difference is None else f"{100 * difference:.1f}"


def _count(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'' if count == 1 else 's'}"
