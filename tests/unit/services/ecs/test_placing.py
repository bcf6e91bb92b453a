"""RunTask and StartTask on container instances, in process: where tasks go, and why some do not."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.ecs_build import SUBNET, Ecs, a_container, with_ecs
from windlass.aws.quotas import Profile
from windlass.fleet.model import NODES, UNITS
from windlass.fleet.room import Need
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.kernel.store import Transaction
from windlass.services.ecs.instance_model import INSTANCES, RESERVED_PORTS, ContainerInstance
from windlass.services.ecs.model import TASKS
from windlass.services.ecs.placement import Demand
from windlass.services.ecs.placement import choose as choose_instances
from windlass.services.ecs.placing import Subjects
from windlass.services.ecs.registration import ZONE
from windlass.services.ecs.rooms import Rooms

BARE = Profile("no convenience")
ONE, TWO = "i-0000000000000001", "i-0000000000000002"


async def run(ecs: Ecs, **params: Any) -> dict[str, Any]:
    return await ecs.call("RunTask", **{"taskDefinition": "work", **params})


async def remaining(ecs: Ecs, instance_id: str) -> tuple[int, int, list[str]]:
    answer = await ecs.call("DescribeContainerInstances", containerInstances=[instance_id])
    left = {r["name"]: r for r in answer["containerInstances"][0]["remainingResources"]}
    ports = set(left["PORTS"]["stringSetValue"]) - set(map(str, RESERVED_PORTS))
    return left["CPU"]["integerValue"], left["MEMORY"]["integerValue"], sorted(ports)


def test_the_embedded_node_is_lent_to_a_cluster_without_instances() -> None:
    """The first EC2 task registers it; it shows, it takes what it is given, and goes with the cluster."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.a_running_definition()
        await ecs.call("CreateCluster", clusterName="mine")
        ran = await run(ecs, cluster="mine", count=10)
        assert (len(ran["tasks"]), ran["failures"]) == (10, [])
        [arn] = (await ecs.call("ListContainerInstances", cluster="mine"))["containerInstanceArns"]
        assert {task["containerInstanceArn"] for task in ran["tasks"]} == {arn}
        unit = ecs.plane.store[UNITS].require(ran["tasks"][0]["taskArn"].rpartition("/")[2])
        assert (unit.bound_to, unit.spec.instance) == ("n1", None)
        for task in ran["tasks"]:
            await ecs.call("StopTask", cluster="mine", task=task["taskArn"])
            await ecs.report(task["taskArn"].rpartition("/")[2], "stopped")
        gone = await ecs.call("DeleteCluster", cluster="mine")
        assert gone["cluster"]["registeredContainerInstancesCount"] == 0

    with_ecs(scenario)


def test_without_the_switch_nothing_is_lent() -> None:
    """Profiles that stand for AWS: a cluster without instances runs no EC2 task."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.a_running_definition()
        with pytest.raises(Fault) as refused:
            await run(ecs)
        assert (refused.value.code, refused.value.message) == (
            "InvalidParameterException", "No Container Instances were found in your cluster.",
        )  # fmt: skip
        await ecs.a_machine(cluster="default")
        assert len((await run(ecs))["tasks"]) == 1

    with_ecs(scenario, BARE)


def test_tasks_spread_and_reserve() -> None:
    """Two machines, three tasks: the roomier one first; what they take is gone until they have stopped."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.a_running_definition(containerDefinitions=[a_container(cpu=1024, memory=1024)])
        one, two = await ecs.a_machine(ONE), await ecs.a_machine(TWO)
        ran = await run(ecs, count=3)
        hosts = [task["containerInstanceArn"] for task in ran["tasks"]]
        assert sorted(hosts.count(row.arn) for row in (one, two)) == [1, 2]
        assert ran["tasks"][0]["availabilityZone"] == "eu-west-1a"
        left = sorted([await remaining(ecs, one.id), await remaining(ecs, two.id)])
        assert left == [(0, 2048, []), (1024, 3072, [])]
        task_id = ran["tasks"][0]["taskArn"].rpartition("/")[2]
        unit = ecs.plane.store[UNITS].require(task_id)
        assert unit.spec.instance is not None
        assert (unit.bound_to, unit.spec.instance.cpu_units) == ("n1", 2048)
        await ecs.report(task_id, "stopped")
        assert sum([(await remaining(ecs, row.id))[0] for row in (one, two)]) == 2048

    with_ecs(scenario)


def test_what_does_not_fit_is_a_failure() -> None:
    """Part of the tasks run; each instance is named with what it lacks. No exception."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.a_running_definition(containerDefinitions=[a_container(cpu=10, memory=3000)])
        await ecs.a_running_definition(family="wide", containerDefinitions=[a_container(cpu=4096)])
        one, two = await ecs.a_machine(ONE), await ecs.a_machine(TWO, memory_mib=1024)
        ran = await run(ecs, count=2)
        assert len(ran["tasks"]) == 1
        lacks = {row.arn: "RESOURCE:MEMORY" for row in (one, two)}
        assert {f["arn"]: f["reason"] for f in ran["failures"]} == lacks
        wide = await run(ecs, taskDefinition="wide")
        assert wide["tasks"] == []
        assert {f["reason"] for f in wide["failures"]} == {"RESOURCE:CPU"}

    with_ecs(scenario)


def test_ports_of_the_machine_are_taken_once() -> None:
    """A host port: one task for each instance, whatever the room; the port shows among those taken."""

    async def scenario(ecs: Ecs) -> None:
        mapping = [{"containerPort": 80, "hostPort": 8080}, {"containerPort": 81}]
        await ecs.a_running_definition(
            networkMode="bridge", containerDefinitions=[a_container(portMappings=mapping)]
        )
        one = await ecs.a_machine(ONE)
        ran = await run(ecs, count=2)
        assert len(ran["tasks"]) == 1
        assert ran["failures"] == [{"arn": one.arn, "reason": "RESOURCE:PORTS"}]
        assert (await remaining(ecs, one.id))[2] == ["8080"]

    with_ecs(scenario)


@pytest.mark.parametrize("status", ["DRAINING", "gone"])
def test_instances_that_take_no_more(status: str) -> None:
    """DRAINING is no candidate; one whose agent is gone is, and fails with AGENT. Both can come back."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.a_running_definition()
        one = await ecs.a_machine(ONE)
        first = await run(ecs)
        if status == "gone":
            with ecs.plane.store.transact() as tx:
                tx[INSTANCES].put(replace(tx[INSTANCES].require(one.id), connected=False))
            ran = await run(ecs)
            assert (ran["tasks"], ran["failures"]) == ([], [{"arn": one.arn, "reason": "AGENT"}])
            return
        state = {"containerInstances": [one.id, "nobody"]}
        drained = await ecs.call("UpdateContainerInstancesState", status="DRAINING", **state)
        assert [f["reason"] for f in drained["failures"]] == ["MISSING"]
        assert drained["containerInstances"][0]["status"] == "DRAINING"
        with pytest.raises(Fault) as refused:
            await run(ecs)
        assert "No Container Instances" in refused.value.message
        assert ecs.plane.store[TASKS].require(first["tasks"][0]["taskArn"][-32:]).desired_status == "RUNNING"
        await ecs.call("UpdateContainerInstancesState", status="ACTIVE", **state)
        assert len((await run(ecs))["tasks"]) == 1

    with_ecs(scenario)


def test_constraints_bind() -> None:
    """memberOf of the call or the definition, distinctInstance per task group."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.a_running_definition()
        prod = {"type": "memberOf", "expression": "attribute:stack == prod"}
        await ecs.a_running_definition(family="tied", placementConstraints=[prod])
        one = await ecs.a_machine(ONE)
        two = await ecs.a_machine(TWO, attributes=(("stack", "prod"),), memory_mib=512)
        for asked in ({"placementConstraints": [prod]}, {"taskDefinition": "tied"}):
            ran = await run(ecs, **asked)
            assert [task["containerInstanceArn"] for task in ran["tasks"]] == [two.arn]
        none = await run(ecs, placementConstraints=[{"type": "memberOf", "expression": "attribute:x exists"}])
        assert {f["reason"] for f in none["failures"]} == {"MemberOf placement constraint unsatisfied."}
        apart = [{"type": "distinctInstance"}]
        ran = await run(ecs, group="g", count=3, placementConstraints=apart)
        assert {task["containerInstanceArn"] for task in ran["tasks"]} == {one.arn, two.arn}
        assert {f["reason"] for f in ran["failures"]} == {
            "DistinctInstance placement constraint unsatisfied."
        }

    with_ecs(scenario)


def test_start_task_goes_where_it_is_told() -> None:
    """One task an instance; the others fail one by one, and tell why."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.a_running_definition(containerDefinitions=[a_container(memory=3000)])
        one, two = await ecs.a_machine(ONE), await ecs.a_machine(TWO, memory_mib=512)
        gone = await ecs.a_machine("i-0000000000000003")
        await ecs.call("DeregisterContainerInstance", containerInstance=gone.id)
        cut = await ecs.a_machine("i-0000000000000004")
        with ecs.plane.store.transact() as tx:
            tx[INSTANCES].put(replace(tx[INSTANCES].require(cut.id), connected=False))
        named = [one.arn, two.id, gone.id, cut.id, "nobody"]
        started = await ecs.call("StartTask", taskDefinition="work", containerInstances=named)
        assert [task["containerInstanceArn"] for task in started["tasks"]] == [one.arn]
        assert [f["reason"] for f in started["failures"]] == [
            "RESOURCE:MEMORY",
            "INACTIVE",
            "AGENT",
            "MISSING",
        ]
        assert started["failures"][-1]["arn"].endswith("container-instance/default/nobody")

    with_ecs(scenario)


def test_fargate_tasks_need_no_instance() -> None:
    """They go to shared nodes, and no instance is lent for them."""

    async def scenario(ecs: Ecs) -> None:
        with ecs.plane.store.transact() as tx:
            tx[NODES].put(replace(tx[NODES].require("n1"), shared=False))
        await ecs.a_running_definition(
            requiresCompatibilities=["FARGATE"], networkMode="awsvpc", cpu="256", memory="512",
            containerDefinitions=[{"name": "app", "image": "busybox"}],
        )  # fmt: skip
        ran = await run(ecs, launchType="FARGATE", networkConfiguration=SUBNET)
        assert "containerInstanceArn" not in ran["tasks"][0]
        assert (await ecs.call("ListContainerInstances"))["containerInstanceArns"] == []

    with_ecs(scenario)


THREE = ("a", "b", "c")


async def six_machines(ecs: Ecs) -> dict[str, ContainerInstance]:
    """Two in each of three zones: container instance ARN → row."""
    made = [
        await ecs.a_machine(f"i-000000000000000{number}", zone=f"eu-west-1{THREE[number % 3]}")
        for number in range(6)
    ]
    return {row.arn: row for row in made}


@pytest.mark.parametrize(
    ("chain", "hosts", "per_zone"),
    [
        ([{"type": "spread", "field": "attribute:ecs.availability-zone"}], 6, [2, 2, 2]),
        ([{"type": "spread", "field": "host"}], 6, [2, 2, 2]),
        ([{"type": "binpack", "field": "memory"}], 1, [6]),
        (
            [
                {"type": "spread", "field": "attribute:ecs.availability-zone"},
                {"type": "binpack", "field": "cpu"},
            ],
            3,
            [2, 2, 2],
        ),
    ],
)
def test_strategies_of_a_call(chain: list[dict[str, str]], hosts: int, per_zone: list[int]) -> None:
    """Six tasks, two at a time: those of earlier calls count."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.a_running_definition(containerDefinitions=[a_container(cpu=100, memory=100)])
        rows = await six_machines(ecs)
        placed = [
            task for _ in range(3) for task in (await run(ecs, count=2, placementStrategy=chain))["tasks"]
        ]
        found = Counter(task["containerInstanceArn"] for task in placed)
        zones = Counter(rows[task["containerInstanceArn"]].all_attributes[ZONE] for task in placed)
        assert (len(found), sorted(zones.values())) == (hosts, per_zone)

    with_ecs(scenario)


def test_random_is_of_the_plane_s_own_stream() -> None:
    """Two planes of the same seed place alike; among forty tasks every instance has some."""
    stories: list[list[str]] = []

    async def scenario(ecs: Ecs) -> None:
        await ecs.a_running_definition(containerDefinitions=[a_container(cpu=1, memory=6)])
        rows = await six_machines(ecs)
        placed = [
            task
            for _ in range(4)
            for task in (await run(ecs, count=10, placementStrategy=[{"type": "random"}]))["tasks"]
        ]
        assert {task["containerInstanceArn"] for task in placed} == set(rows)
        stories.append([rows[task["containerInstanceArn"]].machine_id for task in placed])

    with_ecs(scenario)
    with_ecs(scenario)
    assert stories[0] == stories[1]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"placementStrategy": [{"type": "binpack"}]}, "The placement strategy binpack must have a field."),
        (
            {"placementStrategy": [{"type": "random"}], "launchType": "FARGATE"},
            "Task definition does not support launch_type FARGATE.",
        ),
    ],
)
def test_strategies_that_run_task_refuses(asked: dict[str, Any], said: str) -> None:
    async def scenario(ecs: Ecs) -> None:
        await ecs.a_running_definition()
        with pytest.raises(Fault) as refused:
            await run(ecs, **asked)
        assert (refused.value.code, refused.value.message) == ("InvalidParameterException", said)

    with_ecs(scenario)


def test_what_the_transaction_wrote_counts() -> None:
    """Rows that are not committed yet take room and are told apart; once it is over they are forgotten."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.a_running_definition(containerDefinitions=[a_container(cpu=1000)])
        one = await ecs.a_machine(ONE)
        task_id = await ecs.run_one(group="g")
        rooms = ecs.plane.calls.part(Rooms)
        room = rooms.of(one.cluster_key, "EC2")
        with ecs.plane.store.transact() as tx:
            unit = tx[UNITS].require(task_id)
            tx[UNITS].put(replace(unit, id="u2"))
            tx[INSTANCES].put(replace(one, status="DRAINING"))
            with rooms.within(tx):
                assert (room.taken(one.id).cpu_units, room.holds(one.id, "g"), len(room)) == (2000, 2, 0)
            assert (room.taken(one.id).cpu_units, room.holds(one.id, "g"), len(room)) == (1000, 1, 1)
            tx[UNITS].delete("u2")
            tx[INSTANCES].put(one)

    with_ecs(scenario)


def test_room_is_taken_once() -> None:
    """What is chosen is reserved until the task's unit has it; what comes to no row is given back."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.a_running_definition(containerDefinitions=[a_container(cpu=1000)])
        one = await ecs.a_machine(ONE)
        rooms, store = ecs.plane.calls.part(Rooms), ecs.plane.store
        room, demand = rooms.of(one.cluster_key, "EC2"), Demand(Need(1000, 128), "family:work")

        def reserved() -> tuple[int, int]:
            return room.taken(one.id).cpu_units, room.holds(one.id, demand.group)

        def choose(tx: Transaction) -> None:
            with rooms.within(tx):
                chosen = choose_instances(room, demand, 1, Subjects(tx, room), rooms.draw)
                rooms.expect(tx, room, demand, chosen)

        with store.transact() as tx:
            choose(tx)
            assert reserved() == (1000, 1)
        assert reserved() == (0, 0)
        with pytest.raises(LookupError), store.transact() as tx:
            choose(tx)
            raise LookupError
        assert reserved() == (0, 0)
        task_id = await ecs.run_one()
        assert reserved() == (1000, 1)
        with store.transact() as tx:
            tx[UNITS].put(replace(tx[UNITS].require(task_id), id="u2"))
            choose(tx)  # beside what it wrote there is no room
            with rooms.within(tx):
                assert reserved() == (2000, 2)
            tx[UNITS].delete("u2")
        assert reserved() == (1000, 1)

    with_ecs(scenario)


def with_gpus(count: str) -> dict[str, Any]:
    return a_container(resourceRequirements=[{"type": "GPU", "value": count}])


def test_gpus_are_counted() -> None:
    """Four on the machine: two tasks of two; the third has none, and neither has the embedded node."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.a_running_definition(containerDefinitions=[with_gpus("2")])
        lent = await run(ecs)
        assert [f["reason"] for f in lent["failures"]] == ["RESOURCE:GPU"]
        await ecs.call("CreateCluster", clusterName="gpu")
        one = await ecs.a_machine(ONE, cluster="gpu", gpus=4)
        ran = await run(ecs, cluster="gpu", count=3)
        assert len(ran["tasks"]) == 2
        assert ran["failures"] == [{"arn": one.arn, "reason": "RESOURCE:GPU"}]
        answer = await ecs.call("DescribeContainerInstances", cluster="gpu", containerInstances=[one.id])
        [shown] = answer["containerInstances"]
        gpus = [
            [len(r["stringSetValue"]) for r in shown[kind] if r["name"] == "GPU"]
            for kind in ("registeredResources", "remainingResources")
        ]
        assert gpus == [[4], [0]]
        fewer = {
            "containerOverrides": [{"name": "app", "resourceRequirements": [{"type": "GPU", "value": "x"}]}]
        }
        with pytest.raises(Fault) as refused:
            await run(ecs, cluster="gpu", overrides=fewer)
        assert refused.value.code == "ClientException"

    with_ecs(scenario)


@pytest.mark.parametrize(("trunking", "tasks"), [("disabled", 2), ("enabled", 10)])
def test_interfaces_are_counted(trunking: str, tasks: int) -> None:
    """A c5.large takes two tasks in mode awsvpc, ten with a trunk, and any number in other modes."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.call("PutAccountSettingDefault", name="awsvpcTrunking", value=trunking)
        small = [a_container(memory=6)]
        await ecs.a_running_definition(networkMode="awsvpc", containerDefinitions=small)
        await ecs.a_running_definition(family="plain", containerDefinitions=small)
        one = await ecs.a_machine(ONE, instance_type="c5.large", zone="")
        first = await run(ecs, count=10, networkConfiguration=SUBNET)
        second = await run(ecs, networkConfiguration=SUBNET)
        assert (len(first["tasks"]), second["tasks"]) == (tasks, [])
        assert second["failures"] == [{"arn": one.arn, "reason": "RESOURCE:ENI"}]
        assert len((await run(ecs, taskDefinition="plain", count=5))["tasks"]) == 5
        assert ("ecs.awsvpc-trunk-id" in one.all_attributes) == (trunking == "enabled")

    with_ecs(scenario)
