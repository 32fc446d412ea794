"""Keeps the model libraries from writing into the harness's own display."""

from collections.abc import Iterator
from contextlib import contextmanager
from logging import ERROR, getLogger

# Where it is installed, peft and sentence-transformers import bitsandbytes, which on some processors complains of a
# kernel that isn't used here. A logger, since the complaint comes while it is being imported.
getLogger("bitsandbytes.backends.cpu.ops").setLevel(ERROR)


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """No progress bars and no warnings of transformers inside; what they warn of, the caller checks itself."""
    from transformers.utils import logging

    shown, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.set_verbosity(ERROR)
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if shown:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]
