"""Makes linear_merge.json: what mergekit's linear merge of two random Llamas gives, at some places of each tensor.

Run in an environment of its own, where mergekit 0.1.5 is (it needs a tokenizer neither here nor there):

    python -m venv /tmp/mergekit && /tmp/mergekit/bin/pip install torch==2.13.0 mergekit==0.1.5
    /tmp/mergekit/bin/python tests/weights/oracles/linear_merge.py

The tests make the same Llamas with `random_weights`, which needs numpy alone.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

ALPHAS = (0.3, 0.5, 0.85)
PLACES = 6  # of each tensor, evenly spread
SHAPE = {"vocab_size": 48, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
COMMAND = "python tests/weights/oracles/linear_merge.py"


def random_weights(seed: int) -> dict[str, np.ndarray]:
    """The weights of a Llama of SHAPE by name, float32: the same for a seed everywhere (numpy froze this generator)."""
    width, inner, vocabulary = SHAPE["hidden_size"], SHAPE["intermediate_size"], SHAPE["vocab_size"]
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (vocabulary, width)}
    for layer in range(SHAPE["num_hidden_layers"]):
        here = f"model.layers.{layer}"
        shapes |= {f"{here}.self_attn.{part}_proj.weight": (width, width) for part in "qkvo"}
        shapes |= {f"{here}.mlp.{part}_proj.weight": (inner, width) for part in ("gate", "up")}
        shapes |= {f"{here}.mlp.down_proj.weight": (width, inner)}
        shapes |= {f"{here}.{part}_layernorm.weight": (width,) for part in ("input", "post_attention")}
    shapes |= {"model.norm.weight": (width,), "lm_head.weight": (vocabulary, width)}
    random = np.random.RandomState(seed)
    return {name: random.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}


def sample(tensor: np.ndarray) -> list[float]:
    """The values at PLACES places of `tensor`, from its first to its last."""
    flat = tensor.reshape(-1)
    return [float(flat[place]) for place in np.linspace(0, flat.size - 1, PLACES).astype(int)]


def _write(folder: Path, seed: int) -> None:
    from safetensors.numpy import save_file

    folder.mkdir()
    config: dict[str, Any] = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "dtype": "float32"}
    (folder / "config.json").write_text(json.dumps({**config, **SHAPE}), encoding="utf-8")
    save_file(random_weights(seed), folder / "model.safetensors", metadata={"format": "pt"})


def _merged(first: Path, second: Path, alpha: float, out: Path) -> dict[str, np.ndarray]:
    from mergekit.config import MergeConfiguration
    from mergekit.merge import run_merge
    from mergekit.options import MergeOptions
    from safetensors.numpy import load_file

    models = [
        {"model": str(folder), "parameters": {"weight": weight}}
        for folder, weight in ((first, 1 - alpha), (second, alpha))
    ]
    config = {"merge_method": "linear", "models": models, "dtype": "float32"}
    run_merge(MergeConfiguration.model_validate(config), str(out), MergeOptions(copy_tokenizer=False))
    return {name: tensor for path in out.glob("*.safetensors") for name, tensor in load_file(path).items()}


def main() -> None:
    """Writes the file beside this one."""
    from importlib.metadata import version

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for seed in (0, 1):
            _write(folder / str(seed), seed)
        values = {}
        for alpha in ALPHAS:
            merged = _merged(folder / "0", folder / "1", alpha, folder / f"at-{alpha}")
            values[str(alpha)] = {name: sample(tensor) for name, tensor in sorted(merged.items())}
    made_with = {library: version(library) for library in ("mergekit", "torch", "transformers", "numpy")}
    content = {"command": COMMAND, "python": sys.version.split()[0], "versions": made_with, "values": values}
    text = json.dumps(content, indent=1).replace("\n    ", " ").replace("\n   ]", " ]")
    Path(__file__).with_suffix(".json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
