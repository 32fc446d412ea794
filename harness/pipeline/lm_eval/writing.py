"""How an answer of a task is to be written, from what it tells the library of it: only greedily, as the engine does."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.errors import InputError
from harness.pipeline.lm_eval.library import library_errors

_HEEDED = {"until", "do_sample", "temperature", "top_p", "top_k", "max_gen_toks"}  # the others change a greedy answer


@dataclass(frozen=True)
class Writing:
    """How an answer is written: greedily, up to `max_new_tokens` or the first `stop` text."""

    max_new_tokens: int
    stop: tuple[str, ...]


def writing(task: str, settings: Mapping[str, Any]) -> Writing:
    """What `task` tells the library's models of writing; raises InputError for what isn't greedy."""
    from lm_eval.defaults import DEFAULT_MAX_GEN_TOKS
    from lm_eval.models.utils import handle_stop_sequences, normalize_gen_kwargs

    with library_errors(f"lm_eval:{task}: its generation_kwargs can't be read"):
        told: dict[str, Any] = {**normalize_gen_kwargs(dict(settings), DEFAULT_MAX_GEN_TOKS)}
        stop = tuple(handle_stop_sequences(told.get("until"), eos=None))
    unheeded = sorted(told.keys() - _HEEDED)
    if told.get("do_sample") or unheeded:
        asked = ", ".join(unheeded) or "do_sample"
        raise InputError(
            f"lm_eval:{task}: its generation_kwargs ask for {asked}, and the engine writes greedily, so its answers "
            "would not be those that the task means. Choose another task, or take that out in a copy of its file."
        )
    return Writing(int(told["max_gen_toks"]), stop)
