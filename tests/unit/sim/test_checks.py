from __future__ import annotations

from tests.ecs_build import a_machine, a_task, a_task_unit, an_instance
from tests.fleet_build import a_node, a_state, a_unit
from windlass.fleet.messages import UnitSpec
from windlass.fleet.networks import Interface, Network
from windlass.fleet.place import NOTHING, Reserved
from windlass.fleet.room import Taken
from windlass.kernel.rows import replace
from windlass.services.ec2.model import NetworkInterface
from windlass.sim import checks


def test_unplaced() -> None:
    """A waiting unit with a node, and a running one without, are found."""
    nodes = {"n1": a_node("n1")}
    right = [a_unit("u1"), a_unit("u2", state="running", node_id="n1"), a_unit("u3", state="stopped")]
    assert checks.unplaced(right, nodes) == []
    wrong = [a_unit("u1", node_id="n1"), a_unit("u2", state="running", node_id="gone")]
    assert len(checks.unplaced(wrong, nodes)) == 2


def test_doubled() -> None:
    """A unit that lives on two nodes is found; one that has stopped on the first is not."""
    here = {"u1": a_state("u1", "running")}
    assert checks.doubled({"a": here, "b": here}) == ["unit u1 lives on a and b"]
    assert checks.doubled({"a": {"u1": a_state("u1", "stopped")}, "b": here}) == []


def test_misattached() -> None:
    """An interface that its unit has not, a unit without its interface, and an address given twice."""
    network = Network(
        "awsvpc", Interface("eni-1", "0a:", "10.0.0.4", "s", "10.0.0.0/24", "vpc-1", "10.0.0.0/16")
    )
    unit = a_unit("u1", spec=UnitSpec("u1", "task", network=network))
    row = NetworkInterface("eni-1", "a", "r", "vpc-1", "s", "z", 4, "0a:", (), 0, requester="ecs")
    own = replace(row, id="eni-2", requester="", address=5)
    assert checks.misattached([unit, a_unit("u2")], [row, own]) == []
    assert checks.misattached([unit], []) == ["unit u1 has lost its interface eni-1"]
    assert checks.misattached([], [row]) == ["interface eni-1 belongs to no unit"]
    assert len(checks.misattached([unit], [row, replace(own, address=4)])) == 1


def test_counts() -> None:
    """Wrong reservations, overfull nodes and a wrong index are found."""
    units = [a_unit("u1", state="running", node_id="n1"), a_unit("u2")]
    right = Reserved(256, 512, 1)
    assert checks.miscounted(units, lambda node_id: right) == []
    assert len(checks.miscounted(units, lambda node_id: NOTHING)) == 1
    assert checks.overfull([a_node("n1", cpu=256)], lambda node_id: right) == []
    assert len(checks.overfull([a_node("n1", cpu=255)], lambda node_id: right)) == 1
    assert checks.misindexed(units, lambda state: 1) == []
    assert len(checks.misindexed(units, lambda state: 2)) == 2


def test_misbound() -> None:
    """A unit on another node than the one that it is bound to is found."""
    bound = a_unit("u1", bound_to="n1", state="running", node_id="n1")
    assert checks.misbound([bound, a_unit("u2", bound_to="n1"), a_unit("u3", node_id="n2")]) == []
    assert len(checks.misbound([replace(bound, node_id="n2")])) == 1


def test_crowded() -> None:
    """Instances with more than they have, a port given twice, and wrong sums are found."""
    row = an_instance("c1", cpu_units=512, memory_mib=1024)
    unit = a_unit("u1", target_id="c1", ports=(("tcp", 80),), cpu_units=256, memory_mib=512)
    ended = replace(unit, id="u2", state="stopped")
    taken = {"one": Taken(256, 512, frozenset(unit.ports)), "two": Taken(512, 1024, frozenset(unit.ports))}
    assert checks.crowded([unit, ended], [row], lambda _: taken["one"]) == []
    assert len(checks.crowded([unit], [row], lambda _: Taken())) == 1
    assert "twice" in checks.crowded([unit, replace(unit, id="u3")], [row], lambda _: taken["two"])[0]
    small = replace(row, cpu_units=100)
    assert "256 and 512 taken" in checks.crowded([unit], [small], lambda _: taken["one"])[0]
    assert checks.crowded([unit], [replace(small, unbounded=True)], lambda _: taken["one"]) == []


def test_what_waits_for_capacity() -> None:
    """A parked unit, a task without an instance and a row that waits come together."""
    task = a_task("t1")
    parked = a_task_unit(task, "waiting", parked=True)
    assert checks.misparked([parked], [task], ["t1"]) == []
    assert checks.misparked([parked], [task], []) != []
    assert checks.misparked([a_task_unit(task, "waiting")], [task], ["t1"]) != []
    assert checks.misparked([], [task], []) == ["task t1 has no instance and does not wait"]
    stopped = a_task("t1", desired_status="STOPPED")
    assert (
        checks.misparked([a_task_unit(stopped, "waiting", parked=True, desired="stop")], [stopped], []) == []
    )


def test_machines_of_groups() -> None:
    """A machine that lives is known to its group."""
    machine = a_machine(group="arn:aws:autoscaling:…", phase="running")
    assert checks.mismatched([], [machine]) != []
    assert checks.mismatched([], [a_machine(group="arn:aws:autoscaling:…", phase="terminated")]) == []
    assert checks.mismatched([], [a_machine(phase="running")]) == []
