"""Packages on the node: unpacked once, whole or not at all, and not kept for ever."""

from __future__ import annotations

import io
import os
import tempfile
import warnings
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.node.function_code import BadCode, sweep, unpacked


def an_archive(directory: Path, *members: tuple[str | zipfile.ZipInfo, str]) -> Path:
    path = directory / "package.zip"
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        warnings.simplefilter("ignore")  # two members of one name
        for name, text in members:
            package.writestr(name, text)
    return path


def test_unpacked_once(tmp_path: Path) -> None:
    """Files are read-only and keep their execute bit; the second time nothing is read at all."""
    tool = zipfile.ZipInfo("bin/tool")
    tool.external_attr = 0o755 << 16
    archive = an_archive(tmp_path, ("app.py", "x"), (tool, "#!/bin/sh"))
    root = unpacked(tmp_path / "code", "aa", archive)
    assert (root / "app.py").read_text() == "x"
    assert (root / "app.py").stat().st_mode & 0o777 == 0o444
    assert os.access(root / "bin" / "tool", os.X_OK)
    archive.unlink()
    assert unpacked(tmp_path / "code", "aa", archive) == root


def test_of_two_members_of_one_name_the_last_counts(tmp_path: Path) -> None:
    """As with `zip -g` twice: the first, which is read-only by then, makes room."""
    archive = an_archive(tmp_path, ("app.py", "old"), ("app.py", "new"))
    assert (unpacked(tmp_path / "code", "aa", archive) / "app.py").read_text() == "new"


@pytest.mark.parametrize("name", ["../out", "/out", "a/../../out"])
def test_nothing_reaches_out(tmp_path: Path, name: str) -> None:
    """A package that the plane should have refused leaves nothing behind, inside or outside."""
    with pytest.raises(BadCode):
        unpacked(tmp_path / "code", "aa", an_archive(tmp_path, ("app.py", "x"), (name, "evil")))
    assert list((tmp_path / "code").iterdir()) == [] and not (tmp_path / "out").exists()


@given(st.integers(30, 400), st.binary(min_size=1, max_size=20))
def test_a_broken_package_is_bad_code(at: int, garbage: bytes) -> None:
    """Whatever bytes were lost on the way: unpacked, or BadCode; never another error."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        archive = an_archive(directory, ("app.py", "x = 1\n" * 50), ("b/c.py", "y"))
        data = io.BytesIO(archive.read_bytes())
        data.seek(at)
        data.write(garbage)
        archive.write_bytes(data.getvalue())
        try:
            unpacked(directory / "code", "aa", archive)
        except BadCode:
            assert not (directory / "code" / "aa").exists()


def test_an_agent_starts_with_none(tmp_path: Path) -> None:
    """Whole and half-unpacked packages of a dead agent are gone; others of the same content can come."""
    archive = an_archive(tmp_path, ("app.py", "x"))
    root = unpacked(tmp_path / "code", "aa", archive)
    (tmp_path / "code" / ".bb-half").mkdir()
    sweep(tmp_path / "code")
    assert list((tmp_path / "code").iterdir()) == []
    assert unpacked(tmp_path / "code", "aa", archive) == root
