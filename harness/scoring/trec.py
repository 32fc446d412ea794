"""The lines of TREC run and qrels files, for trec_eval and all that reads its formats.

Ids stand in them percent-encoded where they hold what would end a field: white space, control characters, anything
that is not ASCII, and the percent sign itself. Other ids stand as they are.
"""

from collections.abc import Iterable, Iterator, Sequence
from string import ascii_letters, digits, punctuation
from urllib.parse import quote, unquote

_PLAIN = (ascii_letters + digits + punctuation).replace("%", "")


def run_lines(query: str, ranking: Sequence[str], tag: str) -> Iterator[str]:
    """The lines of one query in a run file: `query Q0 id rank score tag`, the best first.

    The scores count down to 1, since trec_eval orders by score and never by rank. Raises ValueError for a name twice.
    """
    if len(set(ranking)) < len(ranking):
        raise ValueError(f"the ranking of {query!r} has a name twice: {list(ranking)}")
    for rank, name in enumerate(ranking, 1):
        score = len(ranking) + 1 - rank
        yield f"{encoded(query)} Q0 {encoded(name)} {rank} {score} {encoded(tag)}\n"


def qrels_lines(query: str, relevant: Iterable[str]) -> Iterator[str]:
    """The lines of one query in a qrels file: `query 0 id 1` for each name that is relevant."""
    for name in dict.fromkeys(relevant):
        yield f"{encoded(query)} 0 {encoded(name)} 1\n"


def encoded(name: str) -> str:
    """`name` as a field of a TREC file; raises ValueError for an empty one, which no field can hold."""
    if not name:
        raise ValueError("an empty name can't stand in a TREC file")
    return quote(name, safe=_PLAIN, errors="surrogatepass")


def decoded(field: str) -> str:
    """The name that `encoded` made into `field`."""
    return unquote(field, errors="surrogatepass")
