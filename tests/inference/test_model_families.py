"""Architectures as tiny random models: each is exact, in the quickest way in which it can be."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from transformers import (
    AutoModelForCausalLM,
    BloomConfig,
    Data2VecTextConfig,
    DiffLlamaConfig,
    FalconConfig,
    Gemma2Config,
    Gemma3nTextConfig,
    Gemma3TextConfig,
    GPT2Config,
    GPTJConfig,
    GPTNeoConfig,
    GPTNeoXConfig,
    GPTNeoXJapaneseConfig,
    GraniteConfig,
    HrmTextConfig,
    JambaConfig,
    LlamaConfig,
    MambaConfig,
    MistralConfig,
    MixtralConfig,
    MptConfig,
    Olmo2Config,
    OPTConfig,
    Phi3Config,
    PhiConfig,
    PreTrainedConfig,
    Qwen2Config,
    Qwen3Config,
    RecurrentGemmaConfig,
    RwkvConfig,
    XLMRobertaXLConfig,
)

from harness.inference import Engine, Mode

Tokens = list[list[int]]

NEW = 4
VOCABULARY = 200
SIZES = {"vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4}
PLAIN = {**SIZES, "intermediate_size": 64}
GROUPED = {**PLAIN, "num_key_value_heads": 2}
WIDE = {**GROUPED, "head_dim": 8}
SHORT = {"vocab_size": VOCABULARY, "n_layer": 3, "n_embd": 32, "n_head": 4}
HYBRID = {"attn_layer_period": 2, "attn_layer_offset": 1, "expert_layer_period": 2, "expert_layer_offset": 1}
WINDOW = 8  # tokens; far fewer than the prompts have

SHARING: dict[str, tuple[PreTrainedConfig, Mode]] = {
    "llama": (LlamaConfig(**WIDE), Mode.CASCADE),
    "qwen2": (Qwen2Config(**GROUPED), Mode.CASCADE),
    "qwen2, windows in some layers": (
        Qwen2Config(**GROUPED, use_sliding_window=True, sliding_window=WINDOW, max_window_layers=1),
        Mode.CASCADE,
    ),
    "qwen3": (Qwen3Config(**WIDE), Mode.CASCADE),
    "phi": (PhiConfig(**GROUPED), Mode.CASCADE),
    "phi3": (Phi3Config(**GROUPED, pad_token_id=0), Mode.CASCADE),
    "granite": (GraniteConfig(**GROUPED, logits_scaling=3.0, attention_multiplier=0.2), Mode.CASCADE),
    "olmo2": (Olmo2Config(**GROUPED), Mode.CASCADE),
    "gpt-neox": (GPTNeoXConfig(**PLAIN), Mode.CASCADE),
    "gpt-2": (GPT2Config(**SHORT), Mode.CASCADE),
    "opt": (OPTConfig(**SIZES, ffn_dim=64, word_embed_proj_dim=32), Mode.CASCADE),
    "mistral, window shorter than prompts": (MistralConfig(**WIDE, sliding_window=WINDOW), Mode.CASCADE),
    "gemma 2, softcaps and windows": (
        Gemma2Config(
            **WIDE,
            sliding_window=WINDOW,
            query_pre_attn_scalar=8,
            attn_logit_softcapping=2.0,
            final_logit_softcapping=5.0,
        ),
        Mode.SHARED,
    ),
    "gemma 3, softcap and windows in some layers": (
        Gemma3TextConfig(
            **WIDE,
            sliding_window=WINDOW,
            sliding_window_pattern=2,
            query_pre_attn_scalar=8,
            final_logit_softcapping=5.0,
        ),
        Mode.CASCADE,
    ),
    "mixtral": (MixtralConfig(**WIDE, num_local_experts=4), Mode.CASCADE),
    "gpt-j, attention of its own": (GPTJConfig(**SHORT, rotary_dim=4), Mode.SHARED),
    "falcon, attention of its own": (FalconConfig(**SIZES), Mode.SHARED),
    "gpt-neox japanese, views of its keys": (
        GPTNeoXJapaneseConfig(**SIZES, intermediate_multiple_size=2),
        Mode.SHARED,
    ),
}

IN_ROWS: dict[str, tuple[PreTrainedConfig, str]] = {
    "bloom": (BloomConfig(vocab_size=VOCABULARY, n_layer=3, hidden_size=32, n_head=4), "takes no positions"),
    "falcon, alibi": (FalconConfig(**SIZES, alibi=True, bias=True), "ValueError: "),
    "mpt": (MptConfig(vocab_size=VOCABULARY, d_model=32, n_layers=3, n_heads=4), "takes no positions"),
    "mamba": (MambaConfig(vocab_size=VOCABULARY, hidden_size=32, num_hidden_layers=3), "takes no positions"),
    "jamba": (
        JambaConfig(**GROUPED, **HYBRID, use_mamba_kernels=False, num_experts=2, mamba_d_state=8),
        "layers of the kind linear_attention",
    ),
}

CUNNING: dict[str, PreTrainedConfig] = {
    "gpt-neo, windows over places and not positions": GPTNeoConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        num_layers=2,
        num_heads=4,
        intermediate_size=64,
        attention_types=[[["global", "local"], 1]],
        window_size=130,
    ),
    "gemma 3n, layers without keys of their own": Gemma3nTextConfig(
        **{**WIDE, "num_hidden_layers": 4},
        vocab_size_per_layer_input=VOCABULARY,
        hidden_size_per_layer_input=8,
        num_kv_shared_layers=2,
        laurel_rank=4,
    ),
    "llama, angles by the longest row of a batch": LlamaConfig(
        **WIDE,
        max_position_embeddings=256,
        rope_parameters={
            "rope_type": "longrope",
            "rope_theta": 10_000.0,
            "factor": 4.0,
            "short_factor": [1.0] * 4,
            "long_factor": [4.0] * 4,
            "original_max_position_embeddings": 64,
        },
    ),
    "diffllama, attends twice to parts of its values": DiffLlamaConfig(**GROUPED),
    "hrm, a layer has several keys and values": HrmTextConfig(**GROUPED),
    "rwkv, deaf to masks": RwkvConfig(vocab_size=VOCABULARY, hidden_size=32, num_hidden_layers=2),
    "recurrent gemma, no cache": RecurrentGemmaConfig(
        **{**PLAIN, "num_key_value_heads": 1}, lru_width=32, attention_window_size=WINDOW
    ),
}


@pytest.fixture(scope="module")
def asked() -> Tokens:
    """Prompts of 1 to 110 tokens that share shots with some others, two of them equal, one within another."""
    draw = random.Random(0)
    shots = [draw.randrange(VOCABULARY) for _ in range(80)]
    tails = [[draw.randrange(VOCABULARY) for _ in range(draw.randint(1, 30))] for _ in range(9)]
    prompts = [(shots if place % 3 else []) + tail for place, tail in enumerate(tails)]
    return [*prompts, prompts[4], prompts[5][:82], prompts[0][:1]]


@pytest.fixture(scope="module")
def options(asked: Tokens) -> list[Tokens]:
    """Four choices a prompt, of 1 to 5 tokens, two of which differ in their last token only."""
    draw = random.Random(1)
    one = [[[draw.randrange(VOCABULARY) for _ in range(draw.randint(1, 5))] for _ in range(2)] for _ in asked]
    return [[*choices, [7, 8, 9], [7, 8, 10]] for choices in one]


def assert_exact(engine: Engine, model: Any, oracle: Any, asked: Tokens, options: list[Tokens]) -> None:
    oracle.assert_scores(engine, model, asked, options)
    oracle.assert_answers(engine, model, asked, NEW)


@pytest.fixture
def make(lively: Callable[[Any], Any]) -> Callable[[PreTrainedConfig], Any]:
    """The random model of a configuration."""
    return lambda config: lively(AutoModelForCausalLM.from_config(config))


@pytest.mark.parametrize("family", SHARING)
def test_a_family_is_exact_with_shared_prefixes(
    family: str,
    make: Callable[[PreTrainedConfig], Any],
    numbers: Any,
    oracle: Any,
    asked: Tokens,
    options: list[Tokens],
) -> None:
    """Scores and answers are those of plain forward passes, and prefixes were shared in the way that is expected."""
    config, mode = SHARING[family]
    model = make(config)
    engine = Engine(model, numbers, chunk_tokens=37, batch_rows=5)
    assert_exact(engine, model, oracle, asked, options)
    assert engine.mode is mode
    assert mode is not Mode.CASCADE or not engine.fallback


@pytest.mark.parametrize("family", ["llama", "gpt-neox", "mistral, window shorter than prompts"])
def test_attention_that_adds_its_mask_is_exact_too(
    family: str,
    lively: Callable[[Any], Any],
    numbers: Any,
    oracle: Any,
    asked: Tokens,
    options: list[Tokens],
) -> None:
    """With transformers' eager attention, whose masks are numbers, the model's own attention is used."""
    model = lively(AutoModelForCausalLM.from_config(SHARING[family][0], attn_implementation="eager"))
    engine = Engine(model, numbers, chunk_tokens=37, batch_rows=5)
    assert_exact(engine, model, oracle, asked, options)
    assert (engine.mode, engine.fallback) == (Mode.SHARED, "")


@pytest.mark.parametrize("family", IN_ROWS)
def test_a_family_that_cannot_share_is_exact_in_batches(
    family: str,
    make: Callable[[PreTrainedConfig], Any],
    numbers: Any,
    oracle: Any,
    asked: Tokens,
    options: list[Tokens],
) -> None:
    """Scores and answers are those of plain forward passes, from padded batches, and the engine says why."""
    config, reason = IN_ROWS[family]
    model = make(config)
    engine = Engine(model, numbers, chunk_tokens=37, batch_rows=5)
    assert_exact(engine, model, oracle, asked, options)
    assert engine.mode is Mode.PADDED
    assert reason in engine.fallback


@pytest.mark.parametrize("family", CUNNING)
def test_a_family_that_looks_as_if_it_could_is_exact(
    family: str,
    make: Callable[[PreTrainedConfig], Any],
    numbers: Any,
    oracle: Any,
    asked: Tokens,
    options: list[Tokens],
) -> None:
    """Whatever goes wrong with it on the way, what comes out is what plain forward passes give."""
    model = make(CUNNING[family])
    engine = Engine(model, numbers)
    first = [place % 50 for place in range(115)]  # the longest, and before all others in the tree
    assert_exact(engine, model, oracle, [first, *asked], [options[0], *options])


@pytest.mark.parametrize("config", [Data2VecTextConfig, XLMRobertaXLConfig])
def test_a_family_that_counts_positions_from_elsewhere_is_exact(
    config: type[PreTrainedConfig],
    make: Callable[[PreTrainedConfig], Any],
    numbers: Any,
    oracle: Any,
    asked: Tokens,
    options: list[Tokens],
) -> None:
    """Its first token stands behind the position of the padding, whose token no prompt has."""
    model = make(config(**PLAIN, is_decoder=True, pad_token_id=VOCABULARY - 1))
    without = [[token % (VOCABULARY - 1) for token in prompt] for prompt in asked]
    choices = [[[token % (VOCABULARY - 1) for token in option] for option in some] for some in options]
    assert_exact(Engine(model, numbers), model, oracle, without, choices)


@pytest.mark.parametrize("family", ["llama", "falcon, attention of its own", "gpt-j, attention of its own"])
def test_a_first_call_that_shares_nothing_hides_nothing(
    family: str,
    make: Callable[[PreTrainedConfig], Any],
    numbers: Any,
    oracle: Any,
    asked: Tokens,
    options: list[Tokens],
) -> None:
    """After one long prompt alone, by which no tree can be judged, others are exact all the same."""
    model = make(SHARING[family][0])
    engine = Engine(model, numbers)
    engine.generate([[place * 7 % 90 for place in range(100)]], max_new_tokens=1)
    assert_exact(engine, model, oracle, asked, options)
