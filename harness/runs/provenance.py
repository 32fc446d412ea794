"""Under what circumstances was a run made: versions, machine and commit, but never a person's or a host's name.

Knows nothing of the run itself, and imports none of the libraries whose versions it tells.
"""

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from harness.runs.fingerprint import JSON, library_versions

LIBRARIES = (
    "accelerate",
    "evaluate",
    "faiss-cpu",
    "numpy",
    "peft",
    "safetensors",
    "sentence-transformers",
    "tokenizers",
    "torch",
    "transformers",
)


def provenance(folder: Path | None = None) -> dict[str, JSON]:
    """The circumstances of a run that is made now; `folder` (by default the current one) is asked for its commit.

    `memory_bytes`, `commit` and `dirty` are None where they can't be told. `dirty` tells whether a file that git
    knows differs from the commit. Never raises.
    """
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "harness": library_versions(["harness"])["harness"],
        "python": platform.python_version(),
        "libraries": library_versions(LIBRARIES),
        "platform": f"{platform.system()} {platform.machine()}",
        "processor": processor(),
        "cores": _cores(),
        "memory_bytes": _memory(),
        **_git(folder or Path()),
    }


def processor() -> str:
    """What the processor calls itself."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except (OSError, UnicodeDecodeError):
        pass  # not Linux
    return platform.processor() or platform.machine()


def _cores() -> int:
    """The cores that this process may use, which in a container are fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None


def _git(folder: Path) -> dict[str, JSON]:
    commit = _ask_git(folder, "rev-parse", "HEAD")
    if commit is None:
        return {"commit": None, "dirty": None}
    changes = _ask_git(folder, "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "dirty": None if changes is None else bool(changes)}


def _ask_git(folder: Path, *arguments: str) -> str | None:
    command = ["git", "--no-optional-locks", "-C", str(folder), *arguments]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return answer.stdout.strip()
