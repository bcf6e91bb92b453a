"""Container instances in process: from machines, over the API, and what becomes of them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.build import ACCOUNT, REGION
from tests.ecs_build import Ecs, a_machine, with_ecs
from windlass.fleet import model as fleet
from windlass.fleet.instances import launch, terminate
from windlass.fleet.model import NODES
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.services.ecs.instance_model import INSTANCES

MACHINE = "i-0000000000000001"


async def described(ecs: Ecs, instance_id: str, **params: Any) -> dict[str, Any]:
    answer = await ecs.call("DescribeContainerInstances", containerInstances=[instance_id], **params)
    [found] = answer["containerInstances"]
    return dict(found)


async def until_instance(ecs: Ecs, instance_id: str, holds: Any) -> None:
    """Return when that is true of the instance's row."""
    told = asyncio.Event()

    def look(_: object = None) -> None:
        if holds(ecs.plane.store[INSTANCES].require(instance_id)):
            told.set()

    ecs.plane.store.watch((INSTANCES,), look)
    look()
    await asyncio.wait_for(told.wait(), 5)


def test_a_machine_joins_a_cluster_that_comes_later() -> None:
    """As agents on AWS try until it is there: tools make clusters and groups in any order."""

    async def scenario(ecs: Ecs) -> None:
        joined = asyncio.Event()
        with ecs.plane.store.transact() as tx:
            launch(tx, a_machine(MACHINE, cluster="late"))
        ecs.plane.store.watch((INSTANCES,), lambda change: joined.set())
        await ecs.call("CreateCluster", clusterName="other")
        assert not ecs.plane.store[INSTANCES].by("machine", MACHINE)
        await ecs.call("CreateCluster", clusterName="late")
        await asyncio.wait_for(joined.wait(), 5)
        [row] = ecs.plane.store[INSTANCES].by("machine", MACHINE)
        assert row.cluster == "late"

    with_ecs(scenario)


def test_a_machine_becomes_a_container_instance() -> None:
    """One that runs and names a cluster is registered there, with what it says of itself."""

    async def scenario(ecs: Ecs) -> None:
        made = await ecs.a_machine(instance_type="t3.small", attributes=(("stack", "prod"),))
        shown = await described(ecs, made.id)
        assert shown["containerInstanceArn"] == (
            f"arn:aws:ecs:{REGION}:{ACCOUNT}:container-instance/default/{made.id}"
        )
        assert (shown["status"], shown["agentConnected"]) == ("ACTIVE", True)
        assert shown["ec2InstanceId"] == MACHINE
        attributes = {a["name"]: a.get("value") for a in shown["attributes"]}
        assert attributes == {
            "ecs.availability-zone": f"{REGION}a", "ecs.instance-type": "t3.small", "stack": "prod",
        }  # fmt: skip
        amounts = {r["name"]: r for r in shown["registeredResources"]}
        assert (amounts["CPU"]["integerValue"], amounts["MEMORY"]["integerValue"]) == (2048, 4096)
        assert amounts["PORTS"]["stringSetValue"] == ["22", "2375", "2376", "51678", "51679"]
        [cluster] = (await ecs.call("DescribeClusters"))["clusters"]
        assert cluster["registeredContainerInstancesCount"] == 1

    with_ecs(scenario)


def test_a_machine_that_ends_is_deregistered() -> None:
    """Terminated: INACTIVE, and listed no more; it is not registered a second time."""

    async def scenario(ecs: Ecs) -> None:
        made = await ecs.a_machine()
        with ecs.plane.store.transact() as tx:
            terminate(tx, MACHINE, "a test")
        await until_instance(ecs, made.id, lambda row: row.status == "INACTIVE")
        assert (await ecs.call("ListContainerInstances"))["containerInstanceArns"] == []
        assert (await described(ecs, made.id))["status"] == "INACTIVE"
        assert ecs.plane.store[fleet.INSTANCES].require(MACHINE).phase == "shutting-down"

    with_ecs(scenario)


def test_agent_connected_follows_the_session_of_its_node() -> None:
    """Cut and mended: the version rises with each change."""

    async def scenario(ecs: Ecs) -> None:
        made = await ecs.a_machine()
        for connected in (False, True):
            with ecs.plane.store.transact() as tx:
                tx[NODES].put(replace(tx[NODES].require("n1"), connected=connected))
            await until_instance(ecs, made.id, lambda row, wanted=connected: row.connected == wanted)
            assert (await described(ecs, made.id))["agentConnected"] == connected
        assert (await described(ecs, made.id))["version"] == 3

    with_ecs(scenario)


def test_registered_over_the_api_it_has_no_agent() -> None:
    """What an unknown machine registers is there, but its agent never connects."""

    async def scenario(ecs: Ecs) -> None:
        document = '{"instanceId": "i-0123456789abcdef0"}'
        registered = await ecs.call(
            "RegisterContainerInstance",
            instanceIdentityDocument=document,
            totalResources=[
                {"name": "CPU", "type": "INTEGER", "integerValue": 512},
                {"name": "MEMORY", "type": "INTEGER", "integerValue": 1024},
                {"name": "PORTS", "type": "STRINGSET", "stringSetValue": ["22", "8080"]},
            ],
            versionInfo={"agentVersion": "1.2.3"},
            tags=[{"key": "a", "value": "b"}],
        )
        shown = registered["containerInstance"]
        assert (shown["ec2InstanceId"], shown["agentConnected"]) == ("i-0123456789abcdef0", False)
        assert shown["versionInfo"] == {"agentVersion": "1.2.3"}
        assert shown["tags"] == [{"key": "a", "value": "b"}]
        again = await ecs.call(
            "RegisterContainerInstance", containerInstanceArn=shown["containerInstanceArn"]
        )
        assert again["containerInstance"]["containerInstanceArn"] == shown["containerInstanceArn"]
        assert again["containerInstance"]["version"] == 2

    with_ecs(scenario)


def test_a_machine_without_a_cluster_registers_itself() -> None:
    """RegisterContainerInstance with its identity: the machine's size, its node, once."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.a_machine()
        with ecs.plane.store.transact() as tx:
            free = replace(tx[fleet.INSTANCES].require(MACHINE), id="i-0000000000000002", cluster="")
            tx[fleet.INSTANCES].put(free)
        document = '{"instanceId": "i-0000000000000002"}'
        made = await ecs.call("RegisterContainerInstance", instanceIdentityDocument=document)
        shown = made["containerInstance"]
        assert shown["agentConnected"] is True
        assert shown["registeredResources"][0]["integerValue"] == 2048
        with pytest.raises(Fault) as refused:
            await ecs.call("RegisterContainerInstance", instanceIdentityDocument=document)
        assert "is registered already" in refused.value.message

    with_ecs(scenario)
