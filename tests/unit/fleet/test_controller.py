from __future__ import annotations

from collections.abc import Iterable

from tests.fleet_build import Fleet, a_unit, in_fleet, settle
from windlass.fleet.controller import Controller
from windlass.fleet.entering import Entering
from windlass.fleet.intake import abandon
from windlass.fleet.model import NODES, UNITS
from windlass.fleet.place import NO_NODE, NOTHING
from windlass.kernel.clock import SECOND
from windlass.kernel.rows import replace
from windlass.sim.course import Course


def test_units_run_and_end() -> None:
    """Two units are placed, run, end by themselves, and are forgotten once their rows are deleted."""

    async def story(fleet: Fleet) -> None:
        node = fleet.a_node(course=Course(start=SECOND, run=10 * SECOND, exit_code=3))
        fleet.connect(node)
        fleet.put(a_unit("u1"), a_unit("u2"))
        await settle(0.5)
        assert [fleet.unit(u).state for u in ("u1", "u2")] == ["starting", "starting"]
        await settle(1)
        assert fleet.unit("u1").state == "running"
        await settle(10)
        ended = fleet.unit("u1")
        assert ended.state == "stopped" and ended.observed is not None
        assert ended.observed.containers[0].exit_code == 3
        assert fleet.controller.reserved("n1") == NOTHING
        fleet.delete("u1", "u2")
        await settle()
        assert not node.states

    in_fleet(story)


def test_stop() -> None:
    """A running unit is asked to stop, and stops; one that still waits stops at once."""

    async def story(fleet: Fleet) -> None:
        fleet.put(a_unit("u1"), a_unit("u2"))
        await settle()
        assert fleet.unit("u1").why == NO_NODE
        fleet.stop("u2")
        await settle()
        assert (fleet.unit("u2").state, fleet.unit("u2").node_id) == ("stopped", "")
        fleet.connect(fleet.a_node(course=Course(stop=2 * SECOND)))
        await settle()
        assert (fleet.unit("u1").state, fleet.unit("u1").why) == ("running", "")
        fleet.stop("u1")
        await settle()
        assert fleet.unit("u1").state == "stopping"
        await settle(2)
        assert fleet.unit("u1").state == "stopped"

    in_fleet(story)


def test_waits_for_room() -> None:
    """A full node makes units wait, saying why; when one ends, the oldest takes its place."""

    async def story(fleet: Fleet) -> None:
        node = fleet.a_node(course=Course(run=5 * SECOND))
        with fleet.store.transact() as tx:
            tx[NODES].put(replace(tx[NODES].require("n1"), unbounded=False))
        node.cpu_units = 600
        fleet.connect(node)
        fleet.put(*[a_unit(f"u{i}", created_at=i) for i in (3, 1, 2, 0)])
        await settle()
        assert [fleet.unit(f"u{i}").state for i in range(4)] == ["running", "running", "waiting", "waiting"]
        assert "256 CPU units" in fleet.unit("u2").why
        await settle(5)
        assert [fleet.unit(f"u{i}").state for i in range(4)] == ["stopped", "stopped", "running", "running"]
        assert fleet.controller.reserved("n1").units == 2

    in_fleet(story)


def test_more_than_a_page_waits() -> None:
    """1,200 units wait for the first node; all of them are placed when it comes."""

    async def story(fleet: Fleet) -> None:
        fleet.put(*[a_unit(f"u{i:04}") for i in range(1_200)])
        await settle()
        fleet.connect(fleet.a_node())
        await settle()
        assert fleet.store[UNITS].count("state", "running") == 1_200

    in_fleet(story)


def test_abandoned_node() -> None:
    """A node that will not come back is abandoned: its units are lost, and say so."""

    async def story(fleet: Fleet) -> None:
        end = fleet.connect(fleet.a_node())
        fleet.put(a_unit("u1"))
        await settle()
        end.close()
        await settle()
        abandon(fleet.store, "n1", "the host was scrapped")
        assert (fleet.unit("u1").state, fleet.unit("u1").why) == ("lost", "the host was scrapped")

    in_fleet(story)


def test_period_repairs_a_lost_wake_up() -> None:
    """A unit that the node holds without a row goes within a period, whoever forgot to say so."""

    async def story(fleet: Fleet) -> None:
        node = fleet.a_node()
        fleet.connect(node)
        fleet.put(a_unit("u1"))
        await settle()
        held = fleet.links.held("n1")
        assert isinstance(held, dict)
        held["stray"] = True
        await settle(61)
        assert "stray" not in held

    in_fleet(story)


def test_two_nodes_share() -> None:
    """Units go to both connected nodes, and to neither twice."""

    async def story(fleet: Fleet) -> None:
        nodes = [fleet.a_node("n1"), fleet.a_node("n2")]
        for node in nodes:
            fleet.connect(node)
        fleet.put(*[a_unit(f"u{i}") for i in range(10)])
        await settle()
        assert sorted(len(node.states) for node in nodes) == [5, 5]
        assert not set(nodes[0].states) & set(nodes[1].states)

    in_fleet(story)


class Told:
    """Links that note what is offered."""

    def __init__(self) -> None:
        self.offered: list[tuple[str, list[str]]] = []

    def offer(self, node_id: str, unit_ids: Iterable[str]) -> None:
        self.offered.append((node_id, list(unit_ids)))

    def held(self, node_id: str) -> None:
        return None


def test_a_unit_that_enters_is_offered_with_its_transaction() -> None:
    """The next set that is sent has its generation: a node that accepts it without the unit has lost it."""

    async def story(fleet: Fleet) -> None:
        fleet.connect(fleet.a_node())
        await settle()
        told, entering = Told(), Entering(fleet.store)
        Controller(fleet.store, told, fleet.clock, fleet.journal, entering)
        with fleet.store.transact() as tx:
            entering.put(tx, a_unit("u1"))
        assert told.offered == [("n1", ["u1"])]

    in_fleet(story)
