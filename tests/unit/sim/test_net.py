"""The network of a faulty world: late, held up, repeated, half open; never out of order within a session."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable

import pytest

from windlass.fleet.messages import Beat, FromNode, Hello, Observed
from windlass.kernel.clock import SECOND, Instant
from windlass.sim.loop import VirtualClock, VirtualLoop
from windlass.sim.net import Net, NetTransport


def play(story: Callable[[Net, VirtualClock], Awaitable[None]]) -> None:
    loop = VirtualLoop.make(7)

    async def told() -> None:
        await story(Net(loop, random.Random(7)), VirtualClock(loop, 0))

    loop.run(told())


async def heard(end: NetTransport[FromNode], count: int) -> list[int]:
    """The numbers of so many reports."""
    numbers = []
    while len(numbers) < count:
        message = await end.receive()
        assert isinstance(message, Observed)
        numbers.append(message.number)
    return numbers


def test_late_and_in_order() -> None:
    async def story(net: Net, clock: VirtualClock) -> None:
        net.line("n1").delay = 3 * SECOND
        plane, node = net.pair("n1")
        for number in range(20):
            await node.send(Observed(number, ()))
        assert await heard(plane, 20) == list(range(20))
        assert 0 < clock.now() <= 3 * SECOND + 20
        assert net.counts["message delayed"] == 20

    play(story)


def test_what_is_held_up_arrives_and_so_does_the_end() -> None:
    """Nothing for a while, then all of it; an end that was told before does not overtake it."""

    async def story(net: Net, clock: VirtualClock) -> None:
        plane, node = net.pair("n1")
        net.hold("n1", 20 * SECOND)
        await node.send(Observed(1, ()))
        node.close()
        with pytest.raises(ConnectionError):
            await node.send(Beat())
        assert await heard(plane, 1) == [1]
        assert clock.now() == 20 * SECOND
        assert await plane.receive() is None
        assert net.counts == {"message held up": 2}

    play(story)


def test_copies_come_later_and_only_of_what_may_come_again() -> None:
    async def story(net: Net, clock: VirtualClock) -> None:
        net.line("n1").copies = 1.0
        plane, node = net.pair("n1")
        await node.send(Hello("n1", "", 0, 0, 0))
        assert isinstance(await plane.receive(), Hello)
        for number in range(10):
            await node.send(Observed(number, ()))
        numbers = await heard(plane, 20)
        assert numbers[:10] == list(range(10))
        assert numbers[10:] != sorted(numbers[10:]) and sorted(numbers[10:]) == list(range(10))
        assert net.counts == {"message repeated": 10}

    play(story)


def test_half_open() -> None:
    """The node has left: the plane's end hears nothing of it, and what it sends is nobody's."""

    async def story(net: Net, clock: VirtualClock) -> None:
        plane, node = net.pair("n1")
        await node.send(Observed(1, ()))
        node.vanish()
        assert await node.receive() is None
        assert await heard(plane, 1) == [1]
        _, again = net.pair("n1")
        net.calm()
        await again.send(Observed(2, ()))
        plane.close()
        assert await plane.receive() is None

    play(story)


def test_a_way_of_a_proxy_keeps_the_order_and_waits_while_it_is_held() -> None:
    """Each message takes a time of its own, and none comes before the hold is over."""

    async def story(net: Net, clock: VirtualClock) -> None:
        came: list[tuple[int, Instant]] = []
        way = net.way("proxy", lambda number: came.append((number, clock.now())))
        net.line("proxy").delay = SECOND
        net.hold("proxy", 3 * SECOND)
        for number in range(5):
            way.put(number)
        await clock.sleep(10 * SECOND)
        assert [number for number, _ in came] == [0, 1, 2, 3, 4]
        assert came[0][1] >= 3 * SECOND and net.counts.total() == 5
        net.calm()
        way.put(5)
        assert came[-1] == (5, clock.now())

    play(story)
