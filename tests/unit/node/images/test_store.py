"""The image store and what fills it, on a real disk."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.image_build import config_of, digest, entry, layout, saved, tar_of
from windlass.node.images import sources
from windlass.node.images.config import ImageConfig
from windlass.node.images.faults import BadImage
from windlass.node.images.reference import normal
from windlass.node.images.store import ImageStore

LOWER = tar_of([entry("etc/os", b"test")])
UPPER = tar_of([entry("app", b"program")])


@pytest.mark.parametrize(
    ("given", "full"),
    [
        ("python", "python:latest"),
        ("python:3.11", "python:3.11"),
        ("docker.io/library/python:3", "python:3"),
        ("library/python", "python:latest"),
        ("example.com:5000/team/app", "example.com:5000/team/app:latest"),
        ("1.dkr.ecr.eu-west-1.amazonaws.com/app:1", "1.dkr.ecr.eu-west-1.amazonaws.com/app:1"),
        (f"python:3@sha256:{'a' * 64}", f"python@sha256:{'a' * 64}"),
    ],
)  # fmt: skip
def test_names(given: str, full: str) -> None:
    """What Docker lets one leave out is filled in."""
    assert normal(given) == full


@pytest.mark.parametrize(
    "wrong", ["", "UPPER/Case", "a b", "a:", "a:b:c", "../x", "/x", "a@sha256:1", "a" * 600]
)
def test_no_names(wrong: str) -> None:
    with pytest.raises(BadImage, match="invalid image reference"):
        normal(wrong)


def test_docker_save(tmp_path: Path) -> None:
    """An archive brings its own name and settings; its layers are unpacked in their order."""
    store = ImageStore(tmp_path / "images")
    config = config_of(
        [LOWER, UPPER], Entrypoint=["/app"], Cmd=["x"], Env=["A=1"], User="app", WorkingDir="/srv"
    )
    archive = saved(tmp_path / "a.tar", [LOWER, UPPER], ["team/app:1"], config)
    image = sources.add(store, archive, "")
    assert (image.reference, image.id) == ("team/app:1", digest(config))
    assert image.config.entry_point == ("/app",)
    assert image.config.environment == (("A", "1"),)
    assert [sorted(path.name for path in layer.iterdir()) for layer in image.layers] == [["etc"], ["app"]]
    assert store.find("team/app:1") == image
    assert store.find("team/app") is None


@pytest.mark.parametrize("packed", [False, True])
def test_layout(tmp_path: Path, packed: bool) -> None:
    """An OCI layout, as a directory or as a compressed tar; found by tag and by digest."""
    store = ImageStore(tmp_path / "images")
    source = layout(tmp_path / "layout", [LOWER, UPPER])
    if packed:
        sources.pack(source, tmp_path / "layout.tar")
        source = tmp_path / "layout.tgz"
        source.write_bytes(gzip.compress((tmp_path / "layout.tar").read_bytes()))
    image = sources.add(store, source, "app")
    assert image.config.command == ("true",)
    assert store.find(f"app@{image.digest}") is not None
    assert store.find(f"other@{image.digest}") is None


def test_root_file_system(tmp_path: Path) -> None:
    """A directory becomes an image of one layer with the settings that are given."""
    root = tmp_path / "root"
    (root / "bin").mkdir(parents=True)
    (root / "bin" / "tool").write_bytes(b"x")
    store = ImageStore(tmp_path / "images")
    image = sources.add(store, root, "mine:1", ImageConfig(command=("tool",), user="7"))
    assert (image.config.command, image.config.user) == (("tool",), "7")
    assert (image.layers[0] / "bin" / "tool").read_bytes() == b"x"
    with pytest.raises(BadImage, match="--name"):
        sources.add(store, root, "")


def test_layers_are_shared_and_go_with_their_last_image(tmp_path: Path) -> None:
    """Two images, one layer between them: it stays until neither has it, nor a container that runs."""
    used: list[str] = []
    store = ImageStore(tmp_path / "images", lambda: used)
    first = sources.add(store, saved(tmp_path / "1.tar", [LOWER], ["a:1"]), "")
    second = sources.add(store, saved(tmp_path / "2.tar", [LOWER, UPPER], ["b:1"]), "")
    assert first.layers[0] == second.layers[0]
    used.append(second.id)
    assert store.remove("b:1")
    assert second.layers[1].is_dir(), "a container runs from it"
    used.clear()
    assert store.remove("a:1")
    assert not store.remove("a:1")
    assert list((tmp_path / "images" / "layers").iterdir()) == []
    assert list((tmp_path / "images" / "new").iterdir()) == []


def test_another_process_sees_what_is_new(tmp_path: Path) -> None:
    """The agent's store and the command line's are two objects on one disk."""
    reader, writer = ImageStore(tmp_path / "images"), ImageStore(tmp_path / "images")
    assert reader.find("a:1") is None
    sources.add(writer, saved(tmp_path / "1.tar", [LOWER], ["a:1"]), "")
    assert reader.find("a:1") is not None
    writer.remove("a:1")
    assert reader.find("a:1") is None


def test_wrong_digests(tmp_path: Path) -> None:
    """A layer or blob that is not what its digest says is refused, and nothing is kept."""
    store = ImageStore(tmp_path / "images")
    archive = saved(tmp_path / "a.tar", [UPPER], ["a:1"], config_of([LOWER]))
    with pytest.raises(BadImage, match="but the image says"):
        sources.add(store, archive, "")
    source = layout(tmp_path / "layout", [LOWER])
    for blob in (source / "blobs" / "sha256").iterdir():
        blob.write_bytes(blob.read_bytes().replace(b"true", b"evil"))
    with pytest.raises(BadImage, match="its name is"):
        sources.add(store, source, "a:1")
    assert store.images() == []
    assert list((tmp_path / "images" / "new").iterdir()) == []


@pytest.mark.parametrize("keep", [100, 700, 3_000, -600])
def test_cut_off(tmp_path: Path, keep: int) -> None:
    """A truncated archive is refused in one line."""
    archive = saved(tmp_path / "a.tar", [tar_of([entry("f", b"x" * 5_000)])], ["a:1"])
    archive.write_bytes(archive.read_bytes().rstrip(b"\0")[:keep])
    store = ImageStore(tmp_path / "images")
    with pytest.raises(BadImage) as caught:
        sources.add(store, archive, "a:1")
    assert "\n" not in str(caught.value)
    assert store.images() == []


def test_for_another_machine(tmp_path: Path) -> None:
    source = layout(tmp_path / "layout", [LOWER], architecture="sparc")
    with pytest.raises(BadImage, match="only for sparc"):
        sources.add(ImageStore(tmp_path / "images"), source, "a:1")


def test_names_in_a_layout_stay_inside(tmp_path: Path) -> None:
    """A manifest.json that points out of its directory finds nothing there."""
    source = tmp_path / "evil"
    source.mkdir()
    (tmp_path / "secret").write_bytes(b"{}")
    (source / "manifest.json").write_text('[{"Config": "../secret", "Layers": [], "RepoTags": ["a:1"]}]')
    with pytest.raises(BadImage, match="has no file"):
        sources.add(ImageStore(tmp_path / "images"), source, "")
