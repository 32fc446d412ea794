"""Choice log-likelihoods of many prompts, each distinct prefix computed once. Imports torch."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from harness.inference.causal_lm import CausalLM, refuse_nan
from harness.inference.choices import ChoiceRow
from harness.inference.tree import Nodes, grow
from harness.inference.walk import Walk


def loglikelihoods(
    lm: CausalLM,
    rows: Sequence[ChoiceRow],
    *,
    cascade: bool,
    chunk: int,
    through: Callable[[Sequence[int]], None] = lambda rows: None,
) -> list[list[float]]:
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
    values = np.empty(len(nodes))
    done = scored = 0
    for here, logits in Walk(lm, tree, cascade=cascade, chunk=chunk).run(len(tree), np.unique(nodes)):
        if not len(here):
            continue
        targets = order[done : done + int(np.searchsorted(nodes[order[done:]], here[-1], side="right"))]
        where = torch.from_numpy(np.searchsorted(here, nodes[targets])).to(lm.device)
        which = torch.from_numpy(tokens[targets]).to(lm.device)
        found = torch.log_softmax(logits.float(), -1)[where, which]
        refuse_nan(found)
        values[targets] = found.cpu().numpy()
        done += len(targets)
        now = int(np.searchsorted(lasts[by_last], here[-1], side="right"))
        through(by_last[scored:now].tolist())
        scored = now
    return [_choices(row, part) for row, part in zip(rows, np.split(values, _borders(asked)), strict=True)]


def _borders(asked: Sequence[Nodes]) -> list[int]:
    borders: list[int] = np.cumsum([len(nodes) for nodes in asked])[:-1].tolist()
    return borders


def _choices(row: ChoiceRow, values: NDArray[np.float64]) -> list[float]:
    """The values of the row's choices from those of its head and of their last tokens."""
    head = len(row.head)
    return [float(values[:head].sum() + last) for last in values[head:]]
