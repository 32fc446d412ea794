"""Choice log-likelihoods and greedy answers in plain batches, padded on the left, for models that can't share prefixes.

Imports torch.
"""

from collections.abc import Callable, Sequence

import torch

from harness.inference.batching import batches, left_padded
from harness.inference.causal_lm import CausalLM, refuse_nan
from harness.inference.choices import ChoiceRow
from harness.inference.endings import Endings
from harness.inference.outputs import Scored, Written
from harness.inference.walk import LOGITS_BYTES

Through = Callable[[Sequence[int]], None]


def loglikelihoods(
    lm: CausalLM, asked: Sequence[ChoiceRow], *, rows: int, tokens: int, through: Through = lambda rows: None
) -> list[Scored]:
    """For each row that is `asked` the summed log-probability of each of its choices, given the prompt, in nats.

    At most `rows` with `tokens` are in a batch; `through` is told the places of those that are scored.
    """
    longest = max(len(row.head) + 1 for row in asked)
    rows = max(1, min(rows, LOGITS_BYTES // (4 * longest * lm.vocabulary)))
    values: dict[int, Scored] = {}
    for batch in batches([len(row.ids) for row in asked], rows=rows, tokens=tokens):
        values.update(zip(batch, _batch([asked[place] for place in batch], lm), strict=True))
        through(batch)
    return [values[place] for place in range(len(asked))]


def _batch(rows: Sequence[ChoiceRow], lm: CausalLM) -> list[Scored]:
    ids, mask = left_padded([row.ids for row in rows], lm.device)
    longest = max(len(row.head) for row in rows)
    lengths = torch.tensor([len(row.head) for row in rows], device=lm.device)
    in_prompt = mask * (torch.arange(ids.shape[1], 0, -1, device=lm.device) > lengths[:, None])
    # the logits at a position predict the next token, so those before the heads are needed too
    logits = lm.on_rows(ids, mask, keep=longest + 1, prompt=in_prompt)[0].float()
    normalisers, greatest = logits.logsumexp(-1), logits.amax(-1)
    heads = ids[:, ids.shape[1] - longest :]
    taken = logits[:, :-1].gather(-1, heads[..., None])[..., 0]
    in_head = torch.arange(longest, 0, -1, device=lm.device) <= lengths[:, None]
    before_last = (taken - normalisers[:, :-1]).where(in_head, 0.0).sum(-1) - normalisers[:, -1]
    greedy_head = ((taken == greatest[:, :-1]) | ~in_head).all(-1)
    lasts = [logits[i, -1, row.lasts] for i, row in enumerate(rows)]
    sums = [before_last[i] + last for i, last in enumerate(lasts)]
    refuse_nan(torch.cat(sums))
    greedy = [(greedy_head[i] & (last == greatest[i, -1])).tolist() for i, last in enumerate(lasts)]
    return [Scored(values.tolist(), flags) for values, flags in zip(sums, greedy, strict=True)]


def continuations(
    lm: CausalLM,
    prompts: Sequence[Sequence[int]],
    limit: int,
    endings: Endings,
    *,
    rows: int,
    tokens: int,
    through: Through = lambda prompts: None,
) -> list[Written]:
    """What greedy decoding adds to each prompt, at most `limit`, the end token included.

    At most `rows` with `tokens` are in a batch, those to come among them; `through` is told the places of those that
    are answered.
    """
    answers: dict[int, Written] = {}
    for batch in batches([len(prompt) + limit for prompt in prompts], rows=rows, tokens=tokens):
        answers.update(zip(batch, _continue(lm, [prompts[place] for place in batch], limit, endings), strict=True))
        through(batch)
    return [answers[place] for place in range(len(prompts))]


def _continue(lm: CausalLM, prompts: Sequence[Sequence[int]], limit: int, endings: Endings) -> list[Written]:
    ids, mask = left_padded(prompts, lm.device)
    written = [Written() for _ in prompts]
    going_on = set(range(len(prompts)))
    cache, in_prompt = None, mask
    for step in range(limit):
        logits, cache = lm.on_rows(ids, mask, keep=1, prompt=in_prompt, cache=cache)
        refuse_nan(logits)
        greatest, newest = logits[:, -1].max(-1, keepdim=True)
        ids = newest if cache is not None else torch.cat([ids, newest], -1)
        for row in sorted(going_on):
            written[row].add(int(newest[row]), float(greatest[row]))
            if endings.ended(written[row].ids):
                going_on.remove(row)
        if not going_on or step + 1 == limit:
            break
        mask = torch.cat([mask, mask.new_ones(len(prompts), 1)], -1)
        in_prompt = torch.cat([in_prompt, in_prompt.new_zeros(len(prompts), 1)], -1)
    return written
