"""Compares the questions of a suite by meaning, with the default embedder. Knows nothing of what models answer."""

from collections.abc import Iterator

import numpy as np

from harness.retrieval import Vectors, embed, load_embedder, locate_embedder, token_counts
from harness.runs.progress import Progress
from harness.suite import Suite
from harness.suite.doubts import examples, of, twins
from harness.suite.findings import Finding
from harness.suite.near import NearPair

NEAR_MEANING = 0.95  # cosine: from here on nearly all pairs of real questions ask the same; at 0.9 half of them do
_ROWS = 1024


def doubts_by_meaning(suite: Suite, progress: Progress) -> Iterator[Finding]:
    """Test questions that mean nearly what a train question means, and those that the embedder can't see whole."""
    model = load_embedder(locate_embedder())
    train, tests = suite.train, [case for split in suite.tests for case in split.cases]
    questions = list(dict.fromkeys(case.question for case in (*train, *tests)))
    counts = dict(zip(questions, token_counts(model, questions), strict=True))
    for split in suite.tests:
        cut = [case.id for case in split.cases if counts[case.question] >= (model.max_seq_length or np.inf)]
        if cut and suite.documents:
            yield Finding(
                "lengths",
                f"{of(len(cut), len(split.cases))} questions of {split.name} fill the embedder's window of "
                f"{model.max_seq_length} tokens ({examples(cut)}); it retrieves by what fits",
            )
    if not train:
        return
    with progress.task("embed the questions", len(questions)) as advance:
        rows = dict(zip(questions, embed(model, questions, "query", advance=advance), strict=True))
    known = np.stack([rows[case.question] for case in train])
    for split in suite.tests:
        pairs = near_in_meaning(known, np.stack([rows[case.question] for case in split.cases]))
        if pairs:
            yield Finding(
                "near-duplicates",
                f"{of(len(pairs), len(split.cases))} test questions of {split.name} mean nearly what a train question "
                f"means (cosine >= {NEAR_MEANING}): {examples(twins(pairs, train, split))}; fine if they were reworded "
                "on purpose",
            )


def near_in_meaning(known: Vectors, asked: Vectors, threshold: float = NEAR_MEANING) -> list[NearPair]:
    """For each unit row of `asked` the nearest of `known`, if their cosine is at least `threshold`.

    Both are `(texts, dimension) float32`.
    """
    pairs = []
    for start in range(0, len(asked), _ROWS):
        scores = asked[start : start + _ROWS] @ known.T
        nearest = scores.argmax(axis=1)
        best = scores[np.arange(len(nearest)), nearest]
        found = np.flatnonzero(best >= threshold).tolist()
        pairs += [NearPair(start + row, int(nearest[row]), float(best[row])) for row in found]
    return pairs
