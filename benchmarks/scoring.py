"""Measures scoring of multiple-choice questions against lm-evaluation-harness, at its best batch size.

    python benchmarks/scoring.py [--quick] [--growth]

Options are full texts, or letters of options that stand in the question; with no shots and with the same five for all
questions. A random Llama of 32 million parameters, float32, one thread. A line each: the peer's seconds and the
engine's, also with torch's own linear layers, their ratios, the largest difference of a log-likelihood in nats, whether
every question is answered right or wrong alike. With `--growth`: how the seconds grow, as lines of JSON.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from contest import Contest, report, score, scoring_contest
from growth import scoring_growth
from measure import arguments
from workloads import Item, random_llama, with_full_text, with_letters, word_tokenizer


class Workload(NamedTuple):
    """How many questions of what kind, how often; `few` with --quick, and `part` to choose the peer's batch size on."""

    made: Callable[[int, int], list[Item]]
    shots: int
    questions: int
    few: int
    part: int
    rounds: int


WORKLOADS = {
    "scoring/full-text/0-shot": Workload(with_full_text, 0, questions=80, few=40, part=2, rounds=2),
    "scoring/full-text/5-shot": Workload(with_full_text, 5, questions=140, few=16, part=2, rounds=1),
    "scoring/letters/0-shot": Workload(with_letters, 0, questions=240, few=60, part=8, rounds=2),
    "scoring/letters/5-shot": Workload(with_letters, 5, questions=260, few=20, part=8, rounds=1),
}


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--growth", action="store_true", help="seconds by cases, shots, options, passages, variants")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    model, tokenizer = random_llama(), word_tokenizer()
    score(model, tokenizer, with_full_text(2, 0))  # the first call looks for the kernel
    if given.growth:
        scoring_growth(model, tokenizer, quick=given.quick)
    else:
        report(contests(model, tokenizer, quick=given.quick))


def contests(model: Any, tokenizer: Any, *, quick: bool) -> Iterator[Contest]:
    for name, work in WORKLOADS.items():
        items = work.made(work.few if quick else work.questions, work.shots)
        yield scoring_contest(name, model, tokenizer, items, part=work.part, rounds=1 if quick else work.rounds)


if __name__ == "__main__":
    main()
