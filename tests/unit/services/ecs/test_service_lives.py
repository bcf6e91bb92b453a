"""What may be asked of a service at which time of its life, and what becomes of what it uses."""

from __future__ import annotations

from tests.sim.services import Told, tell
from windlass.kernel.clock import SECOND
from windlass.kernel.faults import Fault
from windlass.sim.course import Course

SLOW = Course(start=5 * SECOND, stop=5 * SECOND)


async def refused(told: Told, operation: str, **params: object) -> tuple[str, str]:
    """The code and message of the fault that it is answered with."""
    try:
        await told.ecs(operation, **params)
    except Fault as fault:
        return (fault.code, fault.message)
    raise AssertionError(f"{operation} was not refused")


def test_a_name_is_free_again_when_its_service_is_gone() -> None:
    """While it drains: refused. INACTIVE: neither updated nor deleted; created anew, it is another one."""

    async def story(told: Told) -> None:
        await told.define("good", SLOW)
        await told.create(1)
        await told.stable()
        before = await told.service()
        code, message = await refused(told, "DeleteService", service="web")
        assert (code, "scaled above 0" in message) == ("InvalidParameterException", True)
        await told.ecs("DeleteService", service="web", force=True)
        again = {"serviceName": "web", "taskDefinition": "web", "desiredCount": 1}
        code, message = await refused(told, "CreateService", **again)
        assert (code, "Draining" in message) == ("InvalidParameterException", True)
        assert (await refused(told, "UpdateService", service="web"))[0] == "ServiceNotActiveException"
        await told.world.pass_time(20 * SECOND)
        assert (await told.service())["status"] == "INACTIVE"
        assert (await refused(told, "UpdateService", service="web"))[0] == "ServiceNotActiveException"
        assert (await refused(told, "DeleteService", service="web"))[0] == "ServiceNotFoundException"
        await told.create(1)
        after = await told.stable()
        assert after["deployments"][0]["id"] != before["deployments"][0]["id"]
        assert len(after["events"]) == 3

    tell(story)


def test_what_a_service_uses_may_go_out_of_use() -> None:
    """An INACTIVE definition goes on serving, and may be forced; only a new use of it is refused."""

    async def story(told: Told) -> None:
        old = await told.define("good")
        await told.create(1)
        await told.stable()
        await told.ecs("DeregisterTaskDefinition", taskDefinition=old)
        [task] = (await told.ecs("ListTasks", serviceName="web"))["taskArns"]
        await told.ecs("StopTask", task=task)
        await told.world.pass_time(5 * SECOND)
        assert told.running("good") == 1
        await told.update(forceNewDeployment=True)
        await told.stable()
        other = {"serviceName": "other", "taskDefinition": old, "desiredCount": 1}
        assert await refused(told, "CreateService", **other) == (
            "ClientException",
            "TaskDefinition is inactive",
        )
        assert (await refused(told, "DeleteCluster", cluster="default"))[0] in (
            "ClusterContainsServicesException",
            "ClusterContainsTasksException",
        )

    tell(story)
