"""Manifests and indexes: which configuration and which layers an image has, and for whom. Pure.

Reads the JSON that Docker (image manifest version 2, schema 2) and OCI (image specification, manifest.md,
image-index.md) share. All of it was written by somebody else.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from windlass.node.images.config import DIFF_IDS_MAX, hex_of
from windlass.node.images.faults import BadImage

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}
"""`uname -m` to the name that images use (GOARCH)."""
BYTES_MAX = 64 * 2**30
"""Of all layers of an image, as a registry has them."""

INDEX_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
MANIFEST_TYPES = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
CONFIG_TYPES = (
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
)
LAYER_TYPES = (
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.oci.image.layer.v1.tar+zstd",
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
    "application/vnd.docker.image.rootfs.diff.tar.zstd",
)
"""Never the "foreign" and "nondistributable" ones, whose content is elsewhere."""

T = TypeVar("T")


class Descriptor(msgspec.Struct, frozen=True):
    """OCI image specification, descriptor.md. `size` is in bytes, -1 when it is not said."""

    digest: str
    mediaType: str = ""
    size: int = -1
    annotations: dict[str, str] | None = None
    platform: dict[str, Any] | None = None


class Index(msgspec.Struct, frozen=True):
    """One manifest for each platform."""

    manifests: list[Descriptor]


class Manifest(msgspec.Struct, frozen=True):
    """One image. `layers` are lowest first."""

    config: Descriptor
    layers: list[Descriptor]


class _Kind(msgspec.Struct):
    """Enough to see what a document is."""

    schemaVersion: int = 2
    manifests: msgspec.Raw = msgspec.Raw()
    config: msgspec.Raw = msgspec.Raw()


def read(raw: bytes) -> Index | Manifest:
    """What a registry answered, by what it says, as some send wrong media types. Raises BadImage."""
    kind = decode(raw, _Kind)
    if kind.schemaVersion == 1:
        raise BadImage("its manifest is of schema 1, which no registry should have since 2016; push it again")
    if bytes(kind.manifests):
        return decode(raw, Index)
    if not bytes(kind.config):
        raise BadImage("its manifest is neither of an image nor an index of images")
    return decode(raw, Manifest)


def check(manifest: Manifest) -> None:
    """Raise BadImage when this is no image that a registry can hand out whole."""
    if manifest.config.mediaType not in CONFIG_TYPES:
        raise BadImage(
            f"unsupported media type {manifest.config.mediaType[:80]!r}: this is no container image"
        )
    if len(manifest.layers) > DIFF_IDS_MAX:
        raise BadImage(f"the image has {len(manifest.layers)} layers, more than {DIFF_IDS_MAX}")
    for found in (manifest.config, *manifest.layers):
        hex_of(found.digest)
        if found.size < 0:
            raise BadImage(f"its manifest does not say the size of {found.digest}")
    for found in manifest.layers:
        if found.mediaType not in LAYER_TYPES:
            raise BadImage(f"unsupported media type {found.mediaType[:80]!r} of a layer")
    total = sum(found.size for found in manifest.layers)
    if total > BYTES_MAX:
        raise BadImage(f"its layers have {total} bytes, more than {BYTES_MAX // 2**30} GiB")


def for_machine(found: list[Descriptor], machine: str) -> list[Descriptor]:
    """The manifests for that architecture (`uname -m`), at least one; attestations (platform "unknown") are
    none.
    """
    here = architecture(machine)
    fitting = [one for one in found if one.platform is None or _fits(one.platform, here)]
    if not fitting:
        others = sorted({str((one.platform or {}).get("architecture"))[:20] for one in found})
        raise BadImage(
            f"no matching manifest for linux/{here}, only for {', '.join(others)[:80] or 'nobody'}"
        )
    return fitting


def architecture(machine: str) -> str:
    """ "x86_64" → "amd64"."""
    return ARCHITECTURES.get(machine, machine)


def decode(raw: bytes, kind: type[T]) -> T:
    """That JSON, or BadImage."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.DecodeError as error:
        raise BadImage(f"its manifest cannot be read: {error}") from error


def _fits(platform: dict[str, Any], here: str) -> bool:
    return platform.get("architecture") == here and platform.get("os", "linux") == "linux"
