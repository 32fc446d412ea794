"""Memory depends on chunks and on the depth of the tree, not on a vocabulary times the length of prompts."""

import sys
from subprocess import PIPE, run

import pytest

VOCABULARY, LENGTH = 256_000, 2_048

# The limit holds for what is added to the process while the model computes, in a Python of its own.
SETUP = f"""
import resource, torch
from pathlib import Path
from transformers import LlamaConfig, LlamaForCausalLM
from harness.inference import Engine, Mode

class Numbers:
    eos_token_id = None
    def decode(self, ids, **_):
        return " ".join(map(str, ids))

def status(name):
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name + ":"))

torch.set_num_threads(1)
torch.manual_seed(0)
model = LlamaForCausalLM(LlamaConfig(
    vocab_size={VOCABULARY}, hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
    num_key_value_heads=1, max_position_embeddings={2 * LENGTH}, tie_word_embeddings=True, eos_token_id=None,
)).eval()
shared = torch.randint({VOCABULARY}, ({LENGTH} - 300,)).tolist()
prompts = [shared + torch.randint({VOCABULARY}, (300,)).tolist() for _ in range(6)]
prompts += [torch.randint({VOCABULARY}, ({LENGTH},)).tolist() for _ in range(2)]
choices = [torch.randint({VOCABULARY}, (4, 5)).tolist() for _ in prompts]
room = 3 * 10**9 - status("VmRSS")
resource.setrlimit(resource.RLIMIT_AS, (status("VmSize") + room,) * 2)
"""

ENGINE = """
engine = Engine(model, Numbers(), mode=Mode("{mode}"))
assert len(engine.choose(prompts, choices)) == len(engine.generate(prompts, max_new_tokens=2)) == len(prompts)
assert engine.mode == "{mode}", engine.fallback
"""

LONG_CHOICES = """
engine = Engine(model, Numbers(), mode=Mode("{mode}"))
choices = [[torch.randint({vocabulary}, (1_500,)).tolist()] for _ in range(2)]
scores = engine.choose([prompt[:500] for prompt in prompts[:2]], choices)
assert all(-1e5 < one.loglikelihoods[0] < 0 for one in scores)
assert engine.mode == "{mode}", engine.fallback
"""

PROOFS = """
from harness.weights.proofs import logits
assert logits(model, prompts).shape == (8, {vocabulary})
"""

ALL_POSITIONS = """
with torch.inference_mode():
    torch.log_softmax(model(torch.tensor(prompts)).logits, -1)
"""


def failure(program: str) -> str:
    """What a Python that may take 3 GB says on its standard error, if it fails at `program`."""
    ended = run([sys.executable, "-c", SETUP + program], stderr=PIPE, text=True)
    return ended.stderr if ended.returncode else ""


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps a process to a limit of memory")


@pytest.mark.parametrize("mode", ["cascade", "padded"])
def test_a_large_vocabulary_and_long_prompts_fit(mode: str) -> None:
    """Eight prompts of 2,048 tokens over 256,000 are scored and answered in 3 GB, shared and in padded batches."""
    assert failure(ENGINE.format(mode=mode)) == ""


@pytest.mark.parametrize("mode", ["cascade", "padded"])
def test_long_choices_fit(mode: str) -> None:
    """Two choices of 1,500 tokens each, all of whose logits would take 3 GB before anything is made of them."""
    assert failure(LONG_CHOICES.format(mode=mode, vocabulary=VOCABULARY)) == ""


def test_proofs_fit() -> None:
    """They compare the logits of last tokens, and make no others."""
    assert failure(PROOFS.format(vocabulary=VOCABULARY)) == ""


def test_a_softmax_over_all_positions_does_not_fit() -> None:
    """What lm-eval's `hf` model computes finds no room in 3 GB, nor would it for one prompt alone."""
    assert 2 * 4 * LENGTH * VOCABULARY > 3 * 10**9
    assert "can't allocate memory" in failure(ALL_POSITIONS)
