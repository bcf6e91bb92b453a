"""An image of the store as a `docker save` archive: what a Docker daemon loads.

Layers are packed again from their directories, so that their digests, and with them the image's id, differ
from those that the image came with: the bytes of the first archive are not kept. Deletions become whiteouts
again. Synchronous.
"""

from __future__ import annotations

import io
import os
import stat
import tarfile
from pathlib import Path

import msgspec

from windlass.node.images.store import Image
from windlass.node.images.streams import Digesting

_WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"
_XATTRS = ("security.capability", "user.")


def write(image: Image, raw_config: bytes, name: str, target: Path, scratch: Path) -> None:
    """Write the archive to `target`; `name` is what the daemon shall call the image. Raises OSError."""
    packed = []
    diff_ids = []
    for number, layer in enumerate(image.layers):
        file = scratch / f"layer{number}.tar"
        pack(layer, file)
        with file.open("rb") as stream:
            digesting = Digesting(stream)
            digesting.drain()
        packed.append(file)
        diff_ids.append(digesting.digest)
    settings = msgspec.json.decode(raw_config)
    settings["rootfs"] = {"type": "layers", "diff_ids": diff_ids}
    settings.pop("history", None)  # it counts the layers of the archive that the image came in
    paths = [f"{number}/layer.tar" for number in range(len(packed))]
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": paths}]
    with tarfile.open(target, "w") as tar:
        _add(tar, "manifest.json", msgspec.json.encode(manifest))
        _add(tar, "config.json", msgspec.json.encode(settings))
        for path, file in zip(paths, packed, strict=True):
            tar.add(file, path)
            file.unlink()


def pack(layer: Path, target: Path) -> None:
    """One unpacked layer as an uncompressed tar, in a fixed order."""
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as tar:
        for path, folders, files in os.walk(layer):
            folders.sort()
            inside = os.path.relpath(path, layer)
            where = "" if inside == "." else f"{inside}/"
            if _is_opaque(path):
                _add(tar, f"{where}{_OPAQUE}", b"")
            for name in sorted([*folders, *files]):
                _put(tar, f"{path}/{name}", where, name)


def _put(tar: tarfile.TarFile, path: str, where: str, name: str) -> None:
    about = os.lstat(path)
    if stat.S_ISCHR(about.st_mode) and about.st_rdev == 0:
        _add(tar, f"{where}{_WHITEOUT}{name}", b"")
        return
    member = tar.gettarinfo(path, f"{where}{name}")
    member.uname = member.gname = ""
    if not member.issym():
        kept = {key: os.getxattr(path, key) for key in os.listxattr(path) if key.startswith(_XATTRS)}
        member.pax_headers = {
            f"SCHILY.xattr.{key}": value.decode("utf-8", "surrogateescape") for key, value in kept.items()
        }
    if member.isreg():
        with Path(path).open("rb") as file:
            tar.addfile(member, file)
    else:
        tar.addfile(member)


def _is_opaque(path: str) -> bool:
    try:
        return os.getxattr(path, "trusted.overlay.opaque") == b"y"
    except OSError:
        return False


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), 0o644
    tar.addfile(member, io.BytesIO(content))
