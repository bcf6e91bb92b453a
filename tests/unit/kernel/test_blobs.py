"""Values by their content."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from windlass.kernel.blobs import Blobs


def test_put_and_sweep(tmp_path: Path) -> None:
    """The same value twice is one file; what nobody names is swept, half-written files too."""
    blobs = Blobs(tmp_path / "blobs")
    assert blobs.sweep(()) == 0
    kept = blobs.put(b"kept")
    assert kept == blobs.put(b"kept") == hashlib.sha256(b"kept").hexdigest()
    gone = blobs.put(b"gone")
    (tmp_path / "blobs" / ".half").write_bytes(b"x")
    path = blobs.path(kept)
    assert path is not None and path.read_bytes() == b"kept"
    assert blobs.sweep({kept}) == 2
    assert path.exists() and not (tmp_path / "blobs" / gone).exists()


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """The directory cannot be made: OSError, as the disk said it."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="file"):
        Blobs(tmp_path / "file" / "blobs").put(b"x")


def test_in_memory() -> None:
    """Without a directory there is no file."""
    blobs = Blobs(None)
    assert blobs.path(blobs.put(b"x")) is None and blobs.sweep(()) == 0
