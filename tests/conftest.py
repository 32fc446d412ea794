"""What tests of several packages share."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from harness.comparison import (
    BaseReference,
    Comparison,
    Cost,
    ScoreRow,
    SplitReference,
    SuiteReference,
    VariantReference,
    compare,
)
from harness.runs import RUN_SCHEMA, RunFolder

if "PYTEST_XDIST_WORKER" in os.environ:  # several processes share the cores; torch reads this when it is imported
    os.environ.setdefault("OMP_NUM_THREADS", "1")

Scores = Mapping[str, Mapping[str, Sequence[float | None]]]


class World:
    """Makes score rows and comparisons from scores: variant, then split, then one number (or None) a case."""

    KINDS: ClassVar[dict[str, str]] = {"in_domain": "in-domain", "paraphrase": "shifted", "retention": "retention"}

    @staticmethod
    def hits(right: int, of: int = 100) -> list[float | None]:
        """Scores of `of` cases of which the first `right` are 1 and the others 0."""
        return [1.0] * right + [0.0] * (of - right)

    @staticmethod
    def rows(scores: Scores, metric: str = "exact_match", seed: int = 0) -> list[ScoreRow]:
        """One row a number."""
        return [
            ScoreRow(
                variant=variant,
                split=split,
                case=f"case-{place:04}",
                metric=metric,
                seed=seed,
                value=value,
                reason="truncated" if value is None else None,
            )
            for variant, by_split in scores.items()
            for split, values in by_split.items()
            for place, value in enumerate(values)
        ]

    @classmethod
    def compare(cls, rows: Iterable[ScoreRow], **changes: object) -> Comparison:
        """The comparison of `rows`; what isn't base is trained and costs more the longer its name is."""
        rows = list(rows)
        names = list(dict.fromkeys(row.variant for row in rows))
        splits = list(dict.fromkeys(row.split for row in rows))
        arguments: dict[str, object] = {
            "suite": SuiteReference(name="tiny", hash="5u17e"),
            "base": BaseReference(model="llama", hash="ba5e", parameters=1_000),
            "splits": [SplitReference(name=s, kind=cls.KINDS.get(s, "shifted"), n=cls._cases(rows, s)) for s in splits],
            "variants": [
                VariantReference(
                    name=name,
                    weights=name.partition("/")[0],
                    context=name.partition("/")[2],
                    trainable_parameters=0 if name.startswith("base") else 28,
                )
                for name in names
            ],
            "costs": [cls.cost(name) for name in names],
            "signature": "harness:0|suite:tiny",
            "paired_metrics": ["exact_match", "accuracy", "token_f1"],
        }
        return compare(rows, **{**arguments, **changes})  # type: ignore[arg-type]

    @staticmethod
    def cost(variant: str) -> Cost:
        """What `variant` costs."""
        return Cost(
            variant=variant,
            build_seconds=0 if variant == "base/zero-shot" else len(variant),
            seconds_per_query=0.012,
            prompt_tokens_per_query=20,
            generated_tokens_per_query=3,
            artifact_bytes=0,
        )

    @staticmethod
    def seal(folder: Path) -> Path:
        """Makes `folder` a finished run of the files that it holds now, as if a comparison had written them so."""
        manifest = folder / "run.json"
        content = json.loads(manifest.read_text()) if manifest.exists() else {}
        records = [path for path in folder.rglob("*") if path.is_file() and path != manifest]
        manifest.write_text(json.dumps({"schema": RUN_SCHEMA}))
        own = {name: value for name, value in content.items() if name not in {"schema", "files", "seal"}}
        RunFolder(folder).finish(own, records)
        return folder

    @staticmethod
    def _cases(rows: list[ScoreRow], split: str) -> int:
        return len({row.case for row in rows if row.split == split})


@pytest.fixture(scope="session")
def world() -> type[World]:
    """Makes score rows and comparisons."""
    return World
