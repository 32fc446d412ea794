"""Which backend can answer for which weights. Everything that can't is told before anything is built."""

from collections.abc import Iterable, Mapping

from harness.errors import InputError
from harness.inference.vllm_backend import check_vllm
from harness.runs import JSON, code_hash, library_versions
from harness.variants import Variant, Weights
from harness.weights import Hardware, Recipe, method_of

ADAPTERS = ("lora", "rslora", "dpo")  # methods whose artifact vLLM takes as it is, beside the base


def check_backend(name: str, variants: Iterable[Variant], recipes: Mapping[str, Recipe], hardware: Hardware) -> None:
    """Raises InputError, which tells of all weights, if the backend can't answer for the variants here."""
    if name == "engine":
        return
    check_vllm()
    if hardware.load_in:
        raise InputError(
            "--backend vllm holds weights in few bits in its own way, which is not that of --load-in, so numbers would "
            "differ from those of what was trained. Leave one of the two out."
        )
    unfit = {
        str(weights): method_of(recipes[weights.stages[-1]])[0].title
        for weights in dict.fromkeys(variant.weights for variant in variants)
        if weights.trained and not method_of(recipes[weights.stages[-1]])[0].merges
    }
    if unfit:
        told = ", ".join(f"{weights} ({title})" for weights, title in unfit.items())
        raise InputError(
            f"--backend vllm can't compute {told}: it takes plain weights and LoRA adapters, and these are neither. "
            "Use --backend engine, or leave them out."
        )


def beside_base(weights: Weights, alpha: float | None, recipes: Mapping[str, Recipe]) -> bool:
    """Whether vLLM takes these weights as an adapter beside the base; all others are merged and loaded anew."""
    whole = weights.alpha != "soup" and alpha in (None, 1)
    return whole and len(weights.stages) == 1 and recipes[weights.stages[0]].method in ADAPTERS


def backend_identity(name: str) -> JSON:
    """What the numbers of a backend depend on beside what those of every backend do."""
    return name if name == "engine" else [name, library_versions([name]), code_hash("harness.pipeline.vllm_models")]
