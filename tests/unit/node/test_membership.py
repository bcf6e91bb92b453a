"""What an agent that joined keeps: written whole, for its owner only, and no good anywhere else."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

import msgspec
import pytest

from windlass.node import membership
from windlass.node.membership import FILE, Membership, NotAMember, home, load, save


def a_membership(data: Path) -> Membership:
    return Membership("https://plane", "s3cret", home(data), node_id="mi-1")


def test_kept(tmp_path: Path) -> None:
    assert load(tmp_path) is None
    kept = a_membership(tmp_path)
    save(tmp_path, kept)
    assert load(tmp_path) == kept
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    save(tmp_path, msgspec.structs.replace(kept, secret="next"))
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
    assert "s3cret" not in repr(kept)


def test_a_copy_is_refused(tmp_path: Path) -> None:
    """In another directory, and in the same place of another machine."""
    here = tmp_path / "here"
    here.mkdir()
    save(here, a_membership(here))
    there = shutil.copytree(here, tmp_path / "there")
    with pytest.raises(NotAMember, match="copy of another agent"):
        load(there)
    (here / FILE).unlink()
    save(here, Membership("https://plane", "s3cret", f"elsewhere:{here.stat().st_ino}"))
    with pytest.raises(NotAMember, match="copy of another agent"):
        load(here)


def test_moved_on_its_disk(tmp_path: Path) -> None:
    """A directory that is renamed is still the same."""
    here = tmp_path / "here"
    here.mkdir()
    save(here, a_membership(here))
    assert load(here.rename(tmp_path / "there")) is not None


@pytest.mark.parametrize("content", [b"", b"{", b'{"url": 1}', b'{"url": "u"}'])
def test_damaged(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(NotAMember, match="cannot be read"):
        load(tmp_path)


def test_a_machine_without_an_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(membership, "_MACHINE_IDS", (tmp_path / "none",))
    assert home(tmp_path) == f":{tmp_path.stat().st_ino}"


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The secret before stays."""
    kept = a_membership(tmp_path)
    save(tmp_path, kept)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(membership.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        save(tmp_path, msgspec.structs.replace(kept, secret="next"))
    assert load(tmp_path) == kept
