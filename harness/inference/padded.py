"""Choice log-likelihoods and greedy answers in plain batches, padded on the left, for models that can't share prefixes.

Imports torch.
"""

from collections.abc import Callable, Sequence
from functools import partial

import torch

from harness.inference.batching import batches, left_padded
from harness.inference.causal_lm import CausalLM, refuse_nan
from harness.inference.choices import ChoiceRow
from harness.inference.endings import Endings
from harness.inference.outputs import Scored, Written
from harness.inference.room import Found, Room

Through = Callable[[Sequence[int]], None]


def loglikelihoods(
    lm: CausalLM, asked: Sequence[ChoiceRow], *, rows: int, room: Room, through: Through = lambda rows: None
) -> list[Scored]:
    """For each row that is `asked` the summed log-probability of each of its choices, given the prompt, in nats.

    At most `rows` are in a batch, with as many tokens as `room` has; `through` is told the places of those that are
    scored. Raises InputError where logits are no numbers, or where memory doesn't suffice for one row.
    """
    return room.all(asked, partial(_score, lm, most=rows, room=room), through, lm.device)


def _score(lm: CausalLM, asked: Sequence[ChoiceRow], *, most: int, room: Room) -> Found[Scored]:
    lengths = [len(row.ids) for row in asked]
    for batch in batches(lengths, rows=most, tokens=room.tokens):
        rows = [asked[place] for place in batch]
        needed = len(rows) * (1 + max(len(row.head) for row in rows))
        room.uses(tokens=_tokens(batch, lengths), logits=min(room.logits, needed))
        yield batch, _batch(rows, lm, room.logits)


def _batch(rows: Sequence[ChoiceRow], lm: CausalLM, most: int) -> list[Scored]:
    """The choices of all rows; the logits of at most `most` tokens are held at once."""
    ids, mask = left_padded([row.ids for row in rows], lm.device)
    longest = max(len(row.head) for row in rows)
    lengths = torch.tensor([len(row.head) for row in rows], device=lm.device)
    in_prompt = mask * (torch.arange(ids.shape[1], 0, -1, device=lm.device) > lengths[:, None])
    targets = torch.cat([ids[:, ids.shape[1] - longest :], ids.new_zeros(len(rows), 1)], -1)
    in_head = torch.arange(longest, -1, -1, device=lm.device) <= lengths[:, None]
    in_head[:, -1] = False  # after the head come the last tokens
    sums = torch.zeros(len(rows), device=lm.device)
    greedy_head = torch.ones(len(rows), dtype=torch.bool, device=lm.device)
    # the logits at a position predict the next token, so those before the heads are needed too
    slices = lm.on_rows_in_slices(ids, mask, keep=longest + 1, prompt=in_prompt, most=max(1, most // len(rows)))
    begin = 0
    for part in slices:
        logits = part.float()
        here = slice(begin, begin + logits.shape[1])
        taken = logits.gather(-1, targets[:, here, None])[..., 0]
        normalisers, greatest = logits.logsumexp(-1), logits.amax(-1)
        sums += (taken - normalisers).where(in_head[:, here], 0.0).sum(-1)
        greedy_head &= ((taken == greatest) | ~in_head[:, here]).all(-1)
        begin = here.stop
    lasts = [logits[row, -1, asked.lasts] for row, asked in enumerate(rows)]
    each = [sums[row] - normalisers[row, -1] + last for row, last in enumerate(lasts)]
    refuse_nan(torch.cat(each))
    greedy = [(greedy_head[row] & (last == greatest[row, -1])).tolist() for row, last in enumerate(lasts)]
    return [Scored(values.tolist(), flags) for values, flags in zip(each, greedy, strict=True)]


def continuations(
    lm: CausalLM,
    prompts: Sequence[Sequence[int]],
    limit: int,
    endings: Endings,
    *,
    rows: int,
    room: Room,
    through: Through = lambda prompts: None,
) -> list[Written]:
    """What greedy decoding adds to each prompt, at most `limit`, the end token included.

    At most `rows` are in a batch, with as many tokens as `room` has, those to come among them; `through` is told the
    places of those that are answered. Raises InputError where logits are no numbers, or where memory doesn't suffice
    for one row.
    """
    return room.all(
        prompts, partial(_answer, lm, limit=limit, endings=endings, most=rows, room=room), through, lm.device
    )


def _answer(
    lm: CausalLM, prompts: Sequence[Sequence[int]], *, limit: int, endings: Endings, most: int, room: Room
) -> Found[Written]:
    lengths = [len(prompt) + limit for prompt in prompts]
    for batch in batches(lengths, rows=most, tokens=room.tokens):
        room.uses(tokens=_tokens(batch, lengths))
        yield batch, _continue(lm, [prompts[place] for place in batch], limit, endings)


def _tokens(batch: Sequence[int], lengths: Sequence[int]) -> int:
    """How many tokens a batch has with its padding; one for a single row, which can't be made less."""
    return len(batch) * max(lengths[place] for place in batch) if len(batch) > 1 else 1


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
