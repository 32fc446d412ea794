"""One workload by lm-evaluation-harness and by the engine, in turn, from the same texts to the same results.

Both begin with text: tokenising counts, and so does the engine's own check of the model. The engine also runs with
torch's linear layers, which is what sharing prefixes gains without a faster kernel.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from floor import Work, generation_work, scoring_work
from lm_eval_peer import best_peer
from measure import Summary, Timed, conclude, gemm_rate, ratio, take_turns, torch_linear
from workloads import Item

from harness.inference import Engine
from harness.inference.encoding import Pair, encode_pairs

PEER, OURS, ALONE = "lm-eval", "engine", "engine, torch's linear"
Likelihoods = list[tuple[float, ...]]

_HEAD = (
    f"{'':26} {'lm-eval':>8} {'batch':>6} {'engine':>8} {'torch':>8} {'ratio':>7} {'torch':>7} {'max diff':>9} "
    f"{'same':>5} {'unique':>7} {'floor':>6} {'GFLOP/s':>8}"
)
_LEGEND = """seconds of lm-eval, the engine, and the engine with torch's linear layers; lm-eval's over both; the largest
difference of a log-likelihood in nats; whether all answers are the same; tokens that must be computed over those of
lm-eval; the share of the engine's seconds that their arithmetic takes at the rate of a linear layer, which is last"""


@dataclass(frozen=True)
class Contest:
    """What came out: `timed` by way, the `work` there was, and how the results compare.

    `rate` is the best of the machine's operations a second, measured before and after.
    """

    name: str
    timed: dict[str, Timed]
    work: Work
    batch_size: int
    rate: float
    max_abs_diff: float | None
    identical: bool


def encode(tokenizer: Any, items: Sequence[Item]) -> list[list[Pair]]:
    """The token ids of each item's options, after its context."""
    pairs = iter(encode_pairs(tokenizer, ((item.context, option) for item in items for option in item.options)))
    return [[next(pairs) for _ in item.options] for item in items]


def score(model: Any, tokenizer: Any, items: Sequence[Item]) -> Likelihoods:
    """The log-likelihoods of each item's options, by the engine."""
    return score_encoded(model, tokenizer, encode(tokenizer, items))


def score_encoded(model: Any, tokenizer: Any, encoded: Sequence[Sequence[Pair]]) -> Likelihoods:
    """The log-likelihoods of options whose token ids are known, by the engine."""
    prompts = [options[0].context for options in encoded]
    choices = [[option.continuation for option in options] for options in encoded]
    return [scores.loglikelihoods for scores in Engine(model, tokenizer).choose(prompts, choices)]


def generate(model: Any, tokenizer: Any, contexts: Sequence[str], new_tokens: int) -> list[str]:
    """The greedy continuation of each context, by the engine."""
    prompts = [tokenizer(context)["input_ids"] for context in contexts]
    return [answer.text for answer in Engine(model, tokenizer).generate(prompts, max_new_tokens=new_tokens)]


def scoring_contest(name: str, model: Any, tokenizer: Any, items: Sequence[Item], *, part: int, rounds: int) -> Contest:
    """Scores the options of `items` by all ways; the peer's batch size is chosen on the first `part` of them."""
    peer, size = best_peer(model, lambda peer: peer.score(items[:part]))
    rate = gemm_rate()
    timed = _by_all_ways(lambda: peer.score(items), partial(score, model, tokenizer, items), rounds)
    theirs, ours = timed[PEER].result, timed[OURS].result
    pairs = [pair for options in encode(tokenizer, items) for pair in options]
    difference = max(
        abs(a - b) for one, other in zip(theirs, ours, strict=True) for a, b in zip(one, other, strict=True)
    )
    same = _right(items, theirs) == _right(items, ours) == _right(items, timed[ALONE].result)
    return Contest(name, timed, scoring_work(model, pairs), size, max(rate, gemm_rate()), difference, same)


def generation_contest(
    name: str, model: Any, tokenizer: Any, contexts: Sequence[str], new_tokens: int, *, rounds: int
) -> Contest:
    """Continues `contexts` by all ways; the peer's batch size is chosen on some of them."""
    sizes = (4, 16, 32)
    peer, size = best_peer(model, lambda peer: peer.generate(contexts[: max(sizes)], new_tokens), sizes)
    rate = gemm_rate()
    timed = _by_all_ways(
        lambda: peer.generate(contexts, new_tokens), partial(generate, model, tokenizer, contexts, new_tokens), rounds
    )
    same = timed[PEER].result == timed[OURS].result == timed[ALONE].result
    prompts = [tuple(tokenizer(context)["input_ids"]) for context in contexts]
    answers = [tuple(tokenizer(text)["input_ids"]) for text in timed[OURS].result]
    return Contest(name, timed, generation_work(model, prompts, answers), size, max(rate, gemm_rate()), None, same)


def report(contests: Iterable[Contest]) -> None:
    """Prints a line for each contest as it ends, and then the summaries."""
    ended = []
    print(_HEAD)
    for contest in contests:
        ended.append(contest)
        print(_line(contest), flush=True)
    print(_LEGEND)
    conclude(*map(summary, ended))


def summary(contest: Contest) -> Summary:
    """The contest in figures."""
    timed, work = contest.timed, contest.work
    return Summary(
        contest.name,
        ratio(timed[PEER], timed[OURS]),
        contest.max_abs_diff,
        contest.identical,
        work.unique_ratio,
        work.share(timed[OURS].median, contest.rate),
    )


def _by_all_ways(peer: Callable[[], Any], ours: Callable[[], Any], rounds: int) -> dict[str, Timed]:
    def alone() -> Any:
        with torch_linear():
            return ours()

    return take_turns({PEER: peer, OURS: ours, ALONE: alone}, rounds)


def _right(items: Sequence[Item], likelihoods: Likelihoods) -> list[bool]:
    return [
        item.right == max(range(len(row)), key=row.__getitem__) for item, row in zip(items, likelihoods, strict=True)
    ]


def _line(contest: Contest) -> str:
    timed, figures = contest.timed, summary(contest)
    difference = "" if contest.max_abs_diff is None else f"{contest.max_abs_diff:.1e}"
    return (
        f"{contest.name:26} {timed[PEER].median:8.2f} {contest.batch_size:6} {timed[OURS].median:8.2f} "
        f"{timed[ALONE].median:8.2f} {figures.ratio:7.1f} {ratio(timed[PEER], timed[ALONE]):7.1f} {difference:>9} "
        f"{'yes' if contest.identical else 'NO':>5} {figures.unique_token_ratio:7.1%} {figures.floor_share:6.1%} "
        f"{contest.rate / 1e9:8.0f}"
    )
