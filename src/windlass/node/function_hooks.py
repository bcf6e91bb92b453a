"""The module `snapshot_restore_py` for functions that do not bring it: runtime hooks of SnapStart.

On AWS the library of that name is part of the Python runtimes; this is its interface, for functions that
import it and have it in no package or layer. The bootstrap calls what was registered, from whichever of the
two was imported (AWS Lambda developer guide, "Lambda SnapStart runtime hooks for Python"). Runs under the
interpreters of functions (3.8 and later, so no newer syntax).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself would be a slow import
    from collections.abc import Callable
    from typing import Any, TypeVar

    Hook = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]
    Function = TypeVar("Function", bound=Callable[..., Any])

_before: list[Hook] = []
_after: list[Hook] = []


def register_before_snapshot(func: Function, *args: Any, **kwargs: Any) -> Function:
    """Call it before the snapshot is taken, the one registered last first. Also a decorator."""
    _before.append((func, args, kwargs))
    return func


def register_after_restore(func: Function, *args: Any, **kwargs: Any) -> Function:
    """Call it in each environment that is restored, in the order of registration. Also a decorator."""
    _after.append((func, args, kwargs))
    return func


def get_before_snapshot() -> list[Hook]:
    """What is registered to be called before the snapshot, in the order of registration."""
    return _before


def get_after_restore() -> list[Hook]:
    """What is registered to be called after a restore."""
    return _after
