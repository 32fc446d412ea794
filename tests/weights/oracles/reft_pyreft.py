"""Writes reft_pyreft.json: logits of Stanford's `pyreft` that ours must agree with.

It pins an older transformers, so it runs in an environment of its own:

    python -m venv oracle && oracle/bin/pip install pyreft==0.1.0 pyvene==0.1.8 transformers==4.45.1 torch==2.13.0
    oracle/bin/python tests/weights/oracles/reft_pyreft.py

Both sides make their weights by `weights`, from nothing but a name and a shape. Prompts are computed alone, without
padding, at the positions that pyreft's own `get_intervention_locations` gives (it asks for one more token of padding
where the weights of first and last positions differ and so do their numbers; there they are counted here).
"""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

MODEL = {
    "vocab_size": 24,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 32,
    "rms_norm_eps": 1e-6,
    "tie_word_embeddings": False,
}
"""A Llama; rope's base is 10000, the default on both sides."""

PROMPTS = [[3, 7, 11, 2, 19, 4], [5, 5, 23, 1, 8, 13, 2, 9, 17], [21, 6, 6, 10, 3, 14, 1, 22, 12, 15, 20]]
CASES: dict[str, dict[str, Any]] = {
    "loreft-tied": {"kind": "loreft", "rank": 4, "first": 2, "last": 2, "tied": True},
    "loreft-untied": {"kind": "loreft", "rank": 4, "first": 2, "last": 2},
    "loreft-unequal": {"kind": "loreft", "rank": 3, "first": 3, "last": 1},
    "loreft-last-of-one-layer": {"kind": "loreft", "rank": 4, "first": 0, "last": 1, "layers": [1]},
    "loreft-gelu": {"kind": "loreft", "rank": 4, "first": 1, "last": 2, "tied": True, "act_fn": "gelu"},
    "direft-tied": {"kind": "direft", "rank": 4, "first": 1, "last": 3, "tied": True},
    "direft-untied": {"kind": "direft", "rank": 2, "first": 2, "last": 2, "layers": [0, 2]},
    "direft-first": {"kind": "direft", "rank": 4, "first": 3, "last": 0, "act_fn": "relu"},
}
"""The settings, in our words; all first and last positions are within half of each prompt, as pyreft has it."""


def weights(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Normal values `shape` float32, the same wherever `name` and `shape` are; 1 is added for norms."""
    values = np.random.default_rng(crc32(name.encode())).standard_normal(shape) * 0.3
    return (values + ("norm" in name)).astype(np.float32)


def rotation(name: str, width: int, rank: int) -> np.ndarray:
    """`weights` made orthonormal, `(width, rank) float32`, by numpy and with a positive diagonal."""
    q, r = np.linalg.qr(weights(name, (width, rank)).astype(np.float64))
    return (q * np.sign(np.diag(r))).astype(np.float32)


def main() -> None:
    import pyreft
    import torch
    import transformers

    width, count = MODEL["hidden_size"], MODEL["num_hidden_layers"]

    def base() -> Any:
        model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**MODEL)).eval()
        for name, parameter in model.named_parameters():
            parameter.data = torch.tensor(weights(name, tuple(parameter.shape)))
        return model

    def adapted(case: dict[str, Any]) -> tuple[Any, list[tuple[int, int]]]:
        """The pyreft model, and the layer and side of each of its interventions, in its order of them."""
        kind = {"loreft": pyreft.LoreftIntervention, "direft": pyreft.NodireftIntervention}[case["kind"]]
        sides = 1 if case.get("tied") or not case["first"] or not case["last"] else 2
        places = [(layer, side) for layer in case.get("layers", range(count)) for side in range(sides)]
        made = []
        for layer, side in places:
            intervention = kind(
                embed_dim=width,
                low_rank_dimension=case["rank"],
                dtype=torch.float32,
                act_fn=case.get("act_fn"),
                add_bias=False,
            )
            key = f"{layer}.{side}"
            source = intervention.learned_source
            source.weight.data = torch.tensor(weights(f"{key}.source.weight", tuple(source.weight.shape)))
            source.bias.data = torch.tensor(weights(f"{key}.source.bias", tuple(source.bias.shape)))
            if case["kind"] == "loreft":
                intervention.rotate_layer.weight = torch.tensor(rotation(f"{key}.rotation", width, case["rank"]))
            else:
                projection = intervention.proj_layer.weight
                projection.data = torch.tensor(weights(f"{key}.projection", tuple(projection.shape)))
            made.append(intervention)
        representations = [
            {
                "layer": layer,
                "component": "block_output",
                "low_rank_dimension": case["rank"],
                "intervention": intervention,
            }
            for (layer, _), intervention in zip(places, made, strict=True)
        ]
        model = pyreft.get_reft_model(base(), pyreft.ReftConfig(representations=representations))
        order = [next(i for i, one in enumerate(made) if one is model.interventions[key]) for key in model.sorted_keys]
        model.eval()  # gives nothing back
        return model, [places[i] for i in order]

    def locations(case: dict[str, Any], sides: list[int], length: int) -> list[list[int]]:
        first, last, several = case["first"], case["last"], len(set(sides)) == 2
        if several and first != last:
            both = [list(range(first)), list(range(length - last, length))]
            return [both[side] for side in sides]
        found = pyreft.get_intervention_locations(
            last_position=length,
            first_n=first,
            last_n=last,
            num_interventions=len(sides),
            share_weights=not several,
        )
        # pyreft lists the first positions' interventions before the last ones'
        return [found[-side] for side in sides]

    def logits(case: dict[str, Any] | None) -> list[Any]:
        model, places = (base(), []) if case is None else adapted(case)
        rows = []
        for prompt in PROMPTS:
            ids = torch.tensor([prompt])
            with torch.no_grad():
                if case is None:
                    output = model(input_ids=ids)
                else:
                    chosen = [[row] for row in locations(case, [side for _, side in places], len(prompt))]
                    _, output = model({"input_ids": ids}, unit_locations={"sources->base": (None, chosen)})
            rows.append(output.logits[0].double().numpy().round(7).tolist())
        return rows

    content = {
        "made_by": "tests/weights/oracles/reft_pyreft.py",
        "versions": {library: version(library) for library in ("pyreft", "pyvene", "transformers", "torch", "numpy")},
        "base": logits(None),
        "cases": {name: logits(case) for name, case in CASES.items()},
    }
    path = Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(content).replace("], [", "],\n[") + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
