"""Processes that outlive whoever starts them: how they begin."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from windlass.kernel import detached


def test_files_of_the_working_directory_are_not_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user may run the plane where a file has the name of a library: it is neither run nor in the way."""
    for name in ("h2", "msgspec"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('run by mistake')\n")
    monkeypatch.chdir(tmp_path)
    output = tmp_path / "output"
    starting = detached.begin("windlass.proxy.main", ["--help"], output)
    os.close(starting.ready)
    assert starting.popen.wait() == 0
    assert "A Windlass proxy" in output.read_text()
