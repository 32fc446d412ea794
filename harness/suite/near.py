"""Questions that are nearly the same text: all pairs of two lists whose shingles overlap, exactly and fast.

A text's shingles are all runs of five letters in it. Two texts that share the threshold's part of their shingles must
share one of each other's rarest, so only those need to be looked up: prefix filtering (Chaudhuri et al. 2006, Bayardo
et al. 2007). Nothing is estimated, so there is no MinHash whose luck decides. Knows nothing of cases.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from math import ceil
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SHINGLE = 5  # letters: few enough for short questions, many enough not to be in every one
Shingles = NDArray[np.uint64]
_FACTORS = np.random.default_rng(0).integers(2**63, size=SHINGLE, dtype=np.uint64) * np.uint64(2) + np.uint64(1)


class NearPair(NamedTuple):
    """The text `number` of the second list, a `twin` of it in the first, and how similar the two are."""

    number: int
    twin: int
    similarity: float


def near_pairs(known: Sequence[str], asked: Sequence[str], threshold: float) -> list[NearPair]:
    """For each text of `asked` one of `known` that is similar, if any is: with a Jaccard index of at least `threshold`.

    Those with which it shares its rarest shingles are tried first, and the first that is similar enough is taken: among
    texts that are all alike any one will do. Differences of case, punctuation and spaces don't count.
    """
    rows = [shingles(text) for text in known]
    if not any(map(len, rows)):
        return []
    rarity = _Rarity(rows)
    postings: defaultdict[int, list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        for shingle in rarity.rarest(row, threshold):
            postings[shingle].append(place)
    pairs = []
    for number, text in enumerate(asked):
        row = shingles(text)
        tried: set[int] = set()
        for place in (place for shingle in rarity.rarest(row, threshold) for place in postings.get(shingle, ())):
            if place not in tried:
                tried.add(place)
                similarity = _jaccard(row, rows[place])
                if similarity >= threshold:
                    pairs.append(NearPair(number, place, similarity))
                    break
    return pairs


def shingles(text: str) -> Shingles:
    """Hashes of all runs of five characters of `text`, sorted, each once `(shingles,) uint64`; one for a shorter text.

    Case, punctuation and spaces don't count; a text without any letter or digit has no shingles.
    """
    plain = "".join(letter for letter in unicodedata.normalize("NFKC", text).casefold() if letter.isalnum())
    if not plain:
        return np.empty(0, np.uint64)
    letters = np.frombuffer(plain.ljust(SHINGLE).encode("utf-32-le"), dtype=np.uint32).astype(np.uint64)
    windows = np.lib.stride_tricks.sliding_window_view(letters, SHINGLE)
    return np.unique((windows * _FACTORS).sum(axis=1, dtype=np.uint64))  # modulo 2^64


class _Rarity:
    """The order of all shingles from rare to frequent, in which two lists agree on what comes first."""

    def __init__(self, rows: Sequence[Shingles]) -> None:
        self._values, self._counts = np.unique(np.concatenate(rows), return_counts=True)

    def rarest(self, row: Shingles, threshold: float) -> list[int]:
        """The rarest shingles of `row`, one of which any row that is similar enough has among its own rarest."""
        places = np.searchsorted(self._values, row).clip(max=len(self._values) - 1)
        counts = np.where(self._values[places] == row, self._counts[places], 0)
        fewest_common = ceil(threshold * len(row) - 1e-9)  # rounding must not ask for one more than there need be
        rarest: list[int] = row[np.argsort(counts, kind="stable")][: len(row) - fewest_common + 1].tolist()
        return rarest


def _jaccard(a: Shingles, b: Shingles) -> float:
    common = len(np.intersect1d(a, b, assume_unique=True))
    return common / (len(a) + len(b) - common)
