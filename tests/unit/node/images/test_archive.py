"""Images of the store as archives that Docker loads: what goes in comes out again."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from tests.image_build import config_of, entry, saved, tar_of
from windlass.node.images import archive, sources
from windlass.node.images.store import ImageStore

BELOW = [
    entry("etc", type=b"5", mode=0o755),
    entry("etc/old", b"old"),
    entry("etc/kept", b"kept", mode=0o4755, uid=7, gid=8),
    entry("dir", type=b"5", mode=0o700),
    entry("dir/hidden", b"x"),
    entry("link", type=b"2", linkname="etc/kept"),
]
ABOVE = [entry("etc", type=b"5", mode=0o755), entry("etc/.wh.old"), entry("dir", type=b"5", mode=0o700),
         entry("dir/.wh..wh..opq"), entry("dir/new", b"new")]  # fmt: skip


def test_there_and_back(tmp_path: Path) -> None:
    """Layers, owners, modes, links, deletions of an image that was written for Docker and imported again."""
    layers = [tar_of(BELOW), tar_of(ABOVE)]
    run = {"Cmd": ["x"], "Env": ["A=1"], "StopSignal": "SIGINT"}
    first = ImageStore(tmp_path / "first")
    image = sources.add(first, saved(tmp_path / "a.tar", layers, ["a:1"], config_of(layers, **run)), "")
    (tmp_path / "scratch").mkdir()
    archive.write(image, first.raw_config(image), "b:2", tmp_path / "b.tar", tmp_path / "scratch")
    assert list((tmp_path / "scratch").iterdir()) == []
    again = sources.add(ImageStore(tmp_path / "second"), tmp_path / "b.tar", "")
    assert again.reference == "b:2"
    assert (again.config.command, again.config.environment) == (("x",), (("A", "1"),))
    assert again.config.stop_signal == "SIGINT"
    below, above = again.layers
    kept = (below / "etc" / "kept").stat()
    assert (stat.S_IMODE(kept.st_mode), kept.st_uid, kept.st_gid) == (0o4755, 7, 8)
    assert (below / "link").readlink() == Path("etc/kept")
    gone = (above / "etc" / "old").lstat()
    assert stat.S_ISCHR(gone.st_mode) and gone.st_rdev == 0, "a deletion"
    assert os.getxattr(above / "dir", "trusted.overlay.opaque") == b"y"
    assert (above / "dir" / "new").read_bytes() == b"new"
