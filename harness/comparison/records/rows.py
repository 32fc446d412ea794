"""The rows beside `comparison.json`, one line a case: scores, and what a reader needs to understand them.

Knows nothing of how any of it was computed or will be shown. Outputs of models lie in `predictions/`, see
`harness.runs.RunFolder.predictions_path`.
"""

from typing import Self

from pydantic import model_validator
from pydantic.dataclasses import dataclass

from harness.comparison.records.base import Figure, Record


@dataclass(slots=True, kw_only=True, config=Record.model_config)
class ScoreRow:
    """One number for one case by one metric, or unscored: `value` is None and `reason` says why.

    A dataclass, since a run has millions: an eighth of a model's memory, and half its time to read.
    """

    variant: str
    split: str
    case: str
    metric: str
    seed: int = 0
    value: Figure | None
    reason: str | None = None

    @model_validator(mode="after")
    def _scored_or_explained(self) -> Self:
        if (self.value is None) == (self.reason is None):
            raise ValueError("a row has either a value or, where it is unscored, a reason")
        return self


class CaseRow(Record):
    """One question as it was asked, in `cases.jsonl`.

    `group` names what the case shares with others, such as the document that its evidence stands in: cases of one group
    are not independent, on whatever split they stand. "" where it shares nothing. `evidence` has names of documents.
    """

    split: str
    case: str
    question: str
    references: tuple[str, ...]
    choices: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()
    group: str = ""
    evidence: tuple[str, ...] = ()


class PassageRow(Record):
    """One passage that some prompt showed, in `passages.jsonl`; `id` is what predictions name it by."""

    id: str
    document: str
    title: str
    text: str


class PromptRow(Record):
    """The prompt of one case in one context, in `prompts/CONTEXT/SPLIT.jsonl`; all weights are asked the same.

    `seed` drew the shots (0 where there are none). `text` is "" where the case was not asked.
    """

    case: str
    seed: int = 0
    text: str
