"""Where images come from: `docker save` archives, OCI layouts, root file systems; as directories or tars.

Finds out what a file or directory is, verifies every digest that it names, and hands layers to the store.
A root file system becomes an image of one layer. Registries are pull.py's.
"""

from __future__ import annotations

import io
import os
import platform
import tarfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Protocol

import msgspec

from windlass.node.images import config
from windlass.node.images.config import ImageConfig
from windlass.node.images.faults import BadImage
from windlass.node.images.manifests import Descriptor, Index, Manifest, architecture, decode, for_machine
from windlass.node.images.store import CONFIG_BYTES_MAX, Image, ImageStore
from windlass.node.images.streams import DAMAGED, GZIP, ZSTD, Digesting, Readable, unpacked

INDEX_DEPTH_MAX = 4
"""Indexes inside indexes."""


class _Saved(msgspec.Struct):
    """One image of a `docker save` archive's manifest.json."""

    Config: str
    Layers: list[str]
    RepoTags: list[str] | None = None


class Tree(Protocol):
    """Files by name: a directory, or the inside of a tar."""

    def has(self, name: str) -> bool: ...

    def open(self, name: str) -> IO[bytes]:
        """Raises BadImage when there is no such file."""


class Folder:
    """A directory as a Tree. Names come from what it holds, so they are kept inside."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def has(self, name: str) -> bool:
        return (self._root / name).is_file()

    def open(self, name: str) -> IO[bytes]:
        path = (self._root / name).resolve()
        if not path.is_relative_to(self._root) or not path.is_file():
            raise BadImage(f"it has no file {name[:100]!r}")
        return path.open("rb")


class Archive:
    """A tar as a Tree."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self._members = {member.name.removeprefix("./"): member for member in tar if not member.isdir()}

    def has(self, name: str) -> bool:
        return name in self._members

    def open(self, name: str) -> IO[bytes]:
        member = self._members.get(name)
        try:
            found = None if member is None else self._tar.extractfile(member)
        except KeyError:  # a link to nowhere
            found = None
        if found is None:
            raise BadImage(f"it has no file {name[:100]!r}")
        return found


def add(store: ImageStore, source: Path, name: str, settings: ImageConfig | None = None) -> Image:
    """Import that file or directory; `name` "" takes the one that a `docker save` archive brings.

    `settings` are for root file systems, which say nothing of how to run them; images keep their own.
    Raises BadImage and OSError.
    """
    if not source.exists():
        raise BadImage(f"{source} does not exist")
    try:
        with ExitStack() as stack:
            workshop = stack.enter_context(store.workshop())
            if source.is_dir():
                return _add_folder(store, source, name, settings, workshop)
            tar = _plain(source, workshop)
            archive = Archive(stack.enter_context(tarfile.open(tar, "r:")))
            if _is_image(archive):
                _refuse_settings(settings)
                return _Import(store, archive, workshop).run(name)
            with tar.open("rb") as stream:
                return _add_root(store, stream, name, settings, workshop)
    except DAMAGED as error:
        raise BadImage(f"{source} is damaged or no image: {error}") from error
    except BadImage as error:
        raise BadImage(f"{source}: {error}") from error


def pack(folder: Path, target: Path, keep: Callable[[str], bool] = lambda name: True) -> None:
    """A directory as a tar file, in a fixed order, owners as they are."""
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as tar:
        for path, folders, files in os.walk(folder):
            folders.sort()
            for name in sorted([*folders, *files]):
                inside = os.path.relpath(f"{path}/{name}", folder)
                if keep(inside):
                    tar.add(f"{path}/{name}", inside, recursive=False)


def _add_folder(
    store: ImageStore, source: Path, name: str, settings: ImageConfig | None, workshop: Path
) -> Image:
    folder = Folder(source)
    if _is_image(folder):
        _refuse_settings(settings)
        return _Import(store, folder, workshop).run(name)
    tar = workshop / "root.tar"
    pack(source, tar)
    with tar.open("rb") as stream:
        return _add_root(store, stream, name, settings, workshop)


def _add_root(
    store: ImageStore, tar: Readable, name: str, settings: ImageConfig | None, workshop: Path
) -> Image:
    """An image of one layer."""
    if not name:
        raise BadImage("a root file system has no name of its own: use --name")
    diff_id = store.add_layer(tar, workshop)
    about = replace(
        settings or ImageConfig(), architecture=architecture(platform.machine()), diff_ids=(diff_id,)
    )
    now = _now()
    return store.add_image(name, config.render(about, now), now)


class _Import:
    """One image out of a Tree that has a manifest."""

    def __init__(self, store: ImageStore, tree: Tree, workshop: Path) -> None:
        self._store = store
        self._tree = tree
        self._workshop = workshop

    def run(self, name: str) -> Image:
        if self._tree.has("manifest.json"):
            return self._saved(name)
        return self._layout(name)

    def _saved(self, name: str) -> Image:
        """`docker save`: manifest.json names the configuration and the layers' tars."""
        images = decode(_read(self._tree, "manifest.json"), list[_Saved])
        if len(images) != 1:
            raise BadImage(f"it holds {len(images)} images; save one at a time")
        [image] = images
        name = name or next(iter(image.RepoTags or ()), "")
        raw = _read(self._tree, image.Config)
        if (digest := image.Config.rpartition("/")[2].removesuffix(".json")) and len(digest) == 64:
            _verify(raw, f"sha256:{digest}", "configuration")
        self._layers(config.parse(raw), image.Layers, [""] * len(image.Layers))
        return self._name(name, raw, "")

    def _layout(self, name: str) -> Image:
        """OCI image layout: index.json, perhaps further indexes, a manifest, blobs."""
        chosen = decode(_read(self._tree, "index.json"), Index).manifests
        for _ in range(INDEX_DEPTH_MAX):
            fitting = for_machine(chosen, platform.machine())
            if len(fitting) > 1:
                raise BadImage(f"it holds {len(fitting)} images for this machine; keep one in each layout")
            [descriptor] = fitting
            raw = self._blob(descriptor.digest)
            if b'"manifests"' not in raw:
                break
            name = name or _annotated(descriptor)
            chosen = decode(raw, Index).manifests
        else:
            raise BadImage("its indexes lead nowhere")
        manifest = decode(raw, Manifest)
        raw_config = self._blob(manifest.config.digest)
        blobs = [_blob_name(found.digest) for found in manifest.layers]
        self._layers(config.parse(raw_config), blobs, [found.digest for found in manifest.layers])
        return self._name(name or _annotated(descriptor), raw_config, descriptor.digest)

    def _layers(self, parsed: ImageConfig, names: list[str], digests: list[str]) -> None:
        """Unpack those that are not here yet. `digests` are of the files as they are stored, "" unknown."""
        if len(names) != len(parsed.diff_ids):
            raise BadImage(f"it has {len(names)} layers, its configuration says {len(parsed.diff_ids)}")
        self._store.keep(self._workshop, parsed.diff_ids)
        for name, stored, diff_id in zip(names, digests, parsed.diff_ids, strict=True):
            if self._store.has_layer(diff_id):
                continue
            with self._tree.open(name) as file:
                raw = Digesting(file)
                self._store.add_layer(unpacked(raw), self._workshop, diff_id)
                raw.drain()
            if stored and raw.digest != stored:
                raise BadImage(f"a layer's content is {raw.digest}, but the manifest says {stored}")

    def _name(self, name: str, raw_config: bytes, digest: str) -> Image:
        if not name:
            raise BadImage("it does not say its name: use --name")
        return self._store.add_image(name, raw_config, _now(), digest)

    def _blob(self, digest: str) -> bytes:
        raw = _read(self._tree, _blob_name(digest))
        _verify(raw, digest, "blob")
        return raw


def _is_image(tree: Tree) -> bool:
    return tree.has("manifest.json") or (tree.has("index.json") and tree.has("oci-layout"))


def _refuse_settings(settings: ImageConfig | None) -> None:
    if settings is not None:
        raise BadImage("this is an image, which says itself how to run; use `windlass image import`")


def _annotated(descriptor: Descriptor) -> str:
    """The name in an annotation: containerd writes the whole of it, others only a tag."""
    return (descriptor.annotations or {}).get("io.containerd.image.name", "")


def _blob_name(digest: str) -> str:
    return f"blobs/sha256/{config.hex_of(digest)}"


def _read(tree: Tree, name: str) -> bytes:
    """A small file: manifests and configurations."""
    with tree.open(name) as file:
        raw = file.read(CONFIG_BYTES_MAX + 1)
    if len(raw) > CONFIG_BYTES_MAX:
        raise BadImage(f"{name[:100]!r} is larger than {CONFIG_BYTES_MAX // 2**20} MiB")
    return raw


def _verify(raw: bytes, digest: str, what: str) -> None:
    stream = Digesting(io.BytesIO(raw))
    stream.drain()
    if stream.digest != digest:
        raise BadImage(f"the {what}'s content is {stream.digest}, but its name is {digest}")


def _plain(source: Path, workshop: Path) -> Path:
    """The file itself, or uncompressed beside it: an archive is read in any order."""
    with source.open("rb") as file:
        head = file.read(4)
        if head[:2] != GZIP and head != ZSTD:
            return source
        file.seek(0)
        target = workshop / "plain.tar"
        stream = unpacked(file)
        with target.open("wb") as out:
            while data := stream.read(2**20):
                out.write(data)
    return target


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
