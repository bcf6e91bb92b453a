"""When draining targets go, on virtual time."""

from __future__ import annotations

import asyncio

import pytest

from tests.build import NOW, a_plane
from windlass.fleet.proxies import Proxies
from windlass.fleet.proxy_messages import FromProxy, ProxyHello, ToProxy
from windlass.kernel.clock import SECOND, Instant, LoopClock
from windlass.kernel.store import Change
from windlass.services import elbv2
from windlass.services.elbv2.intake import TARGETS_MAX, Intake
from windlass.services.elbv2.model import TARGETS, Target
from windlass.services.plane import Plane
from windlass.sim.loop import VirtualLoop


class SilentProxy:
    """It says Hello and then nothing, not even who is idle."""

    def __init__(self) -> None:
        self.says: asyncio.Queue[FromProxy | None] = asyncio.Queue()
        self.says.put_nowait(ProxyHello(0, 7, 0, "/ingress"))

    async def send(self, message: ToProxy) -> None:
        """It has taken it."""

    async def receive(self) -> FromProxy | None:
        return await self.says.get()

    def close(self) -> None:
        self.says.put_nowait(None)


def gone_after(begins_s: int, delay_s: int, *, proxy: bool, count: int = 1) -> list[float]:
    """Seconds from a plane's start until targets are gone that begin to drain so long after that start."""
    loop = VirtualLoop.make()
    found: list[float] = []

    async def play() -> None:
        clock = LoopClock(loop, NOW)
        plane = a_plane(elbv2.SERVICE, clock=clock)
        proxies = Proxies(plane.spawn, clock, plane.journal)
        plane.calls.add_part(proxies)
        all_gone = asyncio.Event()

        def on_target(change: Change) -> None:
            if change.new is None:
                found.append((clock.now() - NOW) / SECOND)
            if len(found) == count:
                all_gone.set()

        plane.store.watch((TARGETS,), on_target)
        intake = Intake(plane)
        since = NOW + begins_s * SECOND
        if since < NOW:
            drain(plane, since, delay_s, count)
        if proxy:
            plane.spawn.start("proxy", proxies.serve(SilentProxy()))
        plane.spawn.start(intake.loop.name, intake.loop.run())
        if since >= NOW:
            await clock.sleep_until(since)
            drain(plane, since, delay_s, count)
        await all_gone.wait()
        await plane.spawn.close()

    loop.run(play())
    return found


def drain(plane: Plane, since: Instant, delay_s: int, count: int) -> None:
    with plane.store.transact() as tx:
        for port in range(count):
            end = since + delay_s * SECOND
            tx[TARGETS].put(
                Target("arn:group", "10.0.0.1", port, since, state="draining", since=since, drained_at=end)
            )


@pytest.mark.parametrize(
    ("begins_s", "delay_s", "proxy", "gone_s"),
    [
        (-60, 30, True, 30),
        (-60, 30, False, 5),
        (-60, 3, False, 3),
        (-60, 300, True, 300),
        (-60, 300, False, 240),
        (2, 30, True, 32),
        (2, 30, False, 32),
        (2, 1, False, 3),
    ],
)
def test_what_drained_while_there_was_no_plane_has_its_delay_from_the_start(
    begins_s: int, delay_s: int, proxy: bool, gone_s: int
) -> None:
    """Proxies that are back may not have been told; when none is, nobody sends it anything."""
    assert gone_after(begins_s, delay_s, proxy=proxy) == [gone_s]


def test_more_than_a_transaction_takes() -> None:
    assert gone_after(-60, 5, proxy=True, count=TARGETS_MAX + 1) == [5] * (TARGETS_MAX + 1)
