"""The machine, its Python, and what the environment says that changes how the harness runs."""

import os
import platform
from collections.abc import Iterator
from pathlib import Path

from harness import __version__
from harness._secrets import scrub, secret_name
from harness.pipeline.doctor.check import Check
from harness.runs import provenance

LEAST_MEMORY = 3e9  # bytes that a default comparison takes, libraries included
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_TELLING = (
    *(
        "HARNESS_",
        "HF_",
        "HUGGINGFACE_",
        "TRANSFORMERS_",
        "TORCH",
        "PYTORCH_",
        "CUDA_",
        "NVIDIA_VISIBLE",
        "OMP_",
        "MKL_",
    ),
    *("ONEDNN_", "KMP_", "TOKENIZERS_", "RAY_", "MLFLOW_", "OPENAI_", "ACCELERATE_", "SLURM_JOB", "AWS_", "PYTHONHASH"),
)
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ssl_cert_file", "requests_ca_bundle")


def machine() -> Iterator[Check]:
    """The harness, Python, system, processor and memory."""
    made = provenance()
    yield Check("machine", "harness", "fact", f"{__version__}{_commit()}")
    yield Check("machine", "Python", "fact", f"{platform.python_version()} ({platform.python_implementation()})")
    yield Check("machine", "system", "fact", f"{platform.system()} {platform.release()}, {platform.machine()}")
    cores = f"{made['cores']} of {os.cpu_count()} cores may be used"
    yield Check("machine", "processor", "fact", f"{made['processor']}; {cores}")
    yield _memory(made["memory_bytes"])


def environment() -> Iterator[Check]:
    """The variables that are set and matter; of secrets only that they are set."""
    for name, value in sorted(os.environ.items()):
        if name.startswith(_TELLING) or name.lower() in _PROXIES:
            hidden = secret_name(name)
            yield Check("environment", name, "fact", "set (not shown)" if hidden else scrub(value) or "empty")


def _commit() -> str:
    """` (commit …)` of the checkout that the harness runs from, if it does."""
    made = provenance(Path(__file__).parents[3])
    changed = ", with changes" if made["dirty"] else ""
    here = (Path(__file__).parents[3] / "pyproject.toml").is_file()
    return f" (commit {str(made['commit'])[:10]}{changed})" if here and made["commit"] else ""


def _memory(total: object) -> Check:
    """All memory, what this process may have of it, and what is free."""
    if not isinstance(total, int):
        return Check("machine", "memory", "fact", "can't be told")
    allowed, free = min(total, _limit() or total), _available()
    told = f"{total / 1e9:.1f} GB"
    told += f", of which {allowed / 1e9:.1f} GB are allowed" if allowed < total else ""
    told += f", {free / 1e9:.1f} GB free" if free is not None else ""
    if min(allowed, total if free is None else free) >= LEAST_MEMORY:
        return Check("machine", "memory", "fact", told)
    remedy = (
        f"A default comparison takes about {LEAST_MEMORY / 1e9:.0f} GB: end other programs, or use another machine."
    )
    return Check("machine", "memory", "lacking", told, remedy)


def _limit() -> int | None:
    """The bytes that the control group of this process may have, None where it isn't limited or can't be told."""
    for place in _LIMITS:
        try:
            return int(Path(place).read_text(encoding="ascii"))
        except (OSError, ValueError):  # "max"
            continue
    return None


def _available() -> int | None:
    """The bytes that can be had now without swapping; None where it can't be told."""
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass  # not Linux
    return None
