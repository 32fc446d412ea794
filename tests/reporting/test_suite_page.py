"""The pages of `harness suite check` and `show` at the widths of terminals, and with hostile texts."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from rich.console import Console

from harness.reporting.suite import render_check, render_names, render_suite
from harness.suite import Case, Document, Evidence, PromptSettings, Split, Suite
from harness.suite.findings import Finding, SplitFigures, SuiteCheck
from harness.suite.records import Source

FIGURES = SplitFigures("in_domain", "in-domain", None, 1200, 1200, 0.512, 1340, 0.0362, 0.0572)
CHECK = SuiteCheck(
    "harbour",
    warnings=(Finding("power", "too few"), Finding("evidence", "none at all"), Finding("power", "far too few")),
    splits=(replace(FIGURES, name="train", kind="train", detects=None, detects_at_worst=None), FIGURES),
    counted="the tokenizer of base",
    left_out=("meaning",),
)
CASE = Case(
    id="a", question="Where is \x1b[31mit[/]?", references=("Corvo\u202e",), stale=("Estal",), evidence=("otter",)
)
SUITE = Suite(
    "harbour",
    Path("harbour"),
    "5u17e",
    "Where ships \x1b]0;are\x07.",
    {"asked": Split("asked", "in-domain", (CASE,), date(2026, 3, 15))},
    (
        Document(
            id="otter", text="The [bold]Otter[/] is\x00 at home in Corvo.\nIt is old.", valid_from=date(2026, 3, 1)
        ),
    ),
    prompt=PromptSettings(instruction="Answer with a port."),
    sources=(Source("ships", "the folder ships of --data", license="CC0", citation="Moss 1850."),),
)


def shown(page: object, width: int) -> str:
    console = Console(width=width, force_terminal=False, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(page)
    return console.export_text()


@pytest.mark.parametrize("width", [80, 120])
def test_a_check_fits_the_terminal(width: int) -> None:
    """Figures stand in whole lines, findings under their groups, and nothing is wider than the terminal."""
    text = shown(render_check(CHECK), width)
    assert max(map(len, text.splitlines())) <= width
    assert "in_domain  in-domain   1200      1200     51.2%    1340    3.6       5.7" in text
    assert text.index("evidence\n- none at all") < text.index("power\n- too few")
    assert "harbour: 0 errors, 3 warnings" in text
    assert "not looked at\n- meaning" in text


def test_errors_come_first() -> None:
    """Of a suite that can't be used the errors are all there is to tell."""
    text = shown(render_check(SuiteCheck("small", errors=("a is wrong", "b \x1b[2J is wrong"))), 80)
    assert "small: 2 errors, 0 warnings" in text
    assert "- b ?[2J is wrong" in text


@pytest.mark.parametrize("width", [80, 120])
def test_a_suite_is_shown_with_what_a_model_sees(width: int) -> None:
    """Description, licence, corpus, splits and the case with its prompt; what a terminal obeys is a `?`."""
    text = shown(render_suite(SUITE, [(SUITE.splits["asked"], CASE)]), width)
    assert max(map(len, text.splitlines())) <= width
    for part in (
        "Where ships ?]0;are?.",
        "licence: CC0",
        f"1 document, {len(SUITE.documents[0].text)} characters, changing on 2026-03-01",
        "in-domain  2026-03-15",
        "Answer with a port.",
        "Question: Where is ?[31mit[/]?",
        "Corvo?",
        "stale",
        "otter: The [bold]Otter[/] is? at home in Corvo.",
    ):
        assert part in text
    assert not set(text) & set("\x1b\x00\x07\u202e")


def test_a_span_of_evidence_is_shown_with_what_is_around_it() -> None:
    """The span stands between brackets, and its place before it."""
    pinned = CASE.model_copy(update={"evidence": (Evidence(document="otter", start=4, end=15),)})
    text = shown(render_suite(SUITE, [(SUITE.splits["asked"], pinned)]), 120)
    assert "otter, 4 to 15: …The [[bold]Otter][/] is?" in text


def test_the_prompts_of_a_model_are_shown_as_they_are() -> None:
    """Where a model wrote the prompts those are shown."""
    assert "<user> Where?" in shown(render_suite(SUITE, [(SUITE.splits["asked"], CASE)], ["<user> Where?"]), 80)


def test_suites_are_listed_with_what_they_say() -> None:
    """A name and a description a line."""
    assert "pocket  Ships." in shown(render_names([("pocket", "Ships.")]), 80)
