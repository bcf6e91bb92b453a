"""Which image a container of Docker is made from: one of our own store, or one that Docker pulls.

An image that was imported or pulled here (`windlass image`) goes first: it is loaded into the daemon once,
under a name made of its digest, so that no name of the user's own is taken. All others are Docker's to pull,
with the logins that the daemon has, when `policy.py` says so. Containers that want the same image wait for
one pull; when the last of them waits no more, it ends.
Known gaps: no credentials for private registries that a task definition names; what was loaded stays in the
daemon until somebody removes it there.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from windlass.kernel.clock import SECOND
from windlass.kernel.spawn import Spawn
from windlass.node.docker_api import DaemonGone, Engine, Refused
from windlass.node.images import archive, policy
from windlass.node.images.faults import BadImage, CannotPull
from windlass.node.images.places import IN_USE
from windlass.node.images.reference import normal
from windlass.node.images.settings import ImageSettings
from windlass.node.images.store import Image, ImageStore

STORE_REPOSITORY = "windlass-store"
"""Images of our store are `windlass-store:<digest>` in Docker."""
LOADS_WITHIN_S = 600.0
_CHUNK = 2**20


@dataclass(frozen=True, slots=True)
class Brought:
    """What Docker calls the image, and the digest of its manifest, "" when it has none."""

    name: str
    digest: str


@dataclass(slots=True)
class _Flight:
    """One load or pull, and how many wait for it."""

    task: asyncio.Task[Brought | Exception]
    waiting: int = 0


class DockerImages:
    """Finds, loads and pulls. `threads` takes file system work; `scratch` is a directory for archives."""

    def __init__(
        self,
        engine: Engine,
        store: ImageStore,
        settings: ImageSettings,
        spawn: Spawn,
        threads: Executor,
        scratch: Path,
    ) -> None:
        self._engine = engine
        self._store = store
        self._settings = settings
        self._spawn = spawn
        self._threads = threads
        self._scratch = scratch
        self._flights: dict[str, _Flight] = {}

    async def bring(self, reference: str, pulling: Callable[[], None]) -> Brought:
        """The image, once Docker has it; `pulling` is called when a registry is asked for it.

        Raises CannotPull, DaemonGone, TimeoutError.
        """
        try:
            name = normal(reference)
            own = self._store.find(reference)
        except (BadImage, OSError) as error:
            raise CannotPull(str(error)) from error
        if own is not None and self._store.is_whole(own):
            return await self._load_once(own)
        here = await self._look_up(name)
        choice = policy.choose(
            self._settings.behavior, here=here is not None, pinned="@" in name, imported=False
        )
        if choice == "cached" and here is not None:
            return here
        pulling()
        try:
            return await self._together(name, partial(self._pull, name))
        except CannotPull:
            if here is not None and choice == "pull or cached":
                return here
            raise

    async def _together(
        self, key: str, work: Callable[[], Coroutine[Any, Any, Brought | Exception]]
    ) -> Brought:
        """Do it once for all who ask meanwhile."""
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = _Flight(self._spawn.start(f"image {key}", work()))
        flight.waiting += 1
        try:
            result = await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if not flight.waiting and self._flights.get(key) is flight:
                del self._flights[key]
                flight.task.cancel()
        if isinstance(result, Exception):
            raise result
        return result

    # from our store

    async def _load_once(self, image: Image) -> Brought:
        name = f"{STORE_REPOSITORY}:{image.id.removeprefix('sha256:')[:32]}"
        if await self._look_up(name) is None:
            await self._together(name, partial(self._load, image, name))
        return Brought(name, image.digest)

    async def _load(self, image: Image, name: str) -> Brought | Exception:
        loop = asyncio.get_running_loop()
        try:
            self._scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self._scratch) as made:
                file = Path(made) / "image.tar"
                self._store.claim(image, Path(made) / IN_USE)
                raw = self._store.raw_config(image)
                write = partial(archive.write, image, raw, name, file, Path(made))
                await loop.run_in_executor(self._threads, write)
                async with asyncio.timeout(LOADS_WITHIN_S):
                    body = _pieces(file, self._threads)
                    async with self._engine.stream("POST", "/images/load", {"quiet": 1}, body) as answer:
                        await _complain(answer)
        except (OSError, BadImage, Refused) as error:
            return CannotPull(f"the image could not be loaded into Docker: {error}")
        except DaemonGone as error:
            return error
        return Brought(name, image.digest)

    # by Docker

    async def _pull(self, name: str) -> Brought | Exception:
        repository, separator, tag = name.partition("@")
        if not separator:
            repository, _, tag = name.rpartition(":")
        limit_s = self._settings.pull_timeout / SECOND
        try:
            async with asyncio.timeout(limit_s):
                query = {"fromImage": repository, "tag": tag}
                async with self._engine.stream("POST", "/images/create", query) as answer:
                    await _complain(answer)
            found = await self._look_up(name)
        except (Refused, CannotPull) as error:
            return error if isinstance(error, CannotPull) else CannotPull(str(error))
        except TimeoutError:
            why = f"Could not transition to pulled; timed out after waiting {limit_s:g}s"
            return CannotPull(why, "DockerTimeoutError")
        except DaemonGone as error:
            return error
        return found or CannotPull(f"Docker pulled {name}, and does not have it")

    async def _look_up(self, name: str) -> Brought | None:
        """What Docker has under that name now."""
        try:
            found = await self._engine.call("GET", f"/images/{name}/json")
        except Refused as error:
            if error.status == 404:
                return None
            raise CannotPull(str(error)) from error
        digests = [str(digest).partition("@")[2] for digest in found.get("RepoDigests") or ()]
        return Brought(name, digests[0] if digests else "")


async def _complain(answer: AsyncIterator[bytes]) -> None:
    """Read lines of JSON that tell how it goes. An error in the middle comes with status 200: Refused."""
    rest = b""
    error = ""
    async for piece in answer:
        *lines, rest = (rest + piece).split(b"\n")
        error = next(filter(None, (error, *map(_error, lines))), "")
    if error or (error := _error(rest)):
        raise Refused(200, error)


def _error(line: bytes) -> str:
    with suppress(msgspec.DecodeError, AttributeError):
        return str(msgspec.json.decode(line).get("error") or "") if line.strip() else ""
    return ""


async def _pieces(file: Path, threads: Executor) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    with file.open("rb") as stream:
        while piece := await loop.run_in_executor(threads, stream.read, _CHUNK):
            yield piece
