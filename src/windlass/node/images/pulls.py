"""The agent's pulls: one at a time for each image, however many containers wait for it.

Each runs in a process of its own (worker.py), so that the agent's loop goes on; this starts it, listens to
it, and ends it when nobody waits any more. Collecting old images is done the same way, now and then. Knows
the store and the settings; no unit and no plane.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeAlias

import msgspec

from windlass.kernel.clock import SECOND, Clock, Duration
from windlass.kernel.spawn import Spawn
from windlass.node.children import Children
from windlass.node.images import policy
from windlass.node.images.faults import BadImage, CannotPull, Withdrawn
from windlass.node.images.places import store_of_agent
from windlass.node.images.reference import normal, remote
from windlass.node.images.settings import ImageSettings
from windlass.node.images.store import Image
from windlass.node.images.worker import Job, Line

PULLS_AT_ONCE = 3
"""Processes; more of them would only share the same line and disk."""
LOG_EVERY: Duration = 10 * SECOND
LINE_BYTES_MAX = 2**20

Wanted: TypeAlias = asyncio.Future[Image]
"""An image that a container waits for. Fails with CannotPull; whoever waits no more sets Withdrawn."""

log = logging.getLogger("windlass.agent")


@dataclass(eq=False, slots=True)
class _Flight:
    """One pull and those who wait for it; `here` is what some of them may have if it fails."""

    reference: str
    here: Image | None
    waiting: list[Wanted] = field(default_factory=list)
    task: asyncio.Task[None] | None = None


class Pulls:
    """`data` is the agent's directory."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
        children: Children,
        spawn: Spawn,
        data: Path,
        settings: ImageSettings,
    ) -> None:
        self._loop = loop
        self._clock = clock
        self._children = children
        self._spawn = spawn
        self._data = data
        self._settings = settings
        self._store = store_of_agent(data)
        self._flights: dict[str, _Flight] = {}
        self._slots = asyncio.Semaphore(PULLS_AT_ONCE)
        self._cycle: asyncio.Task[None] | None = None

    def begin_collecting(self) -> None:
        """Collect old images from now on, first after one interval. Not at all when both ways are off."""
        if self._settings.cleanup or self._settings.budget:
            self._cycle = self._spawn.start("image cleanup", self._collect_always())

    def want(self, reference: str) -> Wanted:
        """That image; at once when no registry has to be asked."""
        wanted: Wanted = self._loop.create_future()
        try:
            name = normal(reference)
            here = self._store.find(name)
        except (BadImage, OSError) as error:
            wanted.set_exception(CannotPull(str(error)))
            return wanted
        if here is not None and not self._store.is_whole(here):
            here = None
        choice = policy.choose(
            self._settings.behavior,
            here=here is not None,
            pinned=remote(name).is_pinned,
            imported=here is not None and not here.pulled,
        )
        if choice == "cached" and here is not None:
            wanted.set_result(here)
            return wanted
        self._join(name, here if choice == "pull or cached" else None, wanted)
        return wanted

    async def close(self) -> None:
        """End what is under way; nobody waits any more."""
        for wanted in [wanted for flight in self._flights.values() for wanted in flight.waiting]:
            if not wanted.done():
                wanted.set_exception(Withdrawn())
        tasks = {flight.task for flight in self._flights.values() if flight.task is not None}
        if self._cycle is not None:
            tasks.add(self._cycle)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    # one pull

    def _join(self, name: str, here: Image | None, wanted: Wanted) -> None:
        flight = self._flights.get(name)
        if flight is None:
            flight = self._flights[name] = _Flight(name, here)
            flight.task = self._spawn.start(f"pull {name}", self._fly(flight))
        flight.waiting.append(wanted)
        wanted.add_done_callback(partial(self._left, flight))

    def _left(self, flight: _Flight, wanted: Wanted) -> None:
        """Somebody has got it, or waits no more: the last one ends it."""
        flight.waiting.remove(wanted)
        if not flight.waiting and self._flights.get(flight.reference) is flight:
            del self._flights[flight.reference]
            assert flight.task is not None
            flight.task.cancel()

    async def _fly(self, flight: _Flight) -> None:
        began = self._clock.now()
        limit_s = self._settings.pull_timeout / SECOND
        error = None
        try:
            async with self._slots, asyncio.timeout(limit_s):
                log.info("pull of %s begins", flight.reference)
                last = await self._worker(flight.reference, hasty=flight.here is not None)
            error = CannotPull(last.error) if last.error else None
        except TimeoutError:
            why = f"Could not transition to pulled; timed out after waiting {limit_s:g}s"
            error = CannotPull(why, "DockerTimeoutError")
        except OSError as failed:
            error = CannotPull(failed.strerror or str(failed))
        self._flights.pop(flight.reference, None)
        how = f"failed: {error}" if error else "is done"
        log.info("pull of %s %s after %.1f s", flight.reference, how, (self._clock.now() - began) / SECOND)
        self._settle(flight, error)

    def _settle(self, flight: _Flight, error: CannotPull | None) -> None:
        """Tell those who wait; what is here is good enough when the policy says so."""
        found = flight.here
        if error is None:
            found = self._store.find(flight.reference)
        elif found is not None:
            log.warning("%s is used as it is here", flight.reference)
        for wanted in list(flight.waiting):
            if wanted.done():
                continue
            if found is None:
                wanted.set_exception(error or CannotPull("the image was removed just now"))
            else:
                wanted.set_result(found)

    async def _collect_always(self) -> None:
        while True:
            await self._clock.sleep(self._settings.cleanup_interval)
            try:
                last = await self._worker("")
            except OSError as error:
                log.error("images cannot be collected: %s", error)
                continue
            for line in last.told:
                log.info("image collected: %s", line)
            if last.error:
                log.error("images cannot be collected: %s", last.error)

    # its process

    async def _worker(self, reference: str, *, hasty: bool = False) -> Line:
        """Run it; its last words. It is killed when this is cancelled. Raises OSError."""
        popen = self._start_worker(Job(str(self._data), self._settings, reference, hasty))
        ended: asyncio.Future[int] = self._loop.create_future()
        self._children.watch(popen.pid, lambda code: None if ended.done() else ended.set_result(code))
        assert popen.stdin is not None
        assert popen.stdout is not None
        reader = asyncio.StreamReader(LINE_BYTES_MAX, self._loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=self._loop)
        transport, _ = await self._loop.connect_read_pipe(lambda: protocol, popen.stdout)
        try:
            last = await self._listen(reader, reference)
            code = await ended
            return last if last.ended else Line(ended=True, error=f"the pull ended with exit code {code}")
        finally:
            transport.close()
            popen.stdin.close()
            if not ended.done():  # what it was unpacking goes when it has ended
                ended.add_done_callback(lambda _: self._loop.run_in_executor(None, self._store.clear_dead))
                with suppress(ProcessLookupError):
                    os.kill(popen.pid, signal.SIGKILL)

    def _start_worker(self, job: Job) -> subprocess.Popen[bytes]:
        job_words = msgspec.json.encode(job).decode()
        words = [sys.executable, "-P", "-m", "windlass.node.images.worker", job_words]
        popen = subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        popen.returncode = 0  # Children reaps it
        return popen

    async def _listen(self, reader: asyncio.StreamReader, reference: str) -> Line:
        """Until it says no more; progress goes to the log."""
        last, again = Line(), self._clock.now() + LOG_EVERY
        while raw := await reader.readline():
            last = msgspec.json.decode(raw, type=Line)
            if not last.ended and self._clock.now() >= again:
                again = self._clock.now() + LOG_EVERY
                log.info("pull of %s: %d of %d bytes", reference, last.done, last.total)
        return last
