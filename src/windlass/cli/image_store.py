"""What `windlass image …` does to the images of a data directory. Works on the disk; no plane is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from windlass.cli.output import fail, show_json, show_table
from windlass.node.images import host_image, sources
from windlass.node.images.config import ImageConfig
from windlass.node.images.faults import BadImage
from windlass.node.images.places import open_store
from windlass.node.images.store import Image, ImageStore

T = TypeVar("T")


def add(data: Path, source: Path, name: str) -> None:
    """Import a file or directory."""
    _tell(_done(lambda: sources.add(open_store(data), source, name)))


def add_from_host(data: Path, name: str, packages: Sequence[str]) -> None:
    """Make an image of the host's own Python."""
    wanted = packages or host_image.PACKAGES
    _tell(_done(lambda: host_image.add(open_store(data), name or host_image.NAME, wanted)))


def build(
    data: Path,
    source: Path,
    name: str,
    *,
    entry_point: Sequence[str],
    command: Sequence[str],
    environment: Sequence[str],
    working_directory: str,
    user: str,
) -> None:
    """Make an image of a root file system, with these settings; `environment` as NAME=VALUE."""
    pairs = [pair.partition("=") for pair in environment]
    settings = ImageConfig(
        entry_point=tuple(entry_point),
        command=tuple(command),
        environment=tuple((key, value) for key, _, value in pairs),
        working_directory=working_directory,
        user=user,
    )
    _tell(_done(lambda: sources.add(open_store(data), source, name, replace(settings))))


def show(data: Path, as_json: bool) -> None:
    """List the store."""
    images = _done(lambda: open_store(data).images())
    if as_json:
        show_json([_described(image) for image in images])
        return
    rows = [(i.reference, _short(i), str(len(i.layers)), _mib(i), i.imported_at) for i in images]
    show_table(("NAME", "ID", "LAYERS", "SIZE", "IMPORTED"), rows)


def remove(data: Path, names: Sequence[str]) -> None:
    """Take names away, and what is then used by nothing."""
    store: ImageStore = open_store(data)
    for name in names:
        if not _done(partial(store.remove, name)):
            fail(f"there is no image {name!r}; see windlass image ls")
        print(name)


def _done(work: Callable[[], T]) -> T:
    """What it returns; what goes wrong is said in one line."""
    try:
        return work()
    except BadImage as error:
        fail(str(error))
    except OSError as error:
        fail(f"{error.filename or 'the image'}: {error.strerror or error}")


def _tell(image: Image) -> None:
    print(f"{image.reference}\t{_short(image)}\t{len(image.layers)} layers\t{_mib(image)}")


def _described(image: Image) -> dict[str, object]:
    return {
        "name": image.reference,
        "id": image.id,
        "digest": image.digest,
        "layers": list(image.config.diff_ids),
        "size": image.size,
        "imported_at": image.imported_at,
    }


def _short(image: Image) -> str:
    return image.id.removeprefix("sha256:")[:12]


def _mib(image: Image) -> str:
    return f"{image.size / 2**20:.1f} MiB"
