"""Runs a function as soon as a library has been imported, without importing it.

It knows nothing of what is run, or why.
"""

import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


def after_import(library: str, action: Callable[[], None]) -> None:
    """Calls `action` now if `library`, a top-level name, is loaded; otherwise once, right after its first import."""
    if library in sys.modules:
        action()
    else:
        sys.meta_path.insert(0, _Once(library, action))


class _Once(MetaPathFinder):
    """Finds `library` as the other finders do, and adds `action` to what loading it means."""

    def __init__(self, library: str, action: Callable[[], None]) -> None:
        self._library, self._action = library, action

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None, /
    ) -> ModuleSpec | None:
        if name != self._library:
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        spec = next(filter(None, (finder.find_spec(name, path, target) for finder in others)), None)
        if spec and spec.loader:  # of this spec alone: whoever only asks for it changes nothing
            self._extend(spec.loader)
        return spec

    def _extend(self, loader: Any) -> None:
        load = loader.exec_module

        def load_and_act(module: ModuleType) -> None:
            load(module)
            del loader.exec_module
            if self in sys.meta_path:  # stays there if the import fails, and another is tried
                sys.meta_path.remove(self)
                self._action()

        loader.exec_module = load_and_act
