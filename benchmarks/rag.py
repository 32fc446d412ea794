"""Measures questions about passages, five to a passage, against lm-evaluation-harness at its best batch size.

    python benchmarks/rag.py [--quick]

No shots; a passage has some 300 words and stands in the prompts of its five questions, which come in any order. Scored
are one short gold answer, or four short options; or 16 tokens are generated. A random Llama of 32 million parameters,
float32, one thread.
"""

from collections.abc import Iterator
from typing import Any

import torch
from contest import Contest, generation_contest, report, score, scoring_contest
from measure import arguments
from workloads import random_llama, with_full_text, with_passages, word_tokenizer

PASSAGES, FEW, NEW_TOKENS = 20, 5, 16


def main() -> None:
    given = arguments(__doc__).parse_args()
    torch.set_num_threads(given.threads)
    model, tokenizer = random_llama(), word_tokenizer()
    score(model, tokenizer, with_full_text(2, 0))  # the first call looks for the kernel
    report(contests(model, tokenizer, quick=given.quick))


def contests(model: Any, tokenizer: Any, *, quick: bool) -> Iterator[Contest]:
    passages, rounds = (FEW, 1) if quick else (PASSAGES, 2)
    contexts = [item.context for item in with_passages(passages)]
    yield generation_contest("rag/generation", model, tokenizer, contexts, NEW_TOKENS, rounds=rounds)
    gold, options = with_passages(passages, options=1), with_passages(passages)
    yield scoring_contest("rag/gold-answer", model, tokenizer, gold, part=8, rounds=rounds)
    yield scoring_contest("rag/options", model, tokenizer, options, part=2, rounds=rounds)


if __name__ == "__main__":
    main()
