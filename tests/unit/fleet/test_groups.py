"""Security groups on a session: when it opens, when they change, and not more often than they can be read."""

from __future__ import annotations

from tests.fleet_build import Fleet, in_fleet, settle
from windlass.fleet.messages import Desired, FromPlane, SecurityGroups, Welcome
from windlass.fleet.networks import SecurityGroup
from windlass.fleet.session import GROUPS_PAUSE
from windlass.kernel.clock import SECOND


def groups(*members: str) -> SecurityGroups:
    return SecurityGroups((SecurityGroup("sg-1", (), members),))


class Said:
    """Answers sessions, and counts their questions."""

    def __init__(self) -> None:
        self.groups = groups("10.0.0.4")
        self.asked = 0

    def of_node(self, node_id: str) -> SecurityGroups:
        self.asked += 1
        return self.groups


def test_groups_are_told_when_they_change() -> None:
    """(1) with the session; (2) not again when nothing changed; (3) a change; (4) whole to a new session."""

    async def story(fleet: Fleet) -> None:
        said = Said()
        fleet.links.on_groups_wanted(said.of_node)
        peer = fleet.a_peer()
        await peer.hello()
        opening: list[FromPlane | None] = [await peer.hear() for _ in range(3)]
        assert {type(one) for one in opening} == {Welcome, Desired, SecurityGroups}
        assert said.groups in opening
        fleet.links.offer_groups("n1")
        await fleet.clock.sleep_until(fleet.clock.now() + SECOND)
        assert said.asked == 2
        said.groups = groups("10.0.0.4", "10.0.0.5")
        fleet.links.offer_groups("n1")
        assert await peer.hear() == said.groups
        again = fleet.a_peer()
        await again.hello()
        heard = [await again.hear() for _ in range(3)]
        assert said.groups in heard
        fleet.links.offer_groups("unknown")

    in_fleet(story)


def test_a_burst_is_one_message() -> None:
    """In a pause all further changes become the next message; what a unit waits for is sent at once."""

    async def story(fleet: Fleet) -> None:
        said = Said()
        said.groups = groups(*(f"10.0.0.{last}" for last in range(100)))
        fleet.links.on_groups_wanted(said.of_node)
        peer = fleet.a_peer()
        await peer.hello()
        for _ in range(3):
            await peer.hear()
        before = fleet.clock.now()
        for number in range(50):
            said.groups = groups(f"10.0.1.{number}")
            fleet.links.offer_groups("n1")
            await fleet.clock.sleep_until(before + number * GROUPS_PAUSE // 100)
        assert said.asked == 1
        assert await peer.hear() == said.groups
        assert fleet.clock.now() - before == GROUPS_PAUSE
        assert said.asked == 2
        said.groups = groups("10.0.2.1")
        fleet.links.offer_groups("n1", at_once=True)
        assert await peer.hear() == said.groups
        assert fleet.clock.now() - before == GROUPS_PAUSE

    in_fleet(story)


def test_a_plane_without_groups_says_nothing() -> None:
    async def story(fleet: Fleet) -> None:
        peer = fleet.a_peer()
        await peer.hello()
        heard = [await peer.hear(), await peer.hear()]
        assert [type(one) for one in heard] == [Welcome, Desired]
        await fleet.clock.sleep_until(fleet.clock.now() + SECOND)
        fleet.links.offer_groups("n1")
        await settle()
        assert peer.transport is not None

    in_fleet(story)
