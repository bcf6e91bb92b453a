"""Images for tests: busybox root file systems, tars with whatever in them, docker save and OCI layouts."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

TOOLS = ("sh", "cat", "echo", "env", "id", "kill", "ls", "mkdir", "mount", "pwd", "sleep", "true", "unshare")
PASSWD = "root:x:0:0:root:/root:/bin/sh\napp:x:1001:1002:app:/srv:/bin/sh\n"
GROUP = "root:x:0:\napp:x:1002:\nextra:x:1003:app\n"


def busybox_root(at: Path) -> Path:
    """A root file system with a shell. Debian's busybox-static; `make setup-system` installs it."""
    program = shutil.which("busybox")
    assert program is not None, "busybox is missing: make setup-system"
    (at / "bin").mkdir(parents=True)
    shutil.copy(program, at / "bin" / "busybox")
    for tool in TOOLS:
        (at / "bin" / tool).symlink_to("busybox")
    (at / "etc").mkdir()
    (at / "etc" / "passwd").write_text(PASSWD)
    (at / "etc" / "group").write_text(GROUP)
    return at


def entry(name: str, content: bytes = b"", **members: Any) -> tuple[tarfile.TarInfo, bytes]:
    """One entry of a tar; `members` are TarInfo's: type, linkname, mode, …"""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for member, value in members.items():
        setattr(info, member, value)
    return info, content


def tar_of(entries: Iterable[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for info, content in entries:
            tar.addfile(info, io.BytesIO(content) if info.isreg() else None)
    return buffer.getvalue()


def digest(raw: bytes) -> str:
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


def config_of(layers: Iterable[bytes], **run: Any) -> bytes:
    diff_ids = [digest(layer) for layer in layers]
    found = {"architecture": "amd64", "os": "linux", "config": run, "rootfs": {"diff_ids": diff_ids}}
    return json.dumps(found).encode()


def saved(at: Path, layers: list[bytes], tags: list[str], config: bytes | None = None) -> Path:
    """A `docker save` archive."""
    raw = config_of(layers) if config is None else config
    name = f"{digest(raw).removeprefix('sha256:')}.json"
    paths = [f"{number}/layer.tar" for number in range(len(layers))]
    manifest = json.dumps([{"Config": name, "RepoTags": tags, "Layers": paths}]).encode()
    files = [entry(name, raw), entry("manifest.json", manifest)]
    files += [entry(path, layer) for path, layer in zip(paths, layers, strict=True)]
    at.write_bytes(tar_of(files))
    return at


def layout(at: Path, layers: list[bytes], architecture: str | None = None) -> Path:
    """An OCI image layout with gzipped layers."""
    blobs = at / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def put(raw: bytes) -> dict[str, Any]:
        (blobs / digest(raw).removeprefix("sha256:")).write_bytes(raw)
        return {"digest": digest(raw), "size": len(raw), "mediaType": "application/octet-stream"}

    config = put(config_of(layers, Cmd=["true"]))
    packed = [put(gzip.compress(layer, mtime=0)) for layer in layers]
    manifest: Mapping[str, Any] = put(json.dumps({"config": config, "layers": packed}).encode())
    if architecture is not None:
        manifest = {**manifest, "platform": {"architecture": architecture, "os": "linux"}}
    (at / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (at / "index.json").write_text(json.dumps({"manifests": [manifest]}))
    return at
