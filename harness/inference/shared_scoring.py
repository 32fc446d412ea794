"""Choice log-likelihoods of many prompts, each distinct prefix computed once. Imports torch."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from harness.inference.causal_lm import CausalLM, refuse_nan
from harness.inference.choices import ChoiceRow
from harness.inference.outputs import Scored
from harness.inference.tree import Nodes, grow
from harness.inference.walk import Walk


def loglikelihoods(
    lm: CausalLM,
    rows: Sequence[ChoiceRow],
    *,
    cascade: bool,
    chunk: int,
    through: Callable[[Sequence[int]], None] = lambda rows: None,
) -> list[Scored]:
    """For each row the summed log-probability of each of its choices, given the prompt, in nats.

    `chunk` nodes are computed at once; `through` is told the places of rows that are scored. Raises InputError where
    logits are no numbers.
    """
    tree = grow([row.ids for row in rows], [len(row.head) + 1 for row in rows])
    asked = [  # of each row: the nodes that a token's probability is read from, those of the last tokens repeated
        np.concatenate([nodes, np.repeat(nodes[-1:], len(row.lasts) - 1)])
        for nodes, row in zip(tree.sequences, rows, strict=True)
    ]
    nodes = np.concatenate(asked)
    tokens = np.concatenate([np.array([*row.head, *row.lasts], np.int64) for row in rows])
    order = np.argsort(nodes, kind="stable")
    lasts = np.array([row[-1] for row in asked])
    by_last = np.argsort(lasts)
    values, greatest = np.empty(len(nodes)), np.empty(len(nodes), np.bool_)
    done = scored = 0
    for here, logits in Walk(lm, tree, cascade=cascade, chunk=chunk).run(len(tree), np.unique(nodes)):
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
        through(by_last[scored:now].tolist())
        scored = now
    borders = _borders(asked)
    parts = zip(np.split(values, borders), np.split(greatest, borders), strict=True)
    return [_choices(row, *part) for row, part in zip(rows, parts, strict=True)]


def _borders(asked: Sequence[Nodes]) -> list[int]:
    borders: list[int] = np.cumsum([len(nodes) for nodes in asked])[:-1].tolist()
    return borders


def _choices(row: ChoiceRow, values: NDArray[np.float64], greatest: NDArray[np.bool_]) -> Scored:
    """The row's choices from what is known of each token of its head and of their last tokens."""
    head = len(row.head)
    greedy_head = bool(greatest[:head].all())
    return Scored(
        [float(values[:head].sum() + last) for last in values[head:]],
        [greedy_head and bool(last) for last in greatest[head:]],
    )
