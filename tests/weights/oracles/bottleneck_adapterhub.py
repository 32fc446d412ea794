"""Writes bottleneck_adapterhub.json: logits of AdapterHub's `adapters` that ours must agree with.

It pins an older transformers, so it runs in an environment of its own:

    python -m venv oracle && oracle/bin/pip install adapters==1.3.0 transformers==4.57.6 torch==2.13.0
    oracle/bin/python tests/weights/oracles/bottleneck_adapterhub.py

Both sides make their weights by `weights`, from nothing but a name and a shape.
"""

import json
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

MODEL = {
    "vocab_size": 24,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 32,
    "rms_norm_eps": 1e-6,
    "tie_word_embeddings": False,
}
"""A Llama; rope's base is 10000, the default on both sides."""

IDS = [[3, 7, 11, 2, 19], [5, 5, 23, 0, 8]]
SIZE = 8
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "houlsby": ("DoubleSeqBnConfig", {}),
    "pfeiffer": ("SeqBnConfig", {}),
    "pfeiffer-everywhere": ("SeqBnConfig", {"mh_adapter": True, "non_linearity": "gelu", "scaling": 2.0}),
    "serial-feed-forward": ("SeqBnConfig", {"original_ln_before": False}),
    "parallel": ("ParBnConfig", {}),
    "parallel-everywhere": ("ParBnConfig", {"mh_adapter": True, "scaling": 0.5, "non_linearity": "tanh"}),
}
"""AdapterHub's configurations: the class, and what differs from its defaults beside the bottleneck's size."""


def weights(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Normal values `shape` float32, the same wherever `name` and `shape` are; 1 is added for norms."""
    values = np.random.default_rng(crc32(name.encode())).standard_normal(shape) * 0.3
    return (values + ("norm" in name)).astype(np.float32)


def main() -> None:
    import torch
    import transformers

    import adapters

    def logits(case: str | None) -> list[Any]:
        model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**MODEL)).eval()
        for name, parameter in model.named_parameters():
            parameter.data = torch.tensor(weights(name, tuple(parameter.shape)))
        if case:
            kind, changes = CASES[case]
            adapters.init(model)
            config = getattr(adapters, kind)(reduction_factor=MODEL["hidden_size"] // SIZE, **changes)
            model.add_adapter("oracle", config=config)
            model.set_active_adapters("oracle")
            for name, parameter in model.named_parameters():
                if ".adapters.oracle." in name:
                    layer = name.split("layers.")[1].split(".")[0]
                    place = "attention" if "attention_adapters" in name else "feed-forward"
                    part = "down" if "adapter_down" in name else "up"
                    key = f"{layer}.{place}.{part}.{name.rpartition('.')[2]}"
                    parameter.data = torch.tensor(weights(key, tuple(parameter.shape)))
        with torch.no_grad():
            return model.eval()(input_ids=torch.tensor(IDS)).logits.double().numpy().round(7).tolist()

    content = {
        "made_by": "tests/weights/oracles/bottleneck_adapterhub.py",
        "versions": {library.__name__: library.__version__ for library in (adapters, transformers, torch, np)},
        "base": logits(None),
        "cases": {case: logits(case) for case in CASES},
    }
    path = Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(content).replace("], [", "],\n[") + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
