"""Nodes that stay away, in virtual time: what is lost when, and what becomes of those that come back."""

from __future__ import annotations

from tests.fleet_build import Fleet, a_state, a_unit, in_fleet, settle
from windlass.fleet.intake import raise_epoch
from windlass.fleet.lost import LOST_AFTER
from windlass.fleet.messages import Refused, Welcome
from windlass.fleet.model import NODES
from windlass.kernel.clock import MINUTE, SECOND
from windlass.kernel.rows import replace

JUST_BEFORE = LOST_AFTER / SECOND - 3


def test_nothing_is_lost_before_its_time() -> None:
    """1. The session ends. 2. Just in time the node is back: all goes on, nothing was started twice."""

    async def story(fleet: Fleet) -> None:
        node = fleet.a_node()
        end = fleet.connect(node)
        fleet.put(a_unit("u1"), a_unit("u2"))
        await settle()
        began = node.states["u1"].started_at
        end.close()
        await settle(JUST_BEFORE)
        assert not fleet.store[NODES].require("n1").connected
        assert fleet.unit("u1").state == "running"
        fleet.connect(node)
        await settle(LOST_AFTER / SECOND)
        assert [fleet.unit(unit_id).state for unit_id in ("u1", "u2")] == ["running", "running"]
        assert node.states["u1"].started_at == began

    in_fleet(story)


def test_lost_in_time() -> None:
    """Its units are lost, for ECS's reason; it stays lost until it is back, and is told to end them."""

    async def story(fleet: Fleet) -> None:
        node = fleet.a_node()
        end = fleet.connect(node)
        fleet.put(a_unit("u1"))
        await settle()
        end.close()
        await settle(LOST_AFTER / SECOND + 1)
        assert (fleet.unit("u1").state, fleet.unit("u1").why) == (
            "lost",
            "Host EC2 (instance n1) terminated.",
        )
        assert fleet.store[NODES].require("n1").lost
        assert fleet.controller.reserved("n1").units == 0
        assert node.states["u1"].status == "running"
        fleet.connect(node)
        await settle()
        assert node.states == {}
        row = fleet.store[NODES].require("n1")
        assert row.connected and not row.lost
        assert fleet.unit("u1").state == "lost"

    in_fleet(story)


def test_what_ended_meanwhile_is_told_once() -> None:
    """A unit that stopped while the link was down, before and after the node was lost."""

    async def story(fleet: Fleet) -> None:
        fleet.a_node()
        told: list[str] = []
        fleet.store.watch((NODES,), lambda change: told.append("node"))
        peer = fleet.a_peer_of_known("n1")
        fleet.put(a_unit("u1"), a_unit("u2"))
        await peer.hello()
        await settle()
        await peer.say_states(1, a_state("u1", "running"), a_state("u2", "running"))
        await settle()
        peer.transport.close()
        await settle()
        again = fleet.a_peer_of_known("n1")
        await again.hello(a_state("u1", "stopped"), a_state("u2", "running"), generation=3)
        await settle()
        assert fleet.unit("u1").state == "stopped"
        await again.say_states(2, a_state("u1", "stopped"))
        await settle()
        again.transport.close()
        await settle(LOST_AFTER / SECOND + 1)
        assert (fleet.unit("u1").state, fleet.unit("u2").state) == ("stopped", "lost")

    in_fleet(story)


def test_a_silent_node_first_loses_its_session() -> None:
    """No word for the lease: not connected. No word for five minutes more: lost."""

    async def story(fleet: Fleet) -> None:
        fleet.a_node()
        peer = fleet.a_peer_of_known("n1")
        fleet.put(a_unit("u1"))
        await peer.hello()
        await settle(14)
        assert fleet.store[NODES].require("n1").connected
        await settle(2)
        assert not fleet.store[NODES].require("n1").connected
        assert fleet.unit("u1").state == "assigned"
        await settle(LOST_AFTER / SECOND)
        assert fleet.unit("u1").state == "lost"

    in_fleet(story)


def test_the_time_begins_anew_with_the_plane() -> None:
    """While the plane was away nobody could come: each start gives all nodes the whole time."""

    async def story(fleet: Fleet) -> None:
        end = fleet.connect(fleet.a_node())
        fleet.put(a_unit("u1"))
        await settle()
        end.close()
        await settle(JUST_BEFORE)
        raise_epoch(fleet.store, fleet.clock.now())
        await settle(JUST_BEFORE)
        assert fleet.unit("u1").state == "running"
        await settle(10)
        assert fleet.unit("u1").state == "lost"

    in_fleet(story)


def test_one_that_nobody_can_be_is_forgotten() -> None:
    """A node without a secret never comes back: its row goes with its units."""

    async def story(fleet: Fleet) -> None:
        end = fleet.connect(fleet.a_node())
        fleet.put(a_unit("u1"))
        await settle()
        with fleet.store.transact() as tx:
            tx[NODES].put(replace(tx[NODES].require("n1"), token=""))
        end.close()
        await settle((LOST_AFTER + MINUTE) / SECOND)
        assert fleet.store[NODES].get("n1") is None
        assert fleet.unit("u1").state == "lost"

    in_fleet(story)


def test_dismissed() -> None:
    """It hears why, and its session is over; another in its name is turned away while its secret is gone."""

    async def story(fleet: Fleet) -> None:
        fleet.a_node()
        peer = fleet.a_peer_of_known("n1")
        await peer.hello()
        await settle()
        fleet.links.dismiss("n1", "sold")
        fleet.links.dismiss("n2", "never here")
        await settle()
        heard = [type(message) for message in [await peer.hear() for _ in range(3)]]
        assert heard[0] is Welcome and heard[2] is Refused
        assert await peer.hear() is None
        assert not fleet.store[NODES].require("n1").connected

    in_fleet(story)


def test_two_agents_of_one_name() -> None:
    """The one that is connected stays; the other may come when that one's lease is over."""

    async def story(fleet: Fleet) -> None:
        fleet.a_node()
        first = fleet.a_peer_of_known("n1")
        await first.hello(run="a")
        await settle()
        second = fleet.a_peer_of_known("n1")
        await second.hello(run="b")
        assert await second.hear() == Refused("another agent is connected as node 'n1'")
        again = fleet.a_peer_of_known("n1")
        await again.hello(run="a")
        assert isinstance(await again.hear(), Welcome)
        await settle(16)
        third = fleet.a_peer_of_known("n1")
        await third.hello(run="b")
        assert isinstance(await third.hear(), Welcome)

    in_fleet(story)
