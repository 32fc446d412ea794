"""The cases of a run as the page reads them: which keys there are stands in the functions that write them.

A key whose value is empty is left out. Knows nothing of files, and of how the page shows any of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.comparison import RETRIEVED, SHOWN, CaseRow, Comparison, Lookup, ScoreRow, SplitReference, is_retrieval
from harness.comparison.findings.attribution import RIGHT_FROM, cause
from harness.comparison.phrases import metric_label
from harness.reporting.html.material import Material
from harness.reporting.html.outputs import Output
from harness.reporting.html.strings import Strings, packed, pieces

_MOST_ANSWERS = 60_000  # of more, the first cases of each split
_BUDGET = 2_200_000  # bytes of the packed cases
_LIMITS = (20_000, 4_000, 1_000, 250)  # characters of one text; the first that holds the budget


@dataclass(frozen=True)
class Packed:
    """The cases, deflated and in base64, and what is missing from them, in sentences."""

    text: str
    notes: tuple[str, ...]


def pack_cases(comparison: Comparison, material: Material) -> Packed | None:
    """The cases for the page, with long texts cut so that it stays small; None where the run was kept without any."""
    longest = max(map(len, material.cases.values()), default=0)
    if not longest:
        return None
    most = max(1, _MOST_ANSWERS // max(1, len(comparison.variants) * len(material.cases)))
    notes = []
    if longest > most:
        notes.append(f"Here are the first {most:,} cases of each split, which has up to {longest:,}.")
    if not material.outputs:
        notes.append("The run was kept without its predictions: outputs are not here.")
    if not material.scores:
        notes.append("The run was kept without its scores: what was right is not known here.")
    for limit in _LIMITS:
        text = packed(_Writer(comparison, material, Strings(limit), most).everything())
        if len(text) <= _BUDGET:
            break
    return Packed(text, tuple(notes))


class _Writer:
    """Writes plain values in which texts are numbers of `strings`."""

    def __init__(self, comparison: Comparison, material: Material, strings: Strings, most: int) -> None:
        self._variants, self._splits, self._cells = comparison.variants, comparison.splits, comparison.cells
        self._primary = Lookup(comparison).primary
        self._contexts = list(dict.fromkeys(variant.context for variant in comparison.variants))
        self._passages = {name: place for place, name in enumerate(material.passages)}
        self._material, self._strings, self._most = material, strings, most

    def everything(self) -> dict[str, Any]:
        """What the page reads."""
        splits = [self._split(split) for split in self._splits if self._material.cases[split.name]]
        passages = [
            {"document": row.document, "title": self._strings.add(row.title), "text": self._strings.add(row.text)}
            for row in self._material.passages.values()
        ]
        return {
            "rightFrom": RIGHT_FROM,
            "variants": [{"name": v.name, "context": self._contexts.index(v.context)} for v in self._variants],
            "contexts": self._contexts,
            "passages": passages,
            "splits": splits,
            "strings": self._strings.listed(),
        }

    def _split(self, split: SplitReference) -> dict[str, Any]:
        """A split; `answers` has a list for each variant, `asked` one for each context, these one for each case.

        The first of `metrics` decides.
        """
        name, cases = split.name, self._material.cases[split.name][: self._most]
        metrics = self._metrics(name)
        variants = [variant.name for variant in self._variants]
        return {
            "name": name,
            "kind": split.kind,
            "metrics": [metric_label(metric) for metric in metrics],
            "cases": [self._case(case) for case in cases],
            "answers": [[self._answers(variant, name, case.case, metrics) for case in cases] for variant in variants],
            "asked": [[self._asked(context, name, case.case) for case in cases] for context in self._contexts],
        }

    def _metrics(self, split: str) -> list[str]:
        """What judges the answers of a split, the metric that decides first."""
        primary = self._primary.get(split, "")
        judged = {cell.metric for cell in self._cells if cell.split == split and not is_retrieval(cell.metric)}
        return [primary, *sorted(judged - {primary, RETRIEVED, SHOWN})]

    def _case(self, case: CaseRow) -> dict[str, Any]:
        return _filled(
            id=case.case,
            question=self._strings.add(case.question),
            references=self._texts(case.references),
            choices=self._texts(case.choices),
            stale=self._texts(case.stale),
            evidence=list(case.evidence),
            group=case.group,
        )

    def _answers(self, variant: str, split: str, case: str, metrics: Sequence[str]) -> list[dict[str, Any]]:
        """What `variant` answered, one for each seed, whether its output, its scores or both are known."""
        scores = self._material.scores.get((variant, split), {}).get(case, {})
        outputs = self._said(variant, split, case)
        return [
            self._answer(seed, outputs.get(seed), scores.get(seed, {}), metrics) for seed in sorted({*outputs, *scores})
        ]

    def _answer(
        self, seed: int, output: Output | None, scores: Mapping[str, ScoreRow], metrics: Sequence[str]
    ) -> dict[str, Any]:
        primary = scores.get(metrics[0])
        values = [scores[metric].value if metric in scores else None for metric in metrics]
        found = _filled(
            seed=seed, scores=values, unscored=primary.reason if primary else None, cause=_cause(scores, primary)
        )
        if output is None:
            return found
        return found | _filled(
            text=None if output.text is None else self._strings.add(output.text),
            unfinished=not output.finished,
            failure=output.failure,
            loglikelihoods=list(output.loglikelihoods),
        )

    def _asked(self, context: str, split: str, case: str) -> list[dict[str, Any]]:
        """What every model saw of `case` in `context`, with the seeds that saw it: drawn shots may differ."""
        prompts = self._material.prompts[context, split].get(case, {})
        said = (self._said(variant.name, split, case) for variant in self._variants if variant.context == context)
        outputs = next(filter(None, said), {})
        seen: dict[tuple[tuple[str, ...], int, str], list[int]] = {}
        for seed in sorted({*outputs, *prompts}):
            output = outputs.get(seed)
            shown = tuple(name for name in output.passages if name in self._passages) if output else ()
            prompt = prompts.get(seed, prompts.get(0, ""))
            seen.setdefault((shown, output.dropped if output else 0, prompt), []).append(seed)
        return [
            _filled(
                seeds=seeds,
                passages=[self._passages[name] for name in shown],
                dropped=dropped or None,
                prompt=self._texts(pieces(prompt, [self._material.passages[name].text for name in shown])),
            )
            for (shown, dropped, prompt), seeds in seen.items()
        ]

    def _said(self, variant: str, split: str, case: str) -> Mapping[int, Output]:
        return self._material.outputs.get((variant, split), {}).get(case, {})

    def _texts(self, texts: Sequence[str]) -> list[int]:
        return [self._strings.add(text) for text in texts]


def _cause(scores: Mapping[str, ScoreRow], primary: ScoreRow | None) -> str | None:
    """What became of the answer, where the evidence of its case is known."""
    if primary is None or RETRIEVED not in scores:
        return None
    shown = SHOWN in scores and scores[SHOWN].value == 1
    return cause(primary.value, retrieved=scores[RETRIEVED].value == 1, shown=shown)


def _filled(**values: Any) -> dict[str, Any]:
    """`values` without those that say nothing; a 0 is the number of a text or seed, and stays."""
    return {key: value for key, value in values.items() if value not in (None, "", []) and value is not False}
