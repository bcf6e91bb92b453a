"""Puts Docker's containers into networks that the agent made (node/network/), whichever way Docker is set up.

Docker takes no namespace by its path, only another container's. So each namespace gets a pause container: a
program that enters it and sleeps, and that the task's containers are joined to. It is made from an image of
two programs of this host, `nsenter` and `sleep`, with the libraries that they need.
Knows the daemon and namespaces' paths; a daemon of another machine has no use for those.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import shutil
import tarfile
from collections.abc import AsyncIterator
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path

from windlass.kernel.clock import MILLISECOND, SECOND, Clock
from windlass.node.docker_api import Engine, Refused
from windlass.node.docker_spec import Home, Joined, container_name
from windlass.node.faults import CannotCreate
from windlass.node.images.host_image import libraries
from windlass.node.sandbox import Sandbox

PROGRAMS = ("nsenter", "sleep")
REPOSITORY = "windlass-pause"
PAUSE = "internalecspause"
"""What the ECS agent calls the container that holds a task's network."""
ENTERS_WITHIN = 5 * SECOND
LOOK = 5 * MILLISECOND
_NETNS = "netns"


@dataclass(slots=True)
class _Unit:
    """A unit's pause containers: their names, and how to join each, by the path of its namespace."""

    names: set[str] = field(default_factory=set)
    joined: dict[str, asyncio.Future[Joined]] = field(default_factory=dict)


class DockerNetworks:
    """`files` is a directory for what containers find under /etc."""

    def __init__(self, engine: Engine, clock: Clock, home: Home, threads: Executor, files: Path) -> None:
        self._engine = engine
        self._clock = clock
        self._home = home
        self._threads = threads
        self._files = files
        self._image: str = ""
        self._making_image = asyncio.Lock()
        self._units: dict[str, _Unit] = {}

    async def join(self, unit_id: str, container: str, sandbox: Sandbox) -> Joined:
        """How that container is put into the sandbox. Raises CannotCreate, DaemonGone, Refused, OSError."""
        if not sandbox.netns:
            return Joined()
        unit = self._units.setdefault(unit_id, _Unit())
        joined = unit.joined.get(sandbox.netns)
        if joined is None:
            joined = unit.joined[sandbox.netns] = asyncio.get_running_loop().create_future()
            try:
                joined.set_result(await self._make(unit_id, unit, sandbox))
            except BaseException:
                del unit.joined[sandbox.netns]
                joined.cancel()
                raise
        try:
            mode = (await asyncio.shield(joined)).mode
        except asyncio.CancelledError:
            if not joined.cancelled():
                raise
            raise CannotCreate("the container that holds the task's network could not be made") from None
        return Joined(mode, await self._write_files(unit_id, container, sandbox))

    def pauses(self, unit_id: str) -> list[str]:
        """The names of the unit's pause containers."""
        return sorted(self._units.get(unit_id, _Unit()).names)

    def forget(self, unit_id: str) -> None:
        """The unit's containers are removed: take its files away."""
        self._units.pop(unit_id, None)
        shutil.rmtree(self._files / unit_id, ignore_errors=True)

    async def _make(self, unit_id: str, unit: _Unit, sandbox: Sandbox) -> Joined:
        inode = Path(sandbox.netns).stat().st_ino
        name = container_name(unit_id, f"{PAUSE}.{inode}")
        unit.names.add(name)
        body = {
            "Image": await self._pause_image(),
            "Cmd": ["/nsenter", f"--net=/{_NETNS}", "/sleep", "infinity"],
            "Hostname": sandbox.hostname,
            "Labels": self._home.labels(unit_id),
            "HostConfig": {
                "NetworkMode": "host",
                "Binds": [f"{sandbox.netns}:/{_NETNS}:ro"],
                "CapDrop": ["ALL"],
                "CapAdd": ["SYS_ADMIN"],  # to enter, and for nothing else: it sleeps
                "ReadonlyRootfs": True,
                "PidsLimit": 4,
                "LogConfig": {"Type": "none"},
                "RestartPolicy": {"Name": "no"},
            },
        }
        if (there := await self._running(name, inode)) is not None:
            return Joined(f"container:{there}")
        made = await self._engine.call("POST", "/containers/create", {"name": name}, body)
        await self._engine.call("POST", f"/containers/{made['Id']}/start")
        found = await self._engine.call("GET", f"/containers/{made['Id']}/json")
        await self._wait_for(int(found["State"]["Pid"]), inode)
        return Joined(f"container:{made['Id']}")

    async def _running(self, name: str, inode: int) -> str | None:
        """The pause container that an agent before this one left in that namespace; a useless one goes."""
        try:
            found = await self._engine.call("GET", f"/containers/{name}/json")
        except Refused as error:
            if error.status != 404:
                raise
            return None
        if found["State"]["Running"] and _is_in(int(found["State"]["Pid"]), inode):
            return str(found["Id"])
        await self._engine.call("DELETE", f"/containers/{name}", {"force": 1})
        return None

    async def _wait_for(self, pid: int, inode: int) -> None:
        """Until that process is in the namespace."""
        deadline = self._clock.now() + ENTERS_WITHIN
        while not _is_in(pid, inode):
            if self._clock.now() > deadline:
                raise CannotCreate("the network's own container did not enter the network")
            await self._clock.sleep(LOOK)

    async def _pause_image(self) -> str:
        """The name of the image; made by the first who needs it."""
        async with self._making_image:
            if not self._image:
                loop = asyncio.get_running_loop()
                tar = await loop.run_in_executor(self._threads, pause_archive)
                tag = hashlib.sha256(tar).hexdigest()[:16]
                try:
                    await self._engine.call("GET", f"/images/{REPOSITORY}:{tag}/json")
                except Refused as error:
                    if error.status != 404:
                        raise
                    query = {"fromSrc": "-", "repo": REPOSITORY, "tag": tag}
                    async with self._engine.stream("POST", "/images/create", query, _whole(tar)) as answer:
                        async for _ in answer:
                            pass
                self._image = f"{REPOSITORY}:{tag}"
            return self._image

    async def _write_files(
        self, unit_id: str, container: str, sandbox: Sandbox
    ) -> tuple[tuple[str, str], ...]:
        """(path in the container, file of the host), written now."""

        def write() -> tuple[tuple[str, str], ...]:
            folder = self._files / unit_id / hashlib.sha256(container.encode()).hexdigest()[:12]
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
            found = []
            for path, text in sandbox.files:
                file = folder / Path(path).name
                file.write_text(text)
                file.chmod(0o644)
                found.append((path, str(file)))
            return tuple(found)

        return await asyncio.get_running_loop().run_in_executor(self._threads, write)


def pause_archive() -> bytes:
    """The root file system of pause containers, as a tar: the same bytes for the same programs.

    Raises CannotCreate when this host has no `nsenter` (util-linux) or `sleep` (coreutils).
    """
    programs = {}
    for name in PROGRAMS:
        found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:{os.defpath}:/usr/sbin:/sbin")
        if found is None:
            raise CannotCreate(
                f"task networks need {name} on this host: apt-get install util-linux coreutils"
            )
        programs[name] = Path(found).resolve()
    contents = {name: path.read_bytes() for name, path in programs.items()}
    contents |= {
        library.lstrip("/"): Path(library).read_bytes() for library in libraries([*programs.values()])
    }
    contents[_NETNS] = b""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in sorted(contents.items()):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o755
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _is_in(pid: int, inode: int) -> bool:
    """Whether that process is in the namespace."""
    try:
        return pid > 0 and Path(f"/proc/{pid}/ns/net").stat().st_ino == inode
    except OSError:
        return False


async def _whole(content: bytes) -> AsyncIterator[bytes]:
    yield content
