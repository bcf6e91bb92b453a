"""`windlass image …`: the images of a data directory's node. Works on the disk; no plane needs to run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from windlass.cli.output import AsJson, fail, show_json, show_table
from windlass.node.images import host_image, sources
from windlass.node.images.config import ImageConfig
from windlass.node.images.faults import BadImage
from windlass.node.images.places import open_store
from windlass.node.images.store import Image, ImageStore

T = TypeVar("T")

app = typer.Typer(help="The images that tasks of the oci runner are made from.", no_args_is_help=True)

Data = Annotated[Path, typer.Option(help="The plane's data directory.")]
DEFAULT_DATA = Path(".windlass")


@app.command(name="import")
def import_(
    source: Annotated[
        Path | None,
        typer.Argument(help="A docker save archive, OCI layout, or root file system; a file or a directory."),
    ] = None,
    name: Annotated[str, typer.Option(help="name:tag; what a task definition calls it.")] = "",
    from_host: Annotated[bool, typer.Option(help="Make one of this host's own Python.")] = False,
    package: Annotated[
        list[str] | None, typer.Option(help="With --from-host: an installed package; boto3 if none is named.")
    ] = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Put an image into the store. No registry is asked."""
    if from_host == (source is not None):
        fail("name a file or directory, or use --from-host", 2)
    store = open_store(data)
    if source is None:
        packages = package or host_image.PACKAGES
        image = _done(lambda: host_image.add(store, name or host_image.NAME, packages))
    else:
        image = _done(lambda: sources.add(store, source, name))
    _tell(image)


@app.command()
def build_rootfs(
    source: Annotated[Path, typer.Argument(help="A root file system: a directory, or a tar.")],
    name: Annotated[str, typer.Option(help="name:tag; what a task definition calls it.")],
    entrypoint: Annotated[list[str] | None, typer.Option(help="A word of ENTRYPOINT; repeat it.")] = None,
    cmd: Annotated[list[str] | None, typer.Option(help="A word of CMD; repeat it.")] = None,
    env: Annotated[list[str] | None, typer.Option(help="NAME=VALUE; repeat it.")] = None,
    workdir: Annotated[str, typer.Option(help="WORKDIR.")] = "",
    user: Annotated[str, typer.Option(help="USER.")] = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Make an image out of a root file system, and say how it is run."""
    pairs = [pair.partition("=") for pair in env or ()]
    settings = ImageConfig(
        entry_point=tuple(entrypoint or ()),
        command=tuple(cmd or ()),
        environment=tuple((key, value) for key, _, value in pairs),
        working_directory=workdir,
        user=user,
    )
    _tell(_done(lambda: sources.add(open_store(data), source, name, replace(settings))))


@app.command()
def ls(data: Data = DEFAULT_DATA, as_json: AsJson = False) -> None:
    """The images in the store."""
    images = _done(lambda: open_store(data).images())
    if as_json:
        show_json([_described(image) for image in images])
        return
    rows = [(i.reference, _short(i), str(len(i.layers)), _mib(i), i.imported_at) for i in images]
    show_table(("NAME", "ID", "LAYERS", "SIZE", "IMPORTED"), rows)


@app.command()
def rm(
    names: Annotated[list[str], typer.Argument(help="Names of images.")], data: Data = DEFAULT_DATA
) -> None:
    """Take names away, and what is then used by nothing."""
    store: ImageStore = open_store(data)
    for name in names:
        if not _done(lambda name=name: store.remove(name)):  # type: ignore[misc]
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
