"""`harness` and `python -m harness`, which launchers of several processes start.

Ctrl-C is heard from the first moment: importing the command line alone takes a good part of a second.
"""

import sys


def main() -> None:
    """Runs the command line; ends with code 130, without a word, where it is interrupted before a command begins."""
    try:
        from harness.cli import main as command_line

        command_line()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
