"""The store when its users die at any step, and when they work on the same image at once."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.image_build import config_of, entry, tar_of
from tests.image_registry import Pushed, SmallRegistry, small_registry
from windlass.node.images import collect, downloads
from windlass.node.images.faults import BadImage
from windlass.node.images.places import store_of_agent
from windlass.node.images.pull import pull
from windlass.node.images.registry import Access
from windlass.node.images.settings import ImageSettings
from windlass.node.images.store import Image, ImageStore

LOWER = tar_of([entry("etc/os", b"test")])
UPPER = tar_of([entry("app", os.urandom(50_000))])
NOW = replace(ImageSettings(), minimum_age=0)


@pytest.fixture
def registry() -> Iterator[SmallRegistry]:
    with small_registry(Pushed([LOWER, UPPER])) as found:
        yield found


def get(store: ImageStore, registry: SmallRegistry) -> Image:
    return pull(store, f"{registry.host}/app:1", Access({}), lambda done, total: None)


def dies_at(step: int, work: Callable[[], object]) -> None:
    """Do it in a process that is gone, as by SIGKILL, when it renames or replaces for that many times."""
    pid = os.fork()
    if pid == 0:
        left = [step]
        for name in ("rename", "replace"):
            setattr(Path, name, _dying(getattr(Path, name), left))
        try:
            work()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)


def _dying(done: Callable[[Path, Path], Path], left: list[int]) -> Callable[[Path, Path], Path]:
    def do(source: Path, target: Path) -> Path:
        if not left[0]:
            os._exit(9)
        left[0] -= 1
        return done(source, target)

    return do


def layers_of(store: ImageStore) -> set[str]:
    return {path.name for path in (store.downloads.parent / "layers").iterdir()}


@pytest.mark.parametrize("step", range(5))
def test_a_pull_that_is_killed(tmp_path: Path, registry: SmallRegistry, step: int) -> None:
    """Whenever that is: what has a name is whole, the next pull makes it good, and nothing is left over."""
    store = ImageStore(tmp_path / "images")
    dies_at(step, lambda: get(store, registry))
    assert all(store.is_whole(image) for image in store.images())
    image = get(store, registry)
    assert store.is_whole(image)
    store.remove_all([image.reference])
    assert layers_of(store) == set()
    assert list((tmp_path / "images" / "new").iterdir()) == []
    assert list((tmp_path / "images" / "downloads").iterdir()) == []


@pytest.mark.parametrize("step", range(5))
def test_a_removal_that_is_killed(tmp_path: Path, registry: SmallRegistry, step: int) -> None:
    """Whenever that is: what still has a name is whole, and the next collection does the rest."""
    store = ImageStore(tmp_path / "images")
    get(store, registry)
    dies_at(step, lambda: collect.run(ImageStore(tmp_path / "images"), NOW))
    assert all(store.is_whole(image) for image in store.images())
    collect.run(store, NOW)
    assert (store.images(), layers_of(store)) == ([], set())
    assert list((tmp_path / "images" / "new").iterdir()) == []


def test_what_a_container_has_stays(tmp_path: Path, registry: SmallRegistry) -> None:
    """A bundle's claim counts, whoever's it is: also that of an agent that is dead."""
    store = store_of_agent(tmp_path)
    image = get(store, registry)
    bundle = tmp_path / "oci" / "units" / "u1" / "c1"
    bundle.mkdir(parents=True)
    store.claim(image, bundle / "image")
    assert collect.run(store_of_agent(tmp_path), NOW) == []
    assert store.remove(image.reference)
    assert store.is_whole(image), "its name is gone, it is not"
    shutil.rmtree(bundle)
    collect.run(store, NOW)
    assert layers_of(store) == set()
    with pytest.raises(BadImage, match="was removed just now"):
        store.claim(image, tmp_path / "late")
    assert not (tmp_path / "late").exists()


def test_claims_and_removals_at_once(tmp_path: Path) -> None:
    """However they meet: who has claimed an image has all of it."""
    mark = tmp_path / "mark"
    raw = config_of([LOWER])
    torn: list[bool] = []

    def uses() -> list[str]:
        return [mark.read_text()] if mark.exists() else []

    store = ImageStore(tmp_path / "images", uses)

    def claim(image: Image) -> None:
        try:
            store.claim(image, mark)
        except BadImage:
            return
        torn.append(not store.is_whole(image))

    for _ in range(25):
        with store.workshop() as workshop:
            store.add_layer(io.BytesIO(LOWER), workshop)
            image = store.add_image("a:1", raw, "2026-01-01T00:00:00+00:00", pulled=True)
        claiming = threading.Thread(target=claim, args=(image,))
        claiming.start()
        collect.run(ImageStore(tmp_path / "images", uses), NOW)
        claiming.join()
        mark.unlink(missing_ok=True)
    assert not any(torn)


def test_layers_of_an_import_under_way_stay(tmp_path: Path) -> None:
    """1. An import has its first layer. 2. Somebody removes another image. 3. The layer is still there."""
    store = ImageStore(tmp_path / "images")
    with store.workshop() as workshop:
        diff_id = store.add_layer(io.BytesIO(LOWER), workshop)
        store.keep(workshop, [diff_id])
        ImageStore(tmp_path / "images").remove_all([])
        assert store.has_layer(diff_id)
    store.remove_all([])
    assert not store.has_layer(diff_id)


def test_beginnings_of_downloads(tmp_path: Path, registry: SmallRegistry) -> None:
    """Old ones go, unless somebody is at work on them."""
    folder = tmp_path / "downloads"
    with downloads.claimed(folder, registry.image.digest) as file:
        file.write(b"half")
        file.flush()
        assert downloads.sweep(folder, kept_s=0) == 0
    assert downloads.sweep(folder) == 0
    assert downloads.sweep(folder, kept_s=0) == 4
    assert list(folder.iterdir()) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], check=True)
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("packed", [True, False], ids=["unpacking", "fetching"])
def test_a_full_disk(small_disk: Path, packed: bool) -> None:
    """While it fetches or while it unpacks: it is said, what was begun is gone, and a smaller image fits."""
    store = ImageStore(small_disk / "images")
    layer = tar_of([entry("zeros", bytes(4 * 2**20))])
    with small_registry(Pushed([layer], **({} if packed else {"pack": bytes}))) as big:
        with pytest.raises(OSError, match="No space left on device"):
            get(store, big)
        root = small_disk / "images"
        assert [path for name in ("new", "layers", "downloads") for path in (root / name).glob("*")] == []
    with small_registry(Pushed([LOWER])) as small:
        assert store.is_whole(get(store, small))
