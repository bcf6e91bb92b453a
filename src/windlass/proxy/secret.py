"""The secret of the cookies by which clients stay with targets: the same for all proxies of a plane.

A file beside their directories, made once by whoever comes first; without it cookies would count for nothing
after a restart, and at another worker.
"""

from __future__ import annotations

import os
from pathlib import Path

_BYTES = 32


def secret(path: Path) -> bytes:
    """What is in that file, which is made if it is not there (mode 0600)."""
    mine = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        return path.read_bytes()
    except FileNotFoundError:
        pass
    descriptor = os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(os.urandom(_BYTES))
    try:
        os.link(mine, path)
    except FileExistsError:
        pass  # another worker was first
    finally:
        mine.unlink()
    return path.read_bytes()
