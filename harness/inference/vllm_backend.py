"""A model computed by vLLM (an extra; GPUs): each prefix is computed once, and one base serves many LoRA adapters.

vLLM reads kept prefixes only for requests that don't ask for the log-probabilities of their prompt. So a choice isn't
scored by its prompt: each of its tokens is asked for after the prefix before it, one new token a request, with the
log-probabilities of the tokens that may follow (`logprob_token_ids`). Written against vLLM 0.33; imports it lazily.
"""

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

from harness.errors import InputError
from harness.inference.backend import Advance, ignore, refuse_empty
from harness.inference.endings import Endings
from harness.inference.outputs import ChoiceScores, Generation

AT_ONCE = 1024  # requests between two calls of `advance`; vLLM itself decides how many of them it computes together
MOST_FOLLOWING = 128  # tokens that one request may ask about: vLLM's MAX_LOGPROB_TOKEN_IDS
MOST_ADAPTERS = 8  # that are on the device at once, where they take memory; others are loaded when they are asked

Prefix = tuple[int, ...]


class Adapter(NamedTuple):
    """A LoRA adapter in peft's format: `number`, from 1 on, tells it from others of the same base."""

    name: str
    number: int
    folder: Path


class Following(NamedTuple):
    """What comes after a prefix: the log-probability of each token that was asked for, and the greatest of all."""

    of: Mapping[int, float]
    greatest: float


class VllmBackend:
    """One model of a vLLM `LLM`: its base, or one of the adapters beside it."""

    mode = "vllm"
    fallback = ""

    def __init__(
        self, llm: Any, tokenizer: Any, folder: Path, weight_bytes: int, adapter: Adapter | None = None
    ) -> None:
        """`llm` was made by `load`; `folder` is the model's own, for its generation settings."""
        self.weight_bytes = weight_bytes
        self._llm, self._tokenizer, self._adapter = llm, tokenizer, adapter
        self._settings = SimpleNamespace(generation_config=_generation_config(folder))

    def choose(
        self,
        prompts: Sequence[Sequence[int]],
        choices: Sequence[Sequence[Sequence[int]]],
        *,
        advance: Advance = ignore,
    ) -> list[ChoiceScores]:
        """As `Backend.choose`: a request for every token of a choice but those that others share."""
        refuse_empty("prompt", prompts)
        refuse_empty("choice", [choice for options in choices for choice in options])
        began = time.perf_counter()
        asked = questions(prompts, choices)
        found: dict[Prefix, Following] = {}
        for begin in range(0, len(asked), AT_ONCE):
            part = asked[begin : begin + AT_ONCE]
            for (prefix, _), reply in zip(part, self._ask(part), strict=True):
                found[prefix] = joined(found.get(prefix), following(reply))
        advance(len(prompts))
        seconds = (time.perf_counter() - began) / max(1, len(prompts))
        return [scored(prompt, options, found, seconds) for prompt, options in zip(prompts, choices, strict=True)]

    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        *,
        max_new_tokens: int,
        stop: Sequence[str] = (),
        advance: Advance = ignore,
    ) -> list[Generation]:
        """As `Backend.generate`; the text is cut by the harness itself, as the engine's is."""
        refuse_empty("prompt", prompts)
        endings = Endings(self._settings, self._tokenizer, stop)
        if not prompts or not max_new_tokens:
            return [Generation("", 0, False, 0.0) for _ in prompts]
        from vllm import SamplingParams

        began = time.perf_counter()
        settings = SamplingParams(
            temperature=0.0, max_tokens=max_new_tokens, stop=list(stop) or None, stop_token_ids=endings.tokens
        )
        replies: list[Any] = []
        for begin in range(0, len(prompts), AT_ONCE):
            part = prompts[begin : begin + AT_ONCE]
            replies += self._run([list(prompt) for prompt in part], [settings] * len(part))
            advance(len(part))
        seconds = (time.perf_counter() - began) / len(prompts)
        return [generation(reply, endings, seconds) for reply in replies]

    def count(self, texts: Sequence[str]) -> list[int]:
        """How many tokens each of `texts` has, without special ones."""
        if not texts:
            return []
        return [len(ids) for ids in self._tokenizer(list(texts), add_special_tokens=False)["input_ids"]]

    def _ask(self, asked: Sequence[tuple[Prefix, list[int]]]) -> list[Any]:
        """One new token after each prefix, with the log-probabilities of some tokens in its place."""
        from vllm import SamplingParams

        settings = [
            SamplingParams(temperature=0.0, max_tokens=1, logprob_token_ids=tokens, detokenize=False)
            for _, tokens in asked
        ]
        return self._run([list(prefix) for prefix, _ in asked], settings)

    def _run(self, prompts: Sequence[list[int]], settings: Sequence[Any]) -> list[Any]:
        """VLLM's replies, in the order of the prompts; raises InputError for what it refuses."""
        from vllm.lora.request import LoRARequest

        adapter = self._adapter and LoRARequest(self._adapter.name, self._adapter.number, str(self._adapter.folder))
        try:
            return self._llm.generate(  # type: ignore[no-any-return]
                [{"prompt_token_ids": prompt} for prompt in prompts],
                list(settings),
                use_tqdm=False,
                lora_request=adapter,
            )
        except ValueError as error:
            raise InputError(
                f"vLLM refuses a prompt ({error}). It needs room for one token more than the engine: shorten the "
                "prompts, or use --backend engine."
            ) from error


def questions(
    prompts: Sequence[Sequence[int]], choices: Sequence[Sequence[Sequence[int]]]
) -> list[tuple[Prefix, list[int]]]:
    """Each distinct prefix before a token of some choice, with the tokens that are asked for after it.

    Those that begin alike stand together, so that what they share is still kept. More tokens than one request may ask
    about are divided.
    """
    wanted: dict[Prefix, dict[int, None]] = {}
    for prompt, options in zip(prompts, choices, strict=True):
        for choice in options:
            ids = tuple(map(int, (*prompt, *choice)))
            for end in range(len(prompt), len(ids)):
                wanted.setdefault(ids[:end], {})[ids[end]] = None
    return [
        (prefix, list(wanted[prefix])[begin : begin + MOST_FOLLOWING])
        for prefix in sorted(wanted)
        for begin in range(0, len(wanted[prefix]), MOST_FOLLOWING)
    ]


def following(reply: Any) -> Following:
    """What a `RequestOutput` says of its one new token; raises InputError where it is no number.

    `outputs[0].logprobs` is a list with a dict for each new token, from a token's id to a `Logprob`: the tokens that
    were asked for, and the one that was taken, which has the greatest of all.
    """
    (told,) = reply.outputs[0].logprobs
    values = {token: one.logprob for token, one in told.items()}
    if any(math.isnan(value) for value in values.values()):
        raise InputError(
            "the model's log-probabilities are no numbers (nan), so its answers would be noise. Compute in another "
            "number format (--dtype float32), or mend the weights."
        )
    return Following(values, max(values.values()))


def joined(one: Following | None, other: Following) -> Following:
    """What two requests said after the same prefix."""
    return other if one is None else Following({**one.of, **other.of}, max(one.greatest, other.greatest))


def scored(
    prompt: Sequence[int], options: Iterable[Sequence[int]], found: Mapping[Prefix, Following], seconds: float
) -> ChoiceScores:
    """The choices of one prompt, from what follows each of their prefixes."""
    sums, greedy = [], []
    for choice in options:
        ids = tuple(map(int, (*prompt, *choice)))
        places = range(len(prompt), len(ids))
        each = [(found[ids[:end]].of[ids[end]], found[ids[:end]].greatest) for end in places]
        sums.append(math.fsum(value for value, _ in each))
        greedy.append(all(value >= greatest for value, greatest in each))
    return ChoiceScores(tuple(sums), seconds, tuple(greedy))


def generation(reply: Any, endings: Endings, seconds: float) -> Generation:
    """The answer in a `RequestOutput`: `outputs[0].token_ids` are its tokens, an end token included."""
    output = reply.outputs[0]
    text, ended = endings.cut(list(output.token_ids))
    return Generation(text, len(output.token_ids), ended or output.finish_reason == "stop", seconds)


def check_vllm() -> None:
    """Raises InputError if vLLM isn't installed; imports nothing."""
    if find_spec("vllm") is None:
        raise InputError(
            'vLLM is not installed, so it can\'t answer. Install it where there is a GPU: pip install "harness[vllm]", '
            "or use --backend engine."
        )


def load(folder: Path, tokenizer: Path, *, dtype: str, devices: int, ranks: Sequence[int], trusted: bool) -> Any:
    """A vLLM `LLM` of the model in `folder`, over `devices` GPUs, that keeps prefixes.

    `ranks` are those of the LoRA adapters that it will be asked with, none where there are none. Raises InputError if
    vLLM isn't installed.
    """
    check_vllm()
    from vllm import LLM
    from vllm.config.lora import MaxLoRARanks

    adapters: dict[str, Any] = {}
    if ranks:
        allowed = [rank for rank in sorted(MaxLoRARanks.__args__) if rank >= max(ranks)]
        if not allowed:
            raise InputError(
                f"vLLM takes no LoRA adapter of rank {max(ranks)}. Lower the rank, or use --backend engine."
            )
        count = min(len(ranks), MOST_ADAPTERS)
        adapters = {"enable_lora": True, "max_loras": count, "max_lora_rank": allowed[0]}
    return LLM(
        model=str(folder),
        tokenizer=str(tokenizer),
        dtype=dtype,
        seed=0,
        enable_prefix_caching=True,
        tensor_parallel_size=devices,
        trust_remote_code=trusted,
        **adapters,
    )


def _generation_config(folder: Path) -> Any:
    """The model's generation settings, which name its end tokens, or those that its configuration implies."""
    from transformers import AutoConfig, GenerationConfig

    if (folder / "generation_config.json").is_file():
        return GenerationConfig.from_pretrained(folder)
    return GenerationConfig.from_model_config(AutoConfig.from_pretrained(folder, local_files_only=True))
