"""What it costs to trust the cache: seconds to hash a GB, and to exchange artifacts through a shared store.

`python benchmarks/cache.py [URL]`; without a URL the store is a folder beside the cache, both temporary.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

from harness.runs import Cache

LARGE = 1_000  # MB
SMALL = 50  # artifacts


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        url = sys.argv[1] if len(sys.argv) > 1 else f"file://{folder}/share"
        alone, one, two = (
            Cache(Path(folder, "alone"), ""),
            Cache(Path(folder, "one"), url),
            Cache(Path(folder, "two"), url),
        )
        show(f"build {LARGE} MB", lambda: alone.artifact("weights", {}, large))
        time.sleep(2.5)  # younger files are always hashed again
        show(f"look at {LARGE} MB in another process", lambda: Cache(alone.root, "").find("weights", {}))
        show("look for the first time in this one", lambda: alone.find("weights", {}))
        show("look again", lambda: alone.find("weights", {}))
        show(
            f"build and push {SMALL} small ones", lambda: [one.artifact("hits", {"n": n}, small) for n in range(SMALL)]
        )
        show(f"pull {SMALL} small ones", lambda: [two.find("hits", {"n": n}) for n in range(SMALL)])
        show(f"build and push {LARGE} MB", lambda: one.artifact("weights", {}, large))
        show(f"pull {LARGE} MB", lambda: two.find("weights", {}))


def large(folder: Path) -> None:
    with (folder / "model.safetensors").open("wb") as file:
        for _ in range(LARGE):
            file.write(os.urandom(1_000_000))


def small(folder: Path) -> None:
    (folder / "hits.jsonl").write_text("hello\n")


def show(what: str, do) -> None:
    begun = time.perf_counter()
    do()
    print(f"{what:<40}{time.perf_counter() - begun:9.4f} s")


if __name__ == "__main__":
    main()
