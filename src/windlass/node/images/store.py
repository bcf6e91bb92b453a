"""The images of one node, on its disk: configurations by digest, layers by digest, names that point to them.

Several processes may use one store: `windlass image` fills it, the agent reads it. Everything appears by a
rename when it is complete and verified; changes are made under one file lock; readers take none.
Layers are kept unpacked, shared by all images that have them, under the digest of their uncompressed tar
("diff id"); the archives they came in are not kept.
What is taken away is first renamed into a workshop, under the lock, so that nobody finds half of it; whoever
dies on the way leaves what the next change sweeps up.
Known gap: nothing is synced, so after a crash of the *host* an image that was just imported may have to be
imported again.

    names.json      {"python:3": {"id": "sha256:…", "digest": "sha256:…", …}}
    blobs/sha256/   configurations (an image's id is its configuration's digest); their time is their last use
    layers/<hex>/   one unpacked layer
    new/            workshops: what is being unpacked or deleted, each locked by its process
    downloads/      see downloads.py
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from windlass.node.images import config, layer
from windlass.node.images.config import ImageConfig
from windlass.node.images.faults import BadImage
from windlass.node.images.reference import normal, split
from windlass.node.images.streams import Readable

CONFIG_BYTES_MAX = 4 * 2**20
"""Of a configuration, manifest or index; OCI distribution asks registries to take 4 MiB."""

_ALIVE, _KEPT = "alive", "kept"
"""In a workshop: locked by its process; diff ids of layers that it needs."""


class Named(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a name points to. `digest` is the manifest's, "" when the source had none; `pulled`: from a
    registry,

    so that it can be had again.
    """

    id: str
    imported_at: str
    size: int
    digest: str = ""
    pulled: bool = False


@dataclass(frozen=True, slots=True)
class Image:
    """An image that can be run: `layers` are directories, lowest first; `size` is in bytes, unpacked.

    `used_at` is in seconds since the epoch.
    """

    reference: str
    id: str
    config: ImageConfig
    layers: tuple[Path, ...]
    size: int = 0
    imported_at: str = ""
    digest: str = ""
    pulled: bool = False
    used_at: float = 0.0


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
        repository, target = split(reference)
        if ":" in target:
            found = (
                named for name, named in sorted(names.items())
                if target in (named.digest, named.id) and split(name)[0] == repository
            )  # fmt: skip
            named = next(found, None)
        else:
            named = names.get(reference)
        return None if named is None else self._image(reference, named)

    def images(self) -> list[Image]:
        """All of them, by name, with the times of their last use."""
        return [
            replace(self._image(name, named), used_at=self._used_at(named.id))
            for name, named in sorted(self._read_names().items())
        ]

    def raw_config(self, image: Image) -> bytes:
        """The image's configuration as it came."""
        return self._blob(image.id).read_bytes()

    def has_layer(self, diff_id: str) -> bool:
        return self._layer(diff_id).is_dir()

    # changing

    @contextmanager
    def workshop(self) -> Iterator[Path]:
        """A private directory on the store's disk; gone afterwards, whatever happens."""
        if os.geteuid() != 0:
            raise BadImage("images can only be imported as root: their files have owners of their own")
        self.clear_dead()
        directory = self._make("new") / f"{os.getpid()}.{os.urandom(4).hex()}"
        with self._locked():
            directory.mkdir(mode=0o700)
            alive = _lock(directory / _ALIVE)
        try:
            yield directory
        finally:
            shutil.rmtree(directory, ignore_errors=True)
            os.close(alive)

    def keep(self, workshop: Path, diff_ids: Iterable[str]) -> None:
        """Let nobody take these layers away while the workshop is there: an image with them is on its way."""
        with self._locked():
            (workshop / _KEPT).write_text("\n".join(diff_ids))

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

    def add_image(
        self, reference: str, raw_config: bytes, imported_at: str, digest: str = "", *, pulled: bool = False
    ) -> Image:
        """Name a configuration whose layers are all here. Takes the name from another image if need be."""
        name = normal(reference)
        if "@" in name and not pulled:
            raise BadImage("an image is imported under a name and tag, not under a digest")
        parsed = config.parse(raw_config)
        missing = [diff_id for diff_id in parsed.diff_ids if not self.has_layer(diff_id)]
        if missing:
            raise BadImage(f"layer {missing[0]} of the image is missing")
        image_id = f"sha256:{hashlib.sha256(raw_config).hexdigest()}"
        size = sum(tree_size(self._layer(diff_id)) for diff_id in parsed.diff_ids)
        named = Named(image_id, imported_at, size, digest, pulled)
        with self._locked():
            blob = self._blob(image_id)
            fresh = blob.with_suffix(".new")
            fresh.write_bytes(raw_config)
            fresh.replace(blob)
            self._write_names({**self._read_names(), name: named})
        return self._image(name, named)

    def claim(self, image: Image, mark: Path) -> None:
        """Write the image's id into that file, one of those that `uses` reads: it stays as long as the file
        does.

        Raises BadImage when the image was taken away just now.
        """
        with self._locked(fcntl.LOCK_SH):
            if not self.is_whole(image):
                raise BadImage(f"image {image.reference} was removed just now")
            mark.write_text(image.id)
        self.touch(image.id)

    def is_whole(self, image: Image) -> bool:
        """Whether all of it is still here."""
        return self._blob(image.id).exists() and all(layer.is_dir() for layer in image.layers)

    def touch(self, image_id: str) -> None:
        """It is used now."""
        with suppress(OSError):
            os.utime(self._blob(image_id))

    def remove(self, reference: str) -> bool:
        """Take the name away, and what no name and no container uses any more. False: no such name."""
        name = normal(reference)
        if name not in self._read_names():
            return False
        self.remove_all([name])
        return True

    def remove_all(
        self, names: Iterable[str], unless: Callable[[Image], bool] = lambda image: False
    ) -> list[str]:
        """Take these names away, and all that nothing uses; returns the names. `unless` is asked under the
        lock.

        With no names it sweeps up what a removal that was killed has left.
        """
        taken: list[str] = []
        with self.workshop() as trash, self._locked():
            left = dict(self._read_names())
            for name in names:
                if name in left and not unless(self._image(name, left[name])):
                    del left[name]
                    taken.append(name)
            if taken:
                self._write_names(left)
            for path in self._unreferenced({named.id for named in left.values()} | set(self._uses())):
                path.rename(trash / path.name)
        return taken

    def in_use(self) -> set[str]:
        """Ids of the images that containers have."""
        return set(self._uses())

    def clear_dead(self) -> None:
        """Remove what imports and removals that were killed left in `new`."""
        for left in list((self._root / "new").glob("*")):
            with self._locked():
                try:
                    os.close(_lock(left / _ALIVE, fcntl.LOCK_EX | fcntl.LOCK_NB))
                except BlockingIOError:
                    continue
                except OSError:
                    pass  # gone meanwhile, or killed before it had its lock
            shutil.rmtree(left, ignore_errors=True)

    def layer_sizes(self) -> dict[str, int]:
        """Bytes by diff id; looks at every file."""
        return {f"sha256:{path.name}": tree_size(path) for path in (self._root / "layers").glob("*")}

    @property
    def downloads(self) -> Path:
        """Where downloads.py has what is on its way."""
        return self._root / "downloads"

    # inside

    def _used_at(self, image_id: str) -> float:
        try:
            return self._blob(image_id).stat().st_mtime
        except OSError:
            return 0.0

    def _image(self, reference: str, named: Named) -> Image:
        cached = self._images.get(named.id)
        if cached is None:
            parsed = config.parse(self._blob(named.id).read_bytes())
            layers = tuple(self._layer(diff_id) for diff_id in parsed.diff_ids)
            cached = self._images[named.id] = Image(reference, named.id, parsed, layers)
        return replace(
            cached,
            reference=reference,
            size=named.size,
            imported_at=named.imported_at,
            digest=named.digest,
            pulled=named.pulled,
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
        kept |= {
            self._layer(diff_id)
            for workshop in self._make("new").glob(f"*/{_KEPT}")
            for diff_id in workshop.read_text().split()
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
    def _locked(self, how: int = fcntl.LOCK_EX) -> Iterator[None]:
        """Keep other processes from changing the store."""
        for name in ("blobs/sha256", "layers"):
            self._make(name)
        descriptor = _lock(self._root / "lock", how)
        try:
            yield
        finally:
            os.close(descriptor)

    def _make(self, name: str) -> Path:
        """A directory of the store. Closed to others: layers hold set-id programs."""
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._root / name
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path


def _lock(path: Path, how: int = fcntl.LOCK_EX) -> int:
    """A descriptor that has the lock of that file; closing it lets go."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, how)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def tree_size(directory: Path) -> int:
    """Bytes of the files below."""
    total = 0
    for path, _, names in os.walk(directory):
        for name in names:
            with suppress(OSError):
                total += os.lstat(f"{path}/{name}").st_size
    return total
