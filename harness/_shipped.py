"""Where the suites and recipes that come with the harness lie, in a checkout and in an installed wheel."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def shipped(folder: str) -> Path:
    """The folder `suites` or `adapters` inside the installed package, or else that of this checkout.

    In this order, because beside an installed package there may be somebody else's folder of that name.
    """
    installed = _PACKAGE / "_shipped" / folder
    return installed if installed.is_dir() else _PACKAGE.parent / folder
