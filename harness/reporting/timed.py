"""How the seconds of a query were measured, in words: here one alone, behind a server with others under way."""

from harness.comparison import Comparison


def timed(comparison: Comparison) -> str:
    """What the columns of seconds, tokens, operations and memory mean, in Markdown."""
    if _served(comparison):
        return (
            "To ask a server. `query ms` is a query's share of the time in which all were answered, with as many "
            "requests under way at once as the run allowed; `p50` and `p95` are from request to reply under that load, "
            "network and queue included, and a query's share of the retrieval: not those of one query alone. Tokens "
            "are counted by the server. `-`: not known."
        )
    return (
        "To ask. `query ms` is a case's share of all that were computed with it, what their prompts begin with alike "
        "computed once; `p50` and `p95` are those of one query alone, its retrieval included. GFLOPs are those of one "
        "query alone, memory is that of weights, index and the longest case. `-`: not measured."
    )


def timed_briefly(comparison: Comparison) -> str:
    """What the seconds of a query are, in plain text."""
    if _served(comparison):
        return (
            "p50 and p95: from request to reply, with as many requests under way at once as the run allowed, network, "
            "queue and a share of the retrieval included; at throughput: a query's share of the time under that load."
        )
    return (
        "Seconds are those of the machine that ran it. p50 and p95: one query alone, retrieval included; at "
        "throughput: its share of all that were computed together."
    )


def _served(comparison: Comparison) -> bool:
    return any(cost.served for cost in comparison.costs)
