"""What `windlass image …` does to the images of a data directory. Works on the disk; no plane is asked."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from windlass.cli.output import age, fail, show_json, show_table
from windlass.node.images import host_image, sources
from windlass.node.images.config import ImageConfig
from windlass.node.images.faults import BadImage
from windlass.node.images.places import open_store, open_to_change
from windlass.node.images.settings import ImageSettings
from windlass.node.images.store import Image

T = TypeVar("T")
PROGRESS_PERIOD_S = 0.2


def add(data: Path, source: Path, name: str) -> None:
    """Import a file or directory."""
    _tell(_done(lambda: sources.add(open_to_change(data), source, name)))


def add_from_host(data: Path, name: str, packages: Sequence[str]) -> None:
    """Make an image of the host's own Python."""
    wanted = packages or host_image.PACKAGES
    _tell(_done(lambda: host_image.add(open_to_change(data), name or host_image.NAME, wanted)))


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
    _tell(_done(lambda: sources.add(open_to_change(data), source, name, replace(settings))))


def show(data: Path, as_json: bool) -> None:
    """List the store."""
    images = _done(lambda: open_store(data).images())
    if as_json:
        show_json([_described(image) for image in images])
        return
    now = time.time()
    rows = [(*_row(image), f"{age(now - image.used_at)} ago") for image in images]
    show_table(("NAME", "ID", "DIGEST", "LAYERS", "SIZE", "FROM", "USED"), rows)


def pull(data: Path, name: str, insecure: Sequence[str], auth_file: str) -> None:
    """Fetch an image from its registry."""
    from windlass.node.images import pull as pulling
    from windlass.node.images.worker import access

    settings = ImageSettings(insecure=frozenset(insecure), auth_file=auth_file)
    progress = Progress()
    image = _done(lambda: pulling.pull(open_to_change(data), name, access(settings), progress.tell))
    progress.close()
    _tell(image)


def collect_garbage(data: Path, minimum_age: str, budget_mib: int, dry: bool, as_json: bool) -> None:
    """Take away, or with `dry` name, pulled images that no container uses: all that are old enough."""
    from windlass.node.images import collect, settings

    told = {
        "ECS_IMAGE_MINIMUM_CLEANUP_AGE": minimum_age,
        "WINDLASS_IMAGE_BUDGET_MIB": str(max(0, budget_mib)),
    }
    try:
        chosen = replace(settings.read(told), deletes_per_cycle=sys.maxsize)
    except settings.BadSetting as error:
        fail(str(error).replace("ECS_IMAGE_MINIMUM_CLEANUP_AGE", "--minimum-age"))
    removals = _done(lambda: collect.run(open_to_change(data), chosen, dry=dry))
    if as_json:
        show_json([{"names": r.image.names, "why": r.why, "freed": r.freed} for r in removals])
        return
    rows = [(name, r.why, f"{r.freed / 2**20:.1f} MiB") for r in removals for name in r.image.names]
    show_table(("NAME", "WHY", "FREED"), rows)


class Progress:
    """How far a pull is, on a terminal's one line; nothing where nobody looks."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()
        self._next = 0.0

    def tell(self, done: int, total: int) -> None:
        if self._shown and time.monotonic() >= self._next:
            self._next = time.monotonic() + PROGRESS_PERIOD_S
            sys.stderr.write(f"\r{done / 2**20:.1f} of {total / 2**20:.1f} MiB ")
            sys.stderr.flush()

    def close(self) -> None:
        if self._next:
            sys.stderr.write("\r\x1b[K")


def remove(data: Path, names: Sequence[str]) -> None:
    """Take names away, and what is then used by nothing."""
    store = _done(lambda: open_to_change(data))
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
        "pulled": image.pulled,
        "used_at": image.used_at,
    }


def _short(image: Image) -> str:
    return image.id.removeprefix("sha256:")[:12]


def _row(image: Image) -> tuple[str, ...]:
    origin = "registry" if image.pulled else "import"
    layers = str(len(image.layers))
    return image.reference, _short(image), _digest(image), layers, _mib(image), origin


def _digest(image: Image) -> str:
    return image.digest.removeprefix("sha256:")[:12] or "-"


def _mib(image: Image) -> str:
    return f"{image.size / 2**20:.1f} MiB"
