"""Who is in which network, and how long it is there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.network_build import an_interface
from windlass.fleet.messages import UnitSpec
from windlass.fleet.networks import Network
from windlass.node.function_networks import FunctionNetworks
from windlass.node.network.plain import PlainNetworks
from windlass.node.sandbox import HOST, Connected, NotConnected, Sandbox

Done = Callable[[Connected | NotConnected], None]


class Played(PlainNetworks):
    """Networks that a test answers for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, Done]] = []
        self.left: list[str] = []

    def connect(self, unit: UnitSpec, container: str, done: Done) -> None:
        self.asked.append((unit.unit_id, done))

    def disconnect(self, unit_id: str) -> None:
        self.left.append(unit_id)

    def answer(self, network: Connected | NotConnected) -> None:
        for _, done in self.asked:
            done(network)


def a_unit(unit_id: str, *, shared: bool = True) -> UnitSpec:
    return UnitSpec(unit_id, "function", network=Network("awsvpc", an_interface(7), shared=shared))


def play(story: Callable[[Played, FunctionNetworks], Any]) -> None:
    async def run() -> None:
        played = Played()
        await story(played, FunctionNetworks(played))

    asyncio.run(run())


def test_a_shared_network_goes_with_the_last_of_its_users() -> None:
    """All three ask for the interface's; it is left when the third has gone, and made anew for a fourth."""

    async def story(played: Played, networks: FunctionNetworks) -> None:
        inside = Sandbox("/proc/1/fd/9", "vpc-1", "10.0.0.7", "http://10.0.0.1:4566")
        waiting = [asyncio.ensure_future(networks.connect(a_unit(name))) for name in "abc"]
        await asyncio.sleep(0)
        assert [name for name, _ in played.asked] == ["eni-7"] * 3
        played.answer(Connected(inside))
        assert await asyncio.gather(*waiting) == [inside] * 3
        for name in "ab":
            networks.leave(name)
        assert played.left == []
        networks.leave("c")
        networks.leave("c")
        assert played.left == ["eni-7"]
        again = asyncio.ensure_future(networks.connect(a_unit("d")))
        await asyncio.sleep(0)
        played.answer(Connected(inside))
        assert await again == inside
        networks.leave("d")
        assert played.left == ["eni-7"] * 2

    play(story)


def test_an_own_network_is_called_by_its_unit() -> None:
    async def story(played: Played, networks: FunctionNetworks) -> None:
        waiting = [asyncio.ensure_future(networks.connect(a_unit(name, shared=False))) for name in "ab"]
        await asyncio.sleep(0)
        assert [name for name, _ in played.asked] == ["a", "b"]
        played.answer(Connected(HOST))
        await asyncio.gather(*waiting)
        networks.leave("a")
        assert played.left == ["a"]
        networks.leave("b")

    play(story)


def test_one_that_leaves_while_it_waits_hears_of_it() -> None:
    """And so does one whose network cannot be had; a late answer finds nobody."""

    async def story(played: Played, networks: FunctionNetworks) -> None:
        waiting = [asyncio.ensure_future(networks.connect(a_unit(name, shared=False))) for name in "ab"]
        await asyncio.sleep(0)
        networks.leave("a")
        played.answer(NotConnected("no address"))
        with pytest.raises(OSError, match="stopped meanwhile"):
            await waiting[0]
        with pytest.raises(OSError, match="no address"):
            await waiting[1]
        networks.leave("b")
        assert played.left == ["a", "b"]

    play(story)


def test_a_network_that_is_kept_is_there_for_whoever_comes() -> None:
    """Made once when it is told of; environments come and go; it goes when it is told of no more."""

    async def story(played: Played, networks: FunctionNetworks) -> None:
        networks.keep((an_interface(7),))
        networks.keep((an_interface(7),))
        assert [name for name, _ in played.asked] == ["eni-7"]
        played.answer(Connected(HOST))
        waiting = asyncio.ensure_future(networks.connect(a_unit("a")))
        await asyncio.sleep(0)
        played.answer(Connected(HOST))
        await waiting
        networks.leave("a")
        assert played.left == []
        networks.keep((an_interface(8),))
        assert played.left == ["eni-7"]
        networks.keep(())
        assert played.left == ["eni-7", "eni-8"]

    play(story)


def test_a_network_that_cannot_be_had_ahead_is_asked_for_again() -> None:
    async def story(played: Played, networks: FunctionNetworks) -> None:
        networks.keep((an_interface(7),))
        played.answer(NotConnected("no address"))
        waiting = asyncio.ensure_future(networks.connect(a_unit("a")))
        await asyncio.sleep(0)
        played.answer(Connected(HOST))
        assert await waiting == HOST
        networks.leave("a")
        networks.keep(())
        assert played.left == ["eni-7"]

    play(story)


def test_without_a_vpc_it_is_the_hosts() -> None:
    async def story(played: Played, networks: FunctionNetworks) -> None:
        assert await networks.connect(UnitSpec("u", "function")) == HOST
        networks.leave("u")
        assert (played.asked, played.left) == ([], [])

    play(story)
