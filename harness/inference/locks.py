"""One thread at a time for each model: what makes a model compute otherwise is put into the model itself."""

from threading import Lock, RLock
from typing import Any
from weakref import WeakKeyDictionary

_locks: "WeakKeyDictionary[Any, Any]" = WeakKeyDictionary()
_making = Lock()


def lock_of(model: Any) -> Any:
    """The lock of a model, of transformers or peft, the same for all who compute with it; a thread may take it anew."""
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    with _making:
        return _locks.setdefault(inner, RLock())
