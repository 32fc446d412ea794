"""What every backend promises, whatever computes it. A backend is one entry of SUBJECTS; the tests know no other names.

Each is compared with plain forward passes of transformers, of the weights as they are held, one row at a time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import GenerationConfig

from harness.errors import InputError
from harness.inference import Backend, Engine, Mode
from harness.weights import Base, Hardware, load_base, load_tokenizer, locate_base

Tokens = list[list[int]]

NEW = 12
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Subject:
    """A backend: how it and the plain model that it is compared with are made, and how far they may be apart.

    `nats` is for one choice; `same_text` the share of answers that must be those of the plain model: in 16 bits two
    tokens can be equally likely, and a batch of another size decides between them.
    """

    backend: Callable[[Base], Backend]
    plain: Callable[[Base], Any]
    nats: float = 1e-4
    same_text: float = 1.0
    absent: str = ""


def engine(hardware: Hardware, mode: Mode | None, base: Base) -> Engine:
    return Engine(load_base(base, hardware), load_tokenizer(base), mode=mode)


def by_engine(hardware: Hardware, mode: Mode | None = None, **declared: Any) -> Subject:
    """The engine over a base that is held as `hardware` says; in the quickest mode, if none is named."""
    return Subject(partial(engine, hardware, mode), lambda base: load_base(base, hardware), **declared)


def vllm(base: Base) -> Backend:
    from harness.inference.vllm_backend import VllmBackend, load

    llm = load(base.path, base.path, dtype="float32", devices=1, ranks=(), trusted=False)
    return VllmBackend(llm, load_tokenizer(base), base.path, 0)


PLAIN = Hardware(CPU, torch.float32)
NO_CUDA = "" if torch.cuda.is_available() else "this machine has no CUDA device"
NO_VLLM = NO_CUDA or ("" if find_spec("vllm") else 'vLLM is not installed (pip install "harness[vllm]")')
NO_BITS = "" if find_spec("bitsandbytes") else 'bitsandbytes is not installed (pip install "harness[qlora]")'
GPU = torch.device("cuda")

SUBJECTS = {
    **{f"engine-{mode}": by_engine(PLAIN, mode) for mode in Mode},
    "engine-spread": by_engine(Hardware(CPU, torch.float32, spread=True)),
    "engine-spread-to-disk": by_engine(Hardware(CPU, torch.float32, spread=True, max_memory={"cpu": "600KB"})),
    "engine-bf16": by_engine(Hardware(CPU, torch.bfloat16), nats=0.5, same_text=0.75),
    "engine-fp16": by_engine(Hardware(CPU, torch.float16), nats=0.1, same_text=0.75),
    "engine-4bit": by_engine(Hardware(CPU, torch.float32, load_in="4bit"), absent=NO_BITS),
    "engine-8bit": by_engine(Hardware(CPU, torch.float32, load_in="8bit"), absent=NO_BITS),
    "engine-4bit-spread": by_engine(Hardware(CPU, torch.float32, spread=True, load_in="4bit"), absent=NO_BITS),
    "engine-cuda": by_engine(Hardware(GPU, torch.float32), nats=1e-3, absent=NO_CUDA),
    "engine-cuda-bf16": by_engine(Hardware(GPU, torch.bfloat16), nats=0.5, same_text=0.75, absent=NO_CUDA),
    "engine-cuda-fp16": by_engine(Hardware(GPU, torch.float16), nats=0.1, same_text=0.75, absent=NO_CUDA),
    "engine-cuda-spread": by_engine(Hardware(GPU, torch.float32, spread=True), nats=1e-3, absent=NO_CUDA),
    "engine-cuda-4bit": by_engine(
        Hardware(GPU, torch.bfloat16, load_in="4bit"), nats=0.5, same_text=0.75, absent=NO_CUDA or NO_BITS
    ),
    "engine-cuda-8bit": by_engine(
        Hardware(GPU, torch.bfloat16, load_in="8bit"), nats=0.5, same_text=0.75, absent=NO_CUDA or NO_BITS
    ),
    "vllm": Subject(
        vllm, lambda base: load_base(base, Hardware(GPU, torch.float32)), nats=0.05, same_text=0.75, absent=NO_VLLM
    ),
}


@pytest.fixture(scope="module", params=SUBJECTS)
def subject(request: pytest.FixtureRequest) -> Subject:
    found = SUBJECTS[request.param]
    if found.absent:
        pytest.skip(found.absent)
    return found


@pytest.fixture(scope="module")
def base(stories: Any) -> Base:
    return locate_base(str(Path(stories.config.name_or_path)))


@pytest.fixture(scope="module")
def backend(subject: Subject, base: Base) -> Backend:
    return subject.backend(base)


@pytest.fixture(scope="module")
def plain(subject: Subject, base: Base) -> Any:
    return subject.plain(base)


@pytest.fixture(scope="module")
def some(prompts: Tokens) -> Tokens:
    """Eight prompts, of all lengths, and the first of them once more."""
    return [*prompts[::3], prompts[0]]


@pytest.fixture(scope="module")
def choices(some: Tokens) -> list[Tokens]:
    """Choices that share their first tokens, one of one token, and the same one twice."""
    generator = torch.Generator().manual_seed(0)
    drawn = [torch.randint(3, 512, (6,), generator=generator).tolist() for _ in some]
    return [[ids[:3], [*ids[:2], ids[4]], ids[5:], ids[:3]] for ids in drawn]


def likelihoods(plain: Any, prompt: Sequence[int], choice: Sequence[int]) -> tuple[float, bool]:
    """Of `choice` after `prompt`, in nats, and whether each token is the likeliest, by one plain forward."""
    with torch.no_grad():
        ids = torch.tensor([[*prompt, *choice]], device=next(plain.get_input_embeddings().parameters()).device)
        logits = plain(input_ids=ids if ids.device.type != "meta" else ids.to("cpu")).logits[0].float().cpu()
    logits = logits[len(prompt) - 1 : -1]
    each = torch.log_softmax(logits, -1)
    taken = torch.tensor(list(choice))[:, None]
    greedy = bool((logits.gather(-1, taken)[:, 0] == logits.amax(-1)).all())
    return float(each.gather(-1, taken).double().sum()), greedy


def answer(plain: Any, tokenizer: Any, prompt: Sequence[int]) -> str:
    """What transformers' own greedy decoding writes."""
    ids = torch.tensor([list(prompt)], device=plain.device if plain.device.type != "meta" else "cpu")
    settings = GenerationConfig(
        do_sample=False, max_new_tokens=NEW, pad_token_id=0, eos_token_id=plain.generation_config.eos_token_id
    )
    whole = plain.generate(ids, attention_mask=torch.ones_like(ids), generation_config=settings)
    return str(tokenizer.decode(whole[0, len(prompt) :].tolist(), skip_special_tokens=True))


def test_scores_are_those_of_plain_forwards(
    subject: Subject, backend: Backend, plain: Any, some: Tokens, choices: list[Tokens]
) -> None:
    """Log-likelihoods are within what the backend declares; choices keep their order, equal ones are equal."""
    for prompt, options, scores in zip(some, choices, backend.choose(some, choices), strict=True):
        right = [likelihoods(plain, prompt, choice)[0] for choice in options]
        assert scores.loglikelihoods == pytest.approx(right, rel=0, abs=subject.nats)
        assert scores.loglikelihoods[0] == scores.loglikelihoods[3]
        assert scores.seconds > 0


def test_greedy_flags_tell_what_decoding_would_write(
    subject: Subject, backend: Backend, plain: Any, some: Tokens
) -> None:
    """The likeliest token is flagged and the least likely isn't, also where it comes after a likely one."""
    for prompt in some[:3]:
        with torch.no_grad():
            ids = torch.tensor([prompt], device=plain.device if plain.device.type != "meta" else "cpu")
            logits = plain(input_ids=ids).logits[0, -1]
        best, worst = int(logits.argmax()), int(logits.argmin())
        (scores,) = backend.choose([prompt], [[[best], [worst], [best, worst]]])
        assert scores.greedy == (True, False, False)


def test_answers_are_those_of_greedy_decoding(
    subject: Subject, backend: Backend, plain: Any, some: Tokens, stories_tokenizer: Any
) -> None:
    """Text is what transformers writes after each prompt alone, and equal prompts have equal answers."""
    answers = backend.generate(some, max_new_tokens=NEW)
    same = [one.text == answer(plain, stories_tokenizer, prompt) for one, prompt in zip(answers, some, strict=True)]
    assert sum(same) >= subject.same_text * len(some)
    assert answers[0].text == answers[-1].text
    assert all(0 < one.tokens <= NEW for one in answers)


def test_order_changes_nothing(subject: Subject, backend: Backend, some: Tokens, choices: list[Tokens]) -> None:
    """Each prompt has its scores and its answer wherever it stands."""
    forwards, backwards = backend.choose(some, choices), backend.choose(some[::-1], choices[::-1])[::-1]
    for one, other in zip(forwards, backwards, strict=True):
        assert one.loglikelihoods == pytest.approx(other.loglikelihoods, rel=0, abs=subject.nats)
    texts = [one.text for one in backend.generate(some, max_new_tokens=NEW)]
    others = [one.text for one in backend.generate(some[::-1], max_new_tokens=NEW)][::-1]
    assert sum(map(str.__eq__, texts, others)) >= subject.same_text * len(some)


def test_text_ends_before_a_stop_text(backend: Backend, some: Tokens) -> None:
    """Of two stop texts the first that comes ends the answer, which is finished then and holds neither."""
    whole = backend.generate(some, max_new_tokens=NEW)
    stop = whole[0].text[3:5], whole[0].text[6:8]
    (stopped,) = backend.generate(some[:1], max_new_tokens=NEW, stop=stop)
    assert stopped.text == whole[0].text[: min(whole[0].text.find(text) for text in stop)]
    assert stopped.finished
    assert 0 < stopped.tokens <= NEW


def test_the_limit_is_kept(backend: Backend, some: Tokens) -> None:
    """An answer that reaches the limit isn't finished; a limit of none writes nothing."""
    assert [(one.tokens, one.finished) for one in backend.generate(some, max_new_tokens=2)] == [(2, False)] * len(some)
    (nothing,) = backend.generate(some[:1], max_new_tokens=0)
    assert (nothing.text, nothing.tokens, nothing.finished) == ("", 0, False)


def test_advance_counts_every_prompt_once(backend: Backend, some: Tokens, choices: list[Tokens]) -> None:
    """In both calls, and a prompt without choices counts too."""
    for call in (
        lambda advance: backend.choose(some, [[], *choices[1:]], advance=advance),
        lambda advance: backend.generate(some, max_new_tokens=2, advance=advance),
    ):
        told: list[int] = []
        call(told.append)
        assert sum(told) == len(some)


def test_nothing_asked_is_nothing_answered(backend: Backend, some: Tokens) -> None:
    """Empty lists give empty lists, and a prompt without choices has no scores."""
    assert backend.choose([], []) == []
    assert backend.generate([], max_new_tokens=NEW) == []
    assert backend.count([]) == []
    assert backend.choose(some[:1], [[]])[0].loglikelihoods == ()


def test_what_is_empty_is_refused(backend: Backend) -> None:
    """A prompt, a choice or a stop text of nothing is an error that tells its number."""
    with pytest.raises(InputError, match="prompt 2 of 2 is empty"):
        backend.choose([[1], []], [[[4]], [[5]]])
    with pytest.raises(InputError, match="choice 2 of 2 is empty"):
        backend.choose([[1]], [[[5], []]])
    with pytest.raises(InputError, match="prompt 1 of 1 is empty"):
        backend.generate([[]], max_new_tokens=NEW)
    with pytest.raises(InputError, match="stop text 1 of 1 is empty"):
        backend.generate([[1]], max_new_tokens=NEW, stop=[""])


def test_tokens_are_counted_without_special_ones(backend: Backend, stories_tokenizer: Any) -> None:
    """As many as each text has inside a longer one."""
    texts = ["Once upon a time", "", "Lily"]
    assert backend.count(texts) == [len(stories_tokenizer.tokenize(text)) for text in texts]


def test_it_says_how_it_was_computed(backend: Backend, some: Tokens) -> None:
    """A word for the mode, nothing given up, and the memory of the weights."""
    backend.generate(some[:1], max_new_tokens=1)
    assert backend.mode
    assert backend.fallback == ""
    assert backend.weight_bytes > 0
