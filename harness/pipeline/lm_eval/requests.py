"""What each case of a task asks of the engine, in token ids: exactly as lm-evaluation-harness divides its texts.

With passages the case's contexts come after them; where the window is short whole passages are left out, the last
first. What is too long without any loses its beginning, as it does there.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.errors import InputError
from harness.inference.encoding import Pair, encode_pairs, encode_prompts, encode_windows
from harness.pipeline.lm_eval.task import GENERATE, ROLLING, LMEvalTask
from harness.pipeline.lm_eval.writing import Writing, writing

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

logger = logging.getLogger(__name__)

_SHOWN_CHARACTERS = 60


@dataclass(frozen=True)
class Requests:
    """What one case asks: to score each of `pairs`, and to go on from `prompt`, as `writing` says, where there is one.

    `passages` come before it; `cut` counts the tokens of all contexts that the window had no room for.
    """

    pairs: tuple[Pair, ...] = ()
    prompt: tuple[int, ...] = ()
    writing: Writing | None = None
    passages: int = 0
    cut: int = 0

    @property
    def ids(self) -> tuple[int, ...]:
        """What the model reads first: the prompt to go on from, or else the first context."""
        return self.prompt or (self.pairs[0].context if self.pairs else ())


def requests(
    task: LMEvalTask,
    instances: Sequence[Sequence[Any]],
    blocks: Sequence[Sequence[str]],
    tokenizer: "PreTrainedTokenizerBase",
    window: int | None,
) -> list[Requests]:
    """What each case asks, given its library `instances`, after as many of its passages, as worded, as fit.

    Where the model doesn't say how large its `window` is, it is what the library takes then. Raises InputError for what
    can't be asked, and for a passage that holds a control token.
    """
    from lm_eval.defaults import DEFAULT_MAX_LENGTH

    if task.rolling and any(blocks):
        raise InputError(
            f"lm_eval:{task.name} scores whole texts, which come after nothing, so no passages can be shown before "
            "them. Leave the contexts with rag-K out, or this task."
        )
    _refuse_control(tokenizer, blocks)
    try:
        found = [
            _with_passages(task, asked, shown, tokenizer, window or DEFAULT_MAX_LENGTH)
            for asked, shown in zip(instances, blocks, strict=True)
        ]
    except InputError as error:
        raise InputError(f"lm_eval:{task.name}: {error}") from None
    if cut := sum(bool(one.cut) for one in found):
        logger.warning(
            "lm_eval:%s: %d of %d cases are longer than the model's window and lose their beginning, as they do in "
            "lm-evaluation-harness.",
            *(task.name, cut, len(found)),
        )
    return found


def _with_passages(
    task: LMEvalTask, asked: Sequence[Any], blocks: Sequence[str], tokenizer: "PreTrainedTokenizerBase", window: int
) -> Requests:
    for count in range(len(blocks), 0, -1):
        found = _encoded(task, asked, "".join(blocks[:count]) + "\n", count, tokenizer, window)
        if not found.cut:
            return found
    return _encoded(task, asked, "", 0, tokenizer, window)


def _encoded(
    task: LMEvalTask,
    asked: Sequence[Any],
    before: str,
    passages: int,
    tokenizer: "PreTrainedTokenizerBase",
    window: int,
) -> Requests:
    """What one case asks, each of its contexts after the text `before`, but for one of nothing."""
    written = [one for one in asked if one.request_type == GENERATE]
    rolled = [one for one in asked if one.request_type == ROLLING]
    if len(written) > 1 or (rolled and len(asked) > 1):
        raise InputError("it asks for several answers to one document, which the harness doesn't. Choose another task.")
    if rolled:
        return Requests(tuple(encode_windows(tokenizer, rolled[0].args[0], window=window)))
    texts = [one.args for one in asked if one.request_type != GENERATE]
    pairs = encode_pairs(tokenizer, [(context and before + context, end) for context, end in texts], window=window)
    cut = sum(pair.cut for pair in pairs)
    if not written:
        return Requests(tuple(pairs), passages=passages, cut=cut)
    context, settings = written[0].args
    told = writing(task.name, settings)
    if told.max_new_tokens >= window:
        raise InputError(
            f"its answers may have {told.max_new_tokens} tokens and the model's window holds {window}, so there is no "
            "room for the question. Take a base with a larger window, or a copy of the task with a lower max_gen_toks."
        )
    [(prompt, short)] = encode_prompts(tokenizer, [before + context], room=window - told.max_new_tokens)
    return Requests(tuple(pairs), prompt, told, passages, cut + short)


def _refuse_control(tokenizer: "PreTrainedTokenizerBase", blocks: Sequence[Sequence[str]]) -> None:
    """Raises InputError for a passage with a control token: here texts are encoded as they are."""
    control = [str(token) for token in tokenizer.added_tokens_decoder.values() if token.special]
    for block in {block for shown in blocks for block in shown}:
        forged = next((token for token in control if token in block), None)
        if forged:
            raise InputError(
                f"the passage {block[:_SHOWN_CHARACTERS]!r}… holds {forged!r}, which the model reads as a control "
                "token in prompts of lm-evaluation-harness. Take it out of the document."
            )
