"""The images of one node, on its disk: configurations by digest, layers by digest, names that point to them.

Several processes may use one store: `windlass image` fills it, the agent reads it. Everything appears by a
rename when it is complete and verified; changes are made under one file lock; readers take none.
Layers are kept unpacked, shared by all images that have them, under the digest of their uncompressed tar
("diff id"); the archives they came in are not kept.
Known gaps: nothing is synced, so after a crash of the *host* an image that was just imported may have to be
imported again; no collection by age.

    names.json      {"python:3": {"id": "sha256:…", "digest": "sha256:…", …}}
    blobs/sha256/   configurations (an image's id is its configuration's digest)
    layers/<hex>/   one unpacked layer
    new/            what is being unpacked or deleted
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from windlass.node.images import config, layer
from windlass.node.images.config import ImageConfig
from windlass.node.images.faults import BadImage
from windlass.node.images.layer import Readable
from windlass.node.images.reference import normal

CONFIG_BYTES_MAX = 4 * 2**20
"""Of a configuration, manifest or index; OCI distribution asks registries to take 4 MiB."""


class Named(msgspec.Struct, frozen=True):
    """What a name points to. `digest` is the manifest's, "" when the source had none."""

    id: str
    imported_at: str
    size: int
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Image:
    """An image that can be run: `layers` are directories, lowest first; `size` is in bytes, unpacked."""

    reference: str
    id: str
    config: ImageConfig
    layers: tuple[Path, ...]
    size: int = 0
    imported_at: str = ""
    digest: str = ""


class ImageStore:
    """`root` is its directory; `uses` says which images' ids running containers have."""

    def __init__(self, root: Path, uses: Callable[[], Iterable[str]] = lambda: ()) -> None:
        self._root = root
        self._uses = uses
        self._names: Mapping[str, Named] = {}
        self._names_of: tuple[int, int] = (0, 0)
        self._images: dict[str, Image] = {}

    # reading

    def find(self, reference: str) -> Image | None:
        """The image of that name, tag or digest. Raises BadImage for what is no image reference."""
        reference = normal(reference)
        names = self._read_names()
        if "@" in reference:
            repository, _, digest = reference.partition("@")
            found = (
                named for name, named in sorted(names.items())
                if digest in (named.digest, named.id) and name.rpartition(":")[0] == repository
            )  # fmt: skip
            named = next(found, None)
        else:
            named = names.get(reference)
        return None if named is None else self._image(reference, named)

    def images(self) -> list[Image]:
        """All of them, by name."""
        return [self._image(name, named) for name, named in sorted(self._read_names().items())]

    def has_layer(self, diff_id: str) -> bool:
        return self._layer(diff_id).is_dir()

    # changing

    @contextmanager
    def workshop(self) -> Iterator[Path]:
        """A private directory on the store's disk; gone afterwards, whatever happens."""
        if os.geteuid() != 0:
            raise BadImage("images can only be imported as root: their files have owners of their own")
        directory = self._make("new") / f"{os.getpid()}.{os.urandom(4).hex()}"
        self._clear_dead()
        directory.mkdir(mode=0o700)
        try:
            yield directory
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    def add_layer(self, tar: Readable, workshop: Path, expected: str = "") -> str:
        """Unpack an uncompressed tar stream and keep it; returns its digest. Raises BadImage, OSError.

        `expected` is the digest that it must have.
        """
        fresh = workshop / f"layer.{os.urandom(4).hex()}"
        fresh.mkdir(mode=0o755)
        digest = layer.unpack(tar, fresh)
        if expected and digest != expected:
            raise BadImage(f"a layer's content is {digest}, but the image says {expected}")
        with self._locked():
            target = self._layer(digest)
            if not target.is_dir():
                fresh.rename(target)
        return digest

    def add_image(self, reference: str, raw_config: bytes, imported_at: str, digest: str = "") -> Image:
        """Name a configuration whose layers are all here. Takes the name from another image if need be."""
        name = normal(reference)
        if "@" in name:
            raise BadImage("an image is imported under a name and tag, not under a digest")
        parsed = config.parse(raw_config)
        missing = [diff_id for diff_id in parsed.diff_ids if not self.has_layer(diff_id)]
        if missing:
            raise BadImage(f"layer {missing[0]} of the image is missing")
        image_id = f"sha256:{hashlib.sha256(raw_config).hexdigest()}"
        size = sum(_size(self._layer(diff_id)) for diff_id in parsed.diff_ids)
        named = Named(image_id, imported_at, size, digest)
        with self._locked():
            blob = self._blob(image_id)
            fresh = blob.with_suffix(".new")
            fresh.write_bytes(raw_config)
            fresh.replace(blob)
            self._write_names({**self._read_names(), name: named})
        return self._image(name, named)

    def remove(self, reference: str) -> bool:
        """Take the name away, and what no name and no container uses any more. False: no such name."""
        name = normal(reference)
        with self._locked():
            names = dict(self._read_names())
            if names.pop(name, None) is None:
                return False
            self._write_names(names)
            gone = self._unreferenced({named.id for named in names.values()} | set(self._uses()))
            trash = self._make("new") / f"{os.getpid()}.{os.urandom(4).hex()}"
            trash.mkdir(mode=0o700)
            for path in gone:
                path.rename(trash / path.name)
        shutil.rmtree(trash)
        return True

    # inside

    def _image(self, reference: str, named: Named) -> Image:
        cached = self._images.get(named.id)
        if cached is None:
            parsed = config.parse(self._blob(named.id).read_bytes())
            layers = tuple(self._layer(diff_id) for diff_id in parsed.diff_ids)
            cached = self._images[named.id] = Image(reference, named.id, parsed, layers)
        return Image(
            reference, named.id, cached.config, cached.layers, named.size, named.imported_at, named.digest
        )

    def _unreferenced(self, ids: set[str]) -> list[Path]:
        """Blobs and layers that belong to none of these images."""
        blobs = {self._blob(image_id) for image_id in ids}
        kept = {
            self._layer(diff_id)
            for blob in blobs
            if blob.exists()
            for diff_id in config.parse(blob.read_bytes()).diff_ids
        }
        there = [*self._make("blobs/sha256").iterdir(), *self._make("layers").iterdir()]
        return [path for path in there if path not in blobs | kept]

    def _layer(self, diff_id: str) -> Path:
        return self._root / "layers" / config.hex_of(diff_id)

    def _blob(self, digest: str) -> Path:
        return self._root / "blobs" / "sha256" / config.hex_of(digest)

    def _read_names(self) -> Mapping[str, Named]:
        path = self._root / "names.json"
        try:
            about = path.stat()
        except OSError:
            return {}
        if (about.st_ino, about.st_mtime_ns) != self._names_of:
            try:
                self._names = msgspec.json.decode(path.read_bytes(), type=dict[str, Named])
            except msgspec.DecodeError as error:
                raise BadImage(f"{path} is damaged: {error}") from error
            self._names_of = (about.st_ino, about.st_mtime_ns)
        return self._names

    def _write_names(self, names: Mapping[str, Named]) -> None:
        fresh = self._root / "names.json.new"
        fresh.write_bytes(msgspec.json.format(msgspec.json.encode(names), indent=1) + b"\n")
        fresh.replace(self._root / "names.json")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep other processes from changing the store."""
        for name in ("blobs/sha256", "layers"):
            self._make(name)
        descriptor = os.open(self._root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _make(self, name: str) -> Path:
        """A directory of the store. Closed to others: layers hold set-id programs."""
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._root / name
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path

    def _clear_dead(self) -> None:
        """Remove what imports that were killed left in `new`."""
        for left in (self._root / "new").iterdir():
            pid = left.name.partition(".")[0]
            if pid.isdigit() and not Path(f"/proc/{pid}").exists():
                shutil.rmtree(left, ignore_errors=True)


def _size(directory: Path) -> int:
    """Bytes of the files below."""
    total = 0
    for path, _, names in os.walk(directory):
        for name in names:
            with suppress(OSError):
                total += os.lstat(f"{path}/{name}").st_size
    return total
