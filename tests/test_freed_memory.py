"""What a process holds of the memory that it frees."""

import platform
import sys
from subprocess import run

import pytest

HOLDS = """
import os
from pathlib import Path
import torch
from harness._memory import hold_freed, release

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

if HOLD:
    hold_freed()
before = resident()
blocks = [torch.ones(6 << 20) for _ in range(3)]  # 24 MiB each
del blocks
held = resident() - before
release(torch.device("cpu"))
print(held, resident() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="what is held is told to glibc's allocator")
@pytest.mark.parametrize(("hold", "least", "most"), [(True, 70, 80), (False, 0, 10)])
def test_what_is_freed_is_held_until_it_is_given_back(hold: bool, least: int, most: int) -> None:
    """All three blocks stay in memory where that is asked for, in MiB, and none of them after `release`."""
    done = run([sys.executable, "-c", f"HOLD = {hold}\n{HOLDS}"], capture_output=True, text=True, check=True)
    held, released = (int(number) / 2**20 for number in done.stdout.split())
    assert least <= held <= most
    assert released < 10
