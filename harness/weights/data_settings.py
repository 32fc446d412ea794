"""What a recipe learns from, as its file states it; the pipeline makes the examples. Knows neither suites nor texts."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class DataSettings(BaseModel):
    """How the training examples are arranged.

    `suites` are names or folders of suites whose train cases are learnt: the suite that is compared if none is named.
    Several are mixed by `temperature` T: of the examples of an epoch a suite with n cases gives a share proportional
    to n ** (1 / T), so that 1 takes every case once and more evens small and large suites out (Raffel et al. 2020,
    arXiv:1910.10683, section 3.5.2).

    `train_context` is what the prompts show beside the question, written as a variant's context. With `rag-K`, training
    sees what RAG will show: K passages in random order, those that hold the answer and distractors, but for a share
    `without_evidence` of the examples distractors only (RAFT, Zhang et al. 2024, arXiv:2403.10131).

    `templates` are further wordings of the question (Jinja2, with `question`); each example draws one of them or the
    suite's own (instruction tuning with several templates a task: Wei et al. 2021, arXiv:2109.01652).

    `weak` questions are made by rules from the corpus and learnt too, or alone where `supervised` is false.

    `continue_from` is the folder of an earlier run: training goes on from the weights that the recipe of this name
    got there, on the cases that it had not seen.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    suites: tuple[str, ...] = ()
    temperature: float = Field(default=1.0, ge=1)
    train_context: str = "zero-shot"
    without_evidence: float = Field(default=0.0, ge=0, le=1)
    templates: tuple[str, ...] = ()
    weak: int = Field(default=0, ge=0)
    supervised: bool = True
    continue_from: Path | None = None
