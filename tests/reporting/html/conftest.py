"""Runs to report on, of any size and without a model, and a browser to open their reports in."""

import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.comparison import (
    CaseRow,
    Comparison,
    PassageRow,
    PromptRow,
    ScoreRow,
    write_cases,
    write_comparison,
    write_passages,
    write_prompts,
    write_rows,
)
from harness.runs import RunFolder

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SPLITS = ("in_domain", "paraphrase", "noisy", "new_facts", "updated_facts", "retention")


class Words:
    """Texts that pack no better than English does: 20,000 words, the k-th about as frequent as 1 in k."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)
        syllables = [c + v + e for c in "bcdfghklmnprstvw" for v in "aeiou" for e in ("", "n", "r", "st")]
        made = ("".join(self._random.choices(syllables, k=self._random.choice((1, 2, 2, 3, 3)))) for _ in range(40_000))
        self._words = list(dict.fromkeys(made))[:20_000]
        self._summed = list(accumulate(1 / (place + 5) for place in range(len(self._words))))

    def text(self, count: int) -> str:
        """`count` words as sentences."""
        words = self._random.choices(self._words, cum_weights=self._summed, k=count)
        return " ".join(" ".join(words[start : start + 12]).capitalize() + "." for start in range(0, count, 12))


@dataclass
class Run:
    """What a run folder holds, as it will be written."""

    rows: list[ScoreRow] = field(default_factory=list)
    cases: list[CaseRow] = field(default_factory=list)
    passages: list[PassageRow] = field(default_factory=list)
    prompts: dict[tuple[str, str], list[PromptRow]] = field(default_factory=dict)
    outputs: dict[tuple[str, str, str], list[dict[str, Any]]] = field(default_factory=dict)
    comparison: Comparison | None = None

    def write(self, folder: Path) -> Path:
        """The run as a folder."""
        assert self.comparison is not None
        run = RunFolder(folder)
        write_comparison(self.comparison, folder)
        write_rows(self.rows, folder)
        write_cases(self.cases, folder)
        write_passages(self.passages, folder)
        for (context, split), prompts in self.prompts.items():
            write_prompts(prompts, folder, context, split)
        for place, outputs in self.outputs.items():
            run.write_lines(run.predictions_path(*place), outputs)
        run.finish({}, [path for path in folder.rglob("*") if path.is_file() and path.name != "run.json"])
        return folder


class Maker:
    """Makes runs in which variants are right by luck, the later ones and those that retrieve luckier than others."""

    def __init__(self, world: Any) -> None:
        self._world, self._luck, self._words = world, random.Random(1), Words()

    def make(
        self,
        weights: Sequence[str],
        contexts: Sequence[str],
        splits: Sequence[str],
        cases: int,
        comparison: Comparison | None = None,
    ) -> Run:
        """A run of `cases` a split, every RAG prompt with three passages of 60 words.

        With `comparison` it holds only the variants of that one, and is said to have led to it.
        """
        order = [f"{one}/{context}" for one in weights for context in contexts]
        if comparison:
            order = [variant.name for variant in comparison.variants]
        run = Run()
        shots = "".join(f"Question: {self._words.text(11)}\nAnswer: {self._words.text(2)}\n\n" for _ in range(4))
        for split in splits:
            for place in range(cases):
                case = self._case(split, place)
                run.cases.append(case)
                shown = [self._passage(case, place) for place in range(3)]
                run.passages += shown
                told = "".join(f"{row.title} {row.text}\n" for row in shown)
                for context in contexts:
                    before = (shots if "few-shot" in context else "") + (told if "rag" in context else "")
                    text = f"Answer in a few words.\n\n{before}Question: {case.question}\nAnswer:"
                    run.prompts.setdefault((context, split), []).append(PromptRow(case=case.case, text=text))
                    for skill, one in enumerate(weights):
                        if f"{one}/{context}" in order:
                            self._answer(run, one, context, case, shown, 0.25 + 0.07 * skill + 0.4 * ("rag" in context))
        run.rows.sort(key=lambda row: order.index(row.variant))
        run.comparison = comparison or self._world.compare(run.rows)
        return run

    def _case(self, split: str, place: int) -> CaseRow:
        return CaseRow(
            split=split,
            case=f"{split}-{place:04}",
            question=self._words.text(11)[:-1] + "?",
            references=(self._words.text(2),),
            stale=(self._words.text(2),) if split == "updated_facts" else (),
            evidence=(f"{split}-{place:04}-0",),
        )

    def _passage(self, case: CaseRow, place: int) -> PassageRow:
        name = f"{case.case}-{place}"
        return PassageRow(id=name, document=name, title=self._words.text(2), text=self._words.text(60))

    def _answer(
        self, run: Run, weights: str, context: str, case: CaseRow, shown: list[PassageRow], skill: float
    ) -> None:
        right, cut = self._luck.random() < skill, self._luck.random() < 0.02
        retrieves = "rag" in context
        text = case.references[0] if right else self._words.text(self._luck.choice((2, 2, 3, 8, 20)))
        output = {"case": case.case, "seed": 0, "text": f" {text}", "finished": not cut}
        if retrieves:
            output |= {"passages": [row.id for row in shown], "dropped": 1}
        run.outputs.setdefault((weights, context, case.split), []).append(output)
        scores: dict[str, float | None] = dict.fromkeys(("exact_match", "token_f1"), None if cut else float(right))
        if retrieves:
            found = right or self._luck.random() < 0.6
            scores |= {"evidence_retrieved": float(found), "evidence_shown": float(found and self._luck.random() < 0.9)}
        run.rows += [
            ScoreRow(
                variant=f"{weights}/{context}",
                split=case.split,
                case=case.case,
                metric=metric,
                value=value,
                reason="truncated" if value is None else None,
            )
            for metric, value in scores.items()
        ]


@pytest.fixture(scope="session")
def make_run(world: Any) -> Callable[..., Run]:
    """Makes runs, the same ones whatever was made before."""
    return lambda *arguments, **changes: Maker(world).make(*arguments, **changes)


@pytest.fixture(scope="session")
def browser() -> "Iterator[BrowserContext]":
    """Debian's Chromium, driven by Playwright."""
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install -e '.[test]'")
    if CHROMIUM is None:
        pytest.skip("no Chromium to open the report in: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started.new_context()
        started.close()
