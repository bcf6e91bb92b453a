"""Unpacking layers that mean well, and those that do not."""

from __future__ import annotations

import io
import os
import resource
import stat
import tarfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.image_build import digest, entry, tar_of
from windlass.node.images.faults import BadImage
from windlass.node.images.layer import BYTES_MAX, ENTRIES_MAX, Room, unpack


def unpacked(at: Path, *entries: tuple[tarfile.TarInfo, bytes]) -> Path:
    raw = tar_of(entries)
    (at / "layer").mkdir(parents=True)
    assert unpack(io.BytesIO(raw), at / "layer") == digest(raw)
    return at / "layer"


def test_what_is_kept(tmp_path: Path) -> None:
    """Content, modes with set-id bits, owners, times, links of both kinds; parents are made when missing."""
    layer = unpacked(
        tmp_path,
        entry("./", type=tarfile.DIRTYPE, mode=0o755),
        entry("usr/bin/tool", b"program", mode=0o4755, uid=7, gid=8, mtime=1_000_000_000),
        entry("usr/bin/again", type=tarfile.LNKTYPE, linkname="usr/bin/tool"),
        entry("bin", type=tarfile.SYMTYPE, linkname="usr/bin"),
        entry("out", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        entry("pipe", type=tarfile.FIFOTYPE, mode=0o600),
        entry("dev/null", type=tarfile.CHRTYPE, devmajor=1, devminor=3),
    )
    about = (layer / "usr/bin/tool").stat()
    assert (stat.S_IMODE(about.st_mode), about.st_uid, about.st_gid) == (0o4755, 7, 8)
    assert about.st_mtime == 1_000_000_000
    assert (layer / "usr/bin/again").samefile(layer / "usr/bin/tool")
    assert ((layer / "bin").readlink(), (layer / "out").readlink()) == (Path("usr/bin"), Path("/etc/passwd"))
    assert stat.S_ISFIFO((layer / "pipe").stat().st_mode)
    assert not (layer / "dev/null").exists(), "devices are the runtime's"


def test_deletions_become_what_overlayfs_understands(tmp_path: Path) -> None:
    """`.wh.name` is a character device 0/0, an opaque mark an attribute; aufs's bookkeeping is dropped."""
    layer = unpacked(
        tmp_path,
        entry("etc/.wh.gone"),
        entry("var/.wh..wh..opq"),
        entry(".wh..wh.plnk", b""),
        entry("var/new", b"x"),
    )
    about = (layer / "etc/gone").lstat()
    assert stat.S_ISCHR(about.st_mode)
    assert about.st_rdev == 0
    assert os.getxattr(layer / "var", "trusted.overlay.opaque") == b"y"
    assert sorted(path.name for path in layer.iterdir()) == ["etc", "var"]


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ([entry("../escape", b"x")], "outside"),
        ([entry("/etc/passwd", b"x")], "outside"),
        ([entry("a/../../escape", b"x")], "outside"),
        ([entry("a", type=tarfile.SYMTYPE, linkname="/tmp"), entry("a/b", b"x")], "goes through"),
        ([entry("a", b""), entry("a/b", b"x")], "goes through"),
        ([entry("h", type=tarfile.LNKTYPE, linkname="../../etc/passwd")], "outside"),
        ([entry("h", type=tarfile.LNKTYPE, linkname="nowhere")], "does not have"),
        (
            [
                entry("a", type=tarfile.SYMTYPE, linkname="/etc"),
                entry("h", type=tarfile.LNKTYPE, linkname="a/passwd"),
            ],
            "goes through",
        ),
        ([entry("d", type=tarfile.DIRTYPE), entry("h", type=tarfile.LNKTYPE, linkname="d")], "directory"),
        ([entry("d/f", b""), entry("d", b"file")], "both as"),
        ([entry("a/.wh...")], "deletes"),
        ([entry("a/.wh..")], "deletes"),
        ([entry("/".join("d" * 200), b"")], "deeper"),
    ],
)
def test_what_is_refused(tmp_path: Path, entries: list[tuple[tarfile.TarInfo, bytes]], says: str) -> None:
    """Nothing leaves the directory, by a name, a link, or a link to a link."""
    (tmp_path / "layer").mkdir()
    with pytest.raises(BadImage, match=says):
        unpack(io.BytesIO(tar_of(entries)), tmp_path / "layer")
    assert [path.name for path in tmp_path.iterdir()] == ["layer"]


def test_attributes_that_would_redirect_the_overlay_are_dropped(tmp_path: Path) -> None:
    """`trusted.overlay.redirect` could name any directory below; file capabilities are kept."""
    capability = b"\x01\0\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0".decode()
    headers = {
        "SCHILY.xattr.trusted.overlay.redirect": "/etc",
        "SCHILY.xattr.user.overlay.redirect": "/etc",
        "SCHILY.xattr.security.capability": capability,
    }
    layer = unpacked(tmp_path, entry("tool", b"x", pax_headers=headers, mode=0o755))
    assert os.listxattr(layer / "tool") == ["security.capability"]


@pytest.mark.parametrize("cut", [1, 511, 600, 1_400, 2_000])
def test_cut_off(tmp_path: Path, cut: int) -> None:
    """An archive that ends anywhere before its end mark is refused."""
    raw = tar_of([entry("a", b"x" * 700)])[: 512 + 1024]
    (tmp_path / "layer").mkdir()
    with pytest.raises(BadImage, match="cut off"):
        unpack(io.BytesIO(raw[:cut]), tmp_path / "layer")


@settings(max_examples=60)
@given(st.data())
def test_damage_is_always_said(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Bytes changed anywhere: either it still unpacks inside, or BadImage; never another exception."""
    raw = bytearray(tar_of([entry("a/b", b"hello"), entry("c", type=tarfile.SYMTYPE, linkname="a/b")]))
    for _ in range(data.draw(st.integers(1, 8))):
        raw[data.draw(st.integers(0, 2_047))] = data.draw(st.integers(0, 255))
    at = tmp_path_factory.mktemp("damage")
    (at / "layer").mkdir()
    with suppress(BadImage):
        unpack(io.BytesIO(bytes(raw)), at / "layer")
    assert [path.name for path in at.iterdir()] == ["layer"]


def test_a_disk_that_has_room_for_a_part(tmp_path: Path) -> None:
    """The first write takes what fits and does not fail: a file is never cut short in silence."""
    (tmp_path / "layer").mkdir()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (600, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            unpack(io.BytesIO(tar_of([entry("a", b"x" * 700)])), tmp_path / "layer")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_limits(tmp_path: Path) -> None:
    """More files or bytes than a layer may have: refused by what its headers say, before any is written."""
    info = tarfile.TarInfo("big")
    info.size = BYTES_MAX + 1
    (tmp_path / "layer").mkdir()
    with pytest.raises(BadImage, match="more than 64 GiB"):
        unpack(io.BytesIO(info.tobuf()), tmp_path / "layer")
    assert list((tmp_path / "layer").iterdir()) == []
    room, empty = Room(), tarfile.TarInfo("empty")
    with pytest.raises(BadImage, match="more than 2000000 files"):
        for _ in range(ENTRIES_MAX + 1):
            room.take(empty)


def test_names_that_no_file_system_takes(tmp_path: Path) -> None:
    (tmp_path / "layer").mkdir()
    with pytest.raises(OSError, match="too long"):
        unpack(io.BytesIO(tar_of([entry("x" * 300, b"")])), tmp_path / "layer")
