"""Choice log-likelihoods of many prompts, each distinct prefix computed once. Imports torch."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from harness.inference.causal_lm import CausalLM, refuse_nan
from harness.inference.choices import ChoiceRow
from harness.inference.outputs import Scored
from harness.inference.room import Found, Room
from harness.inference.tree import grow
from harness.inference.walk import Walk


def loglikelihoods(
    lm: CausalLM,
    rows: Sequence[ChoiceRow],
    *,
    cascade: bool,
    room: Room,
    through: Callable[[Sequence[int]], None] = lambda rows: None,
) -> list[Scored]:
    """For each row the summed log-probability of each of its choices, given the prompt, in nats.

    As much is computed at once as `room` has; `through` is told the places of rows that are scored. Raises InputError
    where logits are no numbers, or where memory doesn't suffice for the smallest piece.
    """
    return room.all(rows, partial(_score, lm, cascade=cascade, room=room), through, lm.device)


def _score(lm: CausalLM, rows: Sequence[ChoiceRow], *, cascade: bool, room: Room) -> Found[Scored]:
    """The rows by their places, as the walk comes by the last node of each."""
    tree = grow([row.ids for row in rows], [len(row.head) + 1 for row in rows])
    asked = [  # of each row: the nodes that a token's probability is read from, those of the last tokens repeated
        np.concatenate([nodes, np.repeat(nodes[-1:], len(row.lasts) - 1)])
        for nodes, row in zip(tree.sequences, rows, strict=True)
    ]
    borders = np.cumsum([0, *map(len, asked)])
    nodes = np.concatenate(asked)
    tokens = np.concatenate([np.array([*row.head, *row.lasts], np.int64) for row in rows])
    order = np.argsort(nodes, kind="stable")
    lasts = np.array([row[-1] for row in asked])
    by_last = np.argsort(lasts)
    values, greatest = np.empty(len(nodes)), np.empty(len(nodes), np.bool_)
    wanted = np.unique(nodes)
    room.uses(chunk=min(room.chunk, len(tree)), logits=min(room.logits, room.chunk, len(wanted)))
    done = scored = 0
    for here, logits in Walk(lm, tree, cascade=cascade, room=room).run(len(tree), wanted):
        if not len(here):
            continue
        targets = order[done : done + int(np.searchsorted(nodes[order[done:]], here[-1], side="right"))]
        where = torch.from_numpy(np.searchsorted(here, nodes[targets])).to(lm.device)
        which = torch.from_numpy(tokens[targets]).to(lm.device)
        logits = logits.float()
        found = torch.log_softmax(logits, -1)[where, which]
        refuse_nan(found)
        values[targets] = found.cpu().numpy()
        greatest[targets] = (logits[where, which] == logits.amax(-1)[where]).cpu().numpy()
        done += len(targets)
        now = int(np.searchsorted(lasts[by_last], here[-1], side="right"))
        places: list[int] = by_last[scored:now].tolist()
        parts = [slice(borders[place], borders[place + 1]) for place in places]
        yield (
            places,
            [_choices(rows[place], values[part], greatest[part]) for place, part in zip(places, parts, strict=True)],
        )
        scored = now


def _choices(row: ChoiceRow, values: NDArray[np.float64], greatest: NDArray[np.bool_]) -> Scored:
    """The row's choices from what is known of each token of its head and of their last tokens."""
    head = len(row.head)
    greedy_head = bool(greatest[:head].all())
    return Scored(
        [float(values[:head].sum() + last) for last in values[head:]],
        [greedy_head and bool(last) for last in greatest[head:]],
    )
