"""Packages on the node: unpacked once, whole or not at all, verified, layers put together."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.node import function_code
from windlass.node.function_code import BadCode, Unpacked, merged, sweep, unpacked


def an_archive(directory: Path, *members: tuple[str | zipfile.ZipInfo, str]) -> Path:
    path = directory / "package.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        for name, text in members:
            package.writestr(name, text)
    return path


def unpack(directory: Path, archive: Path) -> Path:
    return unpacked(directory, hashlib.sha256(archive.read_bytes()).hexdigest(), archive).path


def link(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name)
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    return member


def test_what_is_made_of_a_package(tmp_path: Path) -> None:
    """Files are read-only and keep their execute bit; links lead where they did; the size is counted."""
    tool = zipfile.ZipInfo("bin/tool")
    tool.external_attr = 0o755 << 16
    archive = an_archive(tmp_path, (link("latest"), "bin/tool"), ("app.py", "xy"), (tool, "#!/bin/sh"))
    sha256 = hashlib.sha256(archive.read_bytes()).hexdigest()
    found = unpacked(tmp_path / "code", sha256, archive)
    assert found.path == tmp_path / "code" / sha256 and found.size == 11
    assert (found.path / "app.py").stat().st_mode & 0o777 == 0o444
    assert os.access(found.path / "bin" / "tool", os.X_OK)
    assert (found.path / "latest").readlink() == Path("bin/tool")
    assert unpacked(tmp_path / "code", sha256, archive).path == found.path
    assert [path.name for path in (tmp_path / "code").iterdir()] == [sha256]


@pytest.mark.parametrize(
    "member", [("../out", "evil"), ("/out", "evil"), ("a/../../out", "evil"), (link("a"), "../out")]
)
def test_nothing_reaches_out(tmp_path: Path, member: tuple[str | zipfile.ZipInfo, str]) -> None:
    """A package that the plane should have refused leaves nothing behind, inside or outside."""
    with pytest.raises(BadCode):
        unpack(tmp_path / "code", an_archive(tmp_path, ("app.py", "x"), member))
    assert list((tmp_path / "code").iterdir()) == [] and not (tmp_path / "out").exists()


def test_content_and_size_are_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another content than the name says, and more than Lambda's limit: not kept."""
    archive = an_archive(tmp_path, ("app.py", "x" * 100))
    with pytest.raises(BadCode, match="not what its name says"):
        unpacked(tmp_path / "code", "0" * 64, archive)
    monkeypatch.setattr(function_code, "UNZIPPED_BYTES_MAX", 99)
    with pytest.raises(BadCode, match="more than 99 bytes"):
        unpack(tmp_path / "code", archive)
    with pytest.raises(BadCode):
        unpacked(tmp_path / "code", "0" * 64, tmp_path / "missing")
    assert list((tmp_path / "code").iterdir()) == []


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
            unpack(directory / "code", archive)
        except BadCode:
            assert list((directory / "code").iterdir()) == []


def test_layers_are_put_together_in_their_order(tmp_path: Path) -> None:
    """The later one counts: file over file, folder over link, link over folder; the layers stay."""
    one = tmp_path / "one"
    one.mkdir()
    two = tmp_path / "two"
    two.mkdir()
    first = unpack(
        one,
        an_archive(one, ("both", "1"), ("bin/a", "1"), (link("way"), "bin"), ("turns/x", "1")),
    )
    second = unpack(
        two,
        an_archive(two, ("both", "2"), ("bin/b", "2"), ("way/c", "2"), (link("turns"), "bin")),
    )
    both = merged(tmp_path / "code", "opt", [Unpacked(first, 30), Unpacked(second, 40)])
    opt = both.path
    assert both.size == 70
    assert (opt / "both").read_text() == "2"
    assert sorted(path.name for path in (opt / "bin").iterdir()) == ["a", "b"]
    assert not (opt / "way").is_symlink() and (opt / "way" / "c").read_text() == "2"
    assert (opt / "turns").readlink() == Path("bin")
    assert (first / "both").read_text() == "1" and (first / "turns" / "x").exists()


def test_an_agent_starts_with_none(tmp_path: Path) -> None:
    """Whole and half-unpacked packages of a dead agent are gone; others of the same content can come."""
    archive = an_archive(tmp_path, ("app.py", "x"))
    root = unpack(tmp_path / "code", archive)
    (tmp_path / "code" / ".bb-half").mkdir()
    sweep(tmp_path / "code")
    assert list((tmp_path / "code").iterdir()) == []
    assert unpack(tmp_path / "code", archive) == root
