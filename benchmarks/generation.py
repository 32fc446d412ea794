"""Measures greedy generation against lm-evaluation-harness, at its best batch size.

    python benchmarks/generation.py [--quick] [--growth]

A hundred questions after the same five shots, 16 new tokens each. A random Llama of 32 million parameters, float32, one
thread. Prints the peer's seconds and the engine's, also with torch's own linear layers, their ratios, and whether all
texts are the same. With `--growth`: how the seconds grow, as lines of JSON.
"""

import torch
from contest import generate, generation_contest, report
from growth import generation_growth
from measure import arguments
from workloads import random_llama, with_full_text, word_tokenizer

QUESTIONS, FEW, SHOTS, NEW_TOKENS = 100, 40, 5, 16


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--growth", action="store_true", help="seconds by cases, shots and new tokens")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    model, tokenizer = random_llama(), word_tokenizer()
    generate(model, tokenizer, ["w1 w2"], 2)  # the first call looks for the kernel
    if given.growth:
        generation_growth(model, tokenizer, quick=given.quick)
        return
    contexts = [item.context for item in with_full_text(FEW if given.quick else QUESTIONS, SHOTS)]
    rounds = 1 if given.quick else 3
    report(iter([generation_contest("generation/5-shot", model, tokenizer, contexts, NEW_TOKENS, rounds=rounds)]))


if __name__ == "__main__":
    main()
