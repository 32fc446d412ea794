"""How much quicker the harness embeds passages than sentence-transformers' `model.encode(passages)` does.

    python benchmarks/embedding.py [--quick] [--passages N] [--threads N]

The default embedder, over passages of 20 to 250 tokens that are made up from a list of words. Ways, taken in turn:
`encode` as it comes (batches of 32, by characters); `embed` with torch's own linear layers, so batches by tokens
without padding alone; `embed` as it is; the same for a model that was given eager attention, so in padded batches;
`embed` with the model in bfloat16. The floor is the arithmetic of the tokens without padding (linear layers and
attention) at the measured rate of a linear layer.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from measure import Summary, arguments, conclude, gemm_rate, ratio, take_turns, torch_linear
from numpy.typing import NDArray

from harness.retrieval import Vectors, embed, load_embedder, locate_embedder, token_counts

ADJECTIVES = (
    "old quiet narrow northern unfinished expensive temporary green municipal reluctant parliamentary warm".split()
)
NOUNS = (
    "harbour bridge committee engineer river orchestra regulation telescope farmer laboratory winter library treaty "
    "photosynthesis museum railway contract island physician lighthouse archive microorganism market university"
).split()
VERBS = (
    "replaced described inherited crossed financed examined abandoned repaired surrounded published measured".split()
)
LINKS = "because although while before after whereas unless since".split()
PEER_BATCH = 32
NEIGHBOURS = 10


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--passages", type=int, help="how many (default: 384, or 128 if quick)")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    texts = passages(options.passages or (128 if options.quick else 384))
    folder = locate_embedder()
    model, eager, half = load_embedder(folder), load_embedder(folder), load_embedder(folder, dtype="bfloat16")
    eager[0].auto_model.set_attn_implementation("eager")

    ways: dict[str, Callable[[], Vectors]] = {
        "encode": lambda: model.encode(texts, show_progress_bar=False),
        "batches by tokens": lambda: with_torch_linear(lambda: embed(model, texts, "document")),
        "+ linear kernel": lambda: embed(model, texts, "document"),
        "  eager attention": lambda: embed(eager, texts, "document"),
        "bfloat16": lambda: embed(half, texts, "document"),
    }
    for one in (model, eager, half):
        embed(one, texts[:8], "document")  # the first time loads libraries
    timed = take_turns(ways, 3 if options.quick else 5)

    counts = token_counts(model, texts)
    real, padded = sum(counts), peer_tokens(texts, counts)
    print(f"{len(texts)} passages, {min(counts)} to {max(counts)} tokens, {real / len(texts):.0f} on average")
    print(f"{'':18} {'passages/s':>10} {'ratio':>6} {'max abs diff':>13} {'least cosine':>13}")
    peer, ours = timed["encode"], timed["+ linear kernel"]
    for name, turn in timed.items():
        cosine = (turn.result * peer.result).sum(axis=1).min()
        print(
            f"{name:18} {len(texts) / turn.median:10.1f} {ratio(peer, turn):6.2f} "
            f"{np.abs(turn.result - peer.result).max():13.1e} {cosine:13.6f}"
        )
    rate = gemm_rate()
    floor = floating_point_operations(model, counts) / rate
    print(f"floor: {len(texts) / floor:.0f} passages/s at {rate / 1e9:.0f} GFLOP/s")
    conclude(
        Summary(
            benchmark="embedding",
            ratio=ratio(peer, ours),
            max_abs_diff=float(np.abs(ours.result - peer.result).max()),
            identical=same_neighbours(ours.result, peer.result),
            unique_token_ratio=real / padded,
            floor_share=floor / ours.median,
        )
    )


def passages(count: int, seed: int = 0) -> list[str]:
    """Texts of whole sentences, from 15 words to about 200, all lengths as likely."""
    chance = random.Random(seed)
    texts = []
    for _ in range(count):
        words, length = [], chance.randint(15, 200)
        for sentence in sentences(chance):
            words += sentence
            if len(words) >= length:
                break
        texts.append(" ".join(words))
    return texts


def sentences(chance: random.Random) -> Iterator[list[str]]:
    """Endless sentences of one or two clauses."""
    while True:
        words = clause(chance)
        if chance.random() < 0.5:
            words += [chance.choice(LINKS), *clause(chance)]
        yield [words[0].capitalize(), *words[1:-1], words[-1] + "."]


def clause(chance: random.Random) -> list[str]:
    phrase = [
        "the",
        *chance.sample(ADJECTIVES, chance.randint(0, 2)),
        chance.choice(NOUNS),
        chance.choice(VERBS),
        "a",
        *chance.sample(ADJECTIVES, chance.randint(0, 1)),
        chance.choice(NOUNS),
    ]
    return phrase + (["in", str(chance.randint(1700, 2020))] if chance.random() < 0.3 else [])


def with_torch_linear(way: Callable[[], Vectors]) -> Vectors:
    with torch_linear():
        return way()


def peer_tokens(texts: Sequence[str], counts: Sequence[int]) -> int:
    """The tokens that `encode` computes, padding included: it sorts by characters."""
    order = sorted(range(len(texts)), key=lambda place: -len(texts[place]))
    parts = [order[start : start + PEER_BATCH] for start in range(0, len(order), PEER_BATCH)]
    return sum(len(part) * max(counts[place] for place in part) for part in parts)


def floating_point_operations(model: Any, counts: Sequence[int]) -> float:
    """Two for each weight of a linear layer and token; four for each layer, number of width and pair of tokens."""
    encoder = model[0].auto_model.encoder  # without the pooler, which computes one token a text
    weights = sum(layer.weight.numel() for layer in encoder.modules() if isinstance(layer, torch.nn.Linear))
    config = model[0].auto_model.config
    attention = 4 * config.num_hidden_layers * config.hidden_size
    return float(sum(2 * weights * count + attention * count**2 for count in counts))


def same_neighbours(ours: Vectors, theirs: Vectors) -> bool:
    """Whether both find the same nearest passages of each; two whose cosines differ by 1e-6 may change places."""
    scores = cosines(theirs)
    found, true = (np.argsort(-each, axis=1)[:, :NEIGHBOURS] for each in (cosines(ours), scores))
    return np.allclose(np.take_along_axis(scores, found, 1), np.take_along_axis(scores, true, 1), rtol=0, atol=1e-6)


def cosines(vectors: Vectors) -> NDArray[np.float64]:
    """Each passage with each other, in double precision; with itself it is minus infinity."""
    scores = vectors.astype(np.float64) @ vectors.T.astype(np.float64)
    np.fill_diagonal(scores, -np.inf)
    return scores


if __name__ == "__main__":
    main()
