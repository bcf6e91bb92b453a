"""SIGKILL of the agent while a task writes: the plane gets every line, some of them twice."""

from __future__ import annotations

import os
import stat
from functools import partial
from pathlib import Path

from tests.fault.waiting import until
from tests.unit.node.fake_plane import FakePlane, a_want
from tests.unit.node.running import a_python
from tests.unit.node.site import Site, at_site
from windlass.fleet.messages import Shutdown

UNIT = f"writes-{os.getpid()}"
KILLS = 3
WRITER = """
import itertools, os, time
text = b""
for number in itertools.count():
    text += b"%d\\n" % number
    if number % 50 == 0:  # pieces that end in the middle of lines
        text = text[os.write(1, text[:-2]):]
        time.sleep(0.001)
        if os.path.exists(GATE):
            break
os.write(1, text + b"last\\n")
time.sleep(600)
"""


def has_told(plane: FakePlane, lines: int) -> bool:
    return len(plane.lines) > lines


def holds(spool: Path, size: int) -> bool:
    return spool.stat().st_size > size


async def end(site: Site, plane: FakePlane, told: list[str]) -> None:
    """All of it was told, in order but for repetition; and nothing is left to tell."""
    await plane.until(lambda: "last" in plane.lines)
    told += plane.lines
    expected = list(dict.fromkeys(told))
    assert expected == [*map(str, range(len(expected) - 1)), "last"]
    assert len(told) < 2 * KILLS * len(expected)
    until(lambda: (site.data / "agent" / "spool").stat().st_size == 0, "all is acknowledged")
    assert stat.S_IMODE((site.data / "agent" / "spool").stat().st_mode) == 0o600
    await plane.send(Shutdown())
    await plane.until_end()
    assert await site.exit() == 0


def test_killed_beside_a_plane(tmp_path: Path) -> None:
    """1. A task writes. 2. The agent is killed, three times, wherever it is. 3. Nothing is missing."""
    gate = tmp_path / "gate"
    want = a_want(UNIT, a_python(f"GATE = {str(gate)!r}{WRITER}"))

    async def body(site: Site) -> None:
        told: list[str] = []
        observed = 0
        for epoch in range(1, KILLS + 1):
            pid = await site.ensure()
            plane = await site.plane()
            await plane.welcome(observed, epoch)
            await plane.desire(1, want)
            await plane.until(partial(has_told, plane, 500 * epoch))
            await site.kill(pid)
            plane.close()
            told += plane.lines
            observed = plane.numbers[-1]
        await site.ensure()
        plane = await site.plane()
        await plane.welcome(observed, KILLS + 1)
        await plane.desire(1, want)
        gate.touch()
        await end(site, plane, told)

    at_site(tmp_path, body)


def test_killed_without_a_plane(tmp_path: Path) -> None:
    """1. A task writes. 2. The plane takes nothing more. 3. Three agents die. 4. Nothing is missing."""
    gate = tmp_path / "gate"
    want = a_want(UNIT, a_python(f"GATE = {str(gate)!r}{WRITER}"))

    async def body(site: Site) -> None:
        spool = site.data / "agent" / "spool"
        pid = await site.ensure()
        plane = await site.plane()
        await plane.welcome()
        await plane.desire(1, want)
        await plane.until(lambda: len(plane.lines) > 500)
        plane.close()
        for kill in range(1, KILLS + 1):
            away = await site.plane()  # connected, and never says a word
            until(partial(holds, spool, 50_000 * kill), "output waits")
            await site.kill(pid)
            away.close()
            pid = await site.ensure()
        again = await site.plane()
        await again.welcome(plane.numbers[-1], 2)
        await again.desire(1, want)
        gate.touch()
        await end(site, again, list(plane.lines))

    at_site(tmp_path, body)
