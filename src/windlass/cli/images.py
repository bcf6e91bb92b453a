"""`windlass image …`: the commands and their options; image_store.py does the work, imported on demand."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from windlass.cli.output import AsJson, fail

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
    """Put an image into the store from a file, a directory, or this host."""
    if from_host == (source is not None):
        fail("name a file or directory, or use --from-host", 2)
    from windlass.cli import image_store

    if source is None:
        image_store.add_from_host(data, name, package or ())
    else:
        image_store.add(data, source, name)


@app.command()
def pull(
    name: Annotated[str, typer.Argument(help="name:tag, name@sha256:…, or host/name:tag.")],
    insecure_registry: Annotated[
        list[str] | None, typer.Option(help="A registry (host:port) without TLS; on loopback none has it.")
    ] = None,
    auth_file: Annotated[
        str, typer.Option(help="Logins for registries, such as ~/.docker/config.json.")
    ] = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Fetch an image from its registry, or see that what is here is still what it has."""
    from windlass.cli import image_store

    image_store.pull(data, name, insecure_registry or (), auth_file)


@app.command()
def gc(
    dry_run: Annotated[bool, typer.Option(help="Only say what would go.")] = False,
    minimum_age: Annotated[str, typer.Option(help="Since an image was pulled or used: 90m, 24h.")] = "1h",
    budget: Annotated[int, typer.Option(help="MiB that the images may take; 0: no limit.")] = 0,
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Take away pulled images that no container uses. Imported ones stay: see rm."""
    from windlass.cli import image_store

    image_store.collect_garbage(data, minimum_age, budget, dry_run, as_json)


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
    from windlass.cli import image_store

    image_store.build(
        data,
        source,
        name,
        entry_point=entrypoint or (),
        command=cmd or (),
        environment=env or (),
        working_directory=workdir,
        user=user,
    )


@app.command()
def ls(data: Data = DEFAULT_DATA, as_json: AsJson = False) -> None:
    """The images in the store."""
    from windlass.cli import image_store

    image_store.show(data, as_json)


@app.command()
def rm(
    names: Annotated[list[str], typer.Argument(help="Names of images.")], data: Data = DEFAULT_DATA
) -> None:
    """Take names away, and what is then used by nothing."""
    from windlass.cli import image_store

    image_store.remove(data, names)
