"""One ranking out of several, by ranks alone. Knows nothing of where the rankings come from."""

from collections import defaultdict
from collections.abc import Sequence
from math import fsum

from harness.retrieval.search import Hit

SMOOTHING = 60  # the k of the paper


def fuse(rankings: Sequence[Sequence[str]]) -> list[Hit]:
    """All passages of `rankings`, each of ids with the best first, by the sum of 1 / (60 + rank) over the rankings.

    Reciprocal rank fusion (Cormack, Clarke and Büttcher 2009); equal sums are ordered by passage id.
    """
    shares: dict[str, list[float]] = defaultdict(list)
    for ranking in rankings:
        for rank, passage in enumerate(ranking, 1):
            shares[passage].append(1 / (SMOOTHING + rank))
    # fsum rounds once, so that equal sums are equal whichever ranking comes first
    hits = [Hit(passage, fsum(parts)) for passage, parts in shares.items()]
    return sorted(hits, key=lambda hit: (-hit.score, hit.passage))
