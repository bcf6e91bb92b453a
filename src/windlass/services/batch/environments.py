"""The loop that settles compute environments: CREATING and UPDATING → VALID or INVALID, DELETING → gone.

It asks EC2 for what handlers do not look at, and has ECS make the environment's cluster: neither is refused
at call time on AWS (facts/batch.md, 2). An environment that is INVALID is looked at again when it is updated;
one in which jobs are active cannot be deleted, and becomes INVALID (Batch API reference,
DeleteComputeEnvironment, of Fargate; ours does so on EC2 too).
Known gap: roles are not looked at, since nothing checks what they permit.
"""

from __future__ import annotations

from collections.abc import Hashable
from contextlib import suppress

from windlass.aws.calls import Principal, Result
from windlass.fleet.blueprints import Makers
from windlass.fleet.model import INSTANCES
from windlass.kernel.clock import MINUTE, Duration, Instant
from windlass.kernel.faults import Fault, Retry
from windlass.kernel.reconcile import Loop
from windlass.kernel.rows import replace
from windlass.kernel.store import Change
from windlass.services.batch import settling
from windlass.services.batch.capacity import types_of
from windlass.services.batch.hosts import Hosts
from windlass.services.batch.resource_model import EC2_KINDS, ENVIRONMENTS, ComputeEnvironment
from windlass.services.batch.usage import Usage
from windlass.services.plane import Plane

PERIOD: Duration = 5 * MINUTE
PRINCIPAL = "batch.amazonaws.com"
HEALTHY = "ComputeEnvironment Healthy"


class Environments:
    """Run it with `spawn.start(loop.name, loop.run())`."""

    def __init__(self, plane: Plane, usage: Usage, hosts: Hosts) -> None:
        self._plane = plane
        self._usage = usage
        self._hosts = hosts
        self.loop = Loop("batch.environments", plane.clock, plane.journal, self._pass, period=PERIOD)
        plane.store.watch((ENVIRONMENTS,), self._on_environment)
        plane.store.watch((INSTANCES,), self._on_machine)

    async def settle(self, row: ComputeEnvironment) -> None:
        """Settle a change that has just begun, unless the profile has it take its time: then the loop does.

        So without delays an answer tells of an environment that is VALID or gone, and the next call may
        count on it.
        """
        if settling.is_instant(row, self._plane.quotas, "environment") and not self._ends_machines(row):
            with suppress(Retry):  # then the loop does
                await self._settle(row)

    def _on_environment(self, change: Change) -> None:
        row: ComputeEnvironment | None = change.new
        if row is not None and row.status in settling.CHANGING:
            self.loop.wake(row.key)

    def _on_machine(self, change: Change) -> None:
        """The last machine of an environment that is being deleted may have ended."""
        if self._plane.store[ENVIRONMENTS].count("changing", "yes"):
            self.loop.wake("machine")

    async def _pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        changing = self._plane.store[ENVIRONMENTS].by("changing", "yes")
        dues = {row.key: settling.due(row, self._plane.quotas, "environment") for row in changing}
        for row in changing:
            if dues[row.key] <= now and not self._ends_machines(row):
                await self._settle(row)
        return min((due for due in dues.values() if due > now), default=None)

    def _ends_machines(self, row: ComputeEnvironment) -> bool:
        """It is deleted, and machines that it launched are still there: capacity.py ends them."""
        if row.status != "DELETING" or row.kind not in EC2_KINDS or self._usage.attempts(row.key):
            return False
        return bool(self._hosts.left(row))

    async def _settle(self, row: ComputeEnvironment) -> None:
        trouble = ""
        try:
            await (self._take_down(row) if row.status == "DELETING" else self._set_up(row))
        except Fault as fault:
            trouble = _reason(fault)
        with self._plane.store.transact() as tx:
            if tx[ENVIRONMENTS].get(row.key) is not row:
                return  # a handler or the loop was first, or it was tagged, which has woken the loop
            if row.status == "DELETING" and not trouble:
                tx[ENVIRONMENTS].delete(row.key)
            else:
                status = "INVALID" if trouble else "VALID"
                settled = replace(row, status=status, status_reason=trouble or HEALTHY, checked=not trouble)
                tx[ENVIRONMENTS].put(settled)
        self._plane.journal.note("batch", row.arn, row.status.lower(), trouble or HEALTHY)

    async def _set_up(self, row: ComputeEnvironment) -> None:
        """Look up its network, and see that its cluster is there. Raises Fault."""
        if row.kind in EC2_KINDS and not types_of(row, self._plane.calls.part(Makers).maker()):
            asked = ", ".join(row.resources["instanceTypes"])
            raise Fault("InvalidParameterValue", f"No instance type is known here by {asked}")
        if row.checked:
            return
        if row.resources:
            subnets = await self._call(row, "ec2", "DescribeSubnets", SubnetIds=row.resources["subnets"])
            vpcs = {subnet["VpcId"] for subnet in subnets["Subnets"]}
            groups = row.resources.get("securityGroupIds", ())
            if groups:
                found = await self._call(row, "ec2", "DescribeSecurityGroups", GroupIds=groups)
                vpcs |= {group["VpcId"] for group in found["SecurityGroups"]}
            if len(vpcs) > 1:
                raise Fault("InvalidParameter", "The subnets and security groups must belong to one VPC")
        if (template := row.resources.get("launchTemplate")) is not None:
            named = {
                name[0].upper() + name[1:]: template[name]
                for name in ("launchTemplateId", "launchTemplateName")
                if name in template
            }
            versions = [template.get("version") or "$Default"]
            await self._call(row, "ec2", "DescribeLaunchTemplateVersions", Versions=versions, **named)
        await self._call(row, "ecs", "CreateCluster", clusterName=row.cluster)

    async def _take_down(self, row: ComputeEnvironment) -> None:
        """Delete its cluster. Raises Fault while something runs there."""
        if running := self._usage.attempts(row.key):
            raise Fault("ResourceInUse", f"{running} jobs are active in the compute environment")
        try:
            await self._call(row, "ecs", "DeleteCluster", cluster=row.cluster)
        except Fault as fault:
            if fault.code == "ClusterContainsContainerInstancesException" and row.kind in EC2_KINDS:
                raise Retry("its machines are ended, and about to be deregistered") from fault
            if fault.code != "ClusterNotFoundException":  # it never came to be, or its owner deleted it
                raise

    async def _call(self, row: ComputeEnvironment, service: str, operation: str, **params: object) -> Result:
        principal = Principal(row.account, row.region, PRINCIPAL)
        return await self._plane.calls.call(service, operation, params, principal)


def _reason(fault: Fault) -> str:
    """Why an environment is INVALID, as AWS words what another service said."""
    return f"CLIENT_ERROR - {fault.message} (Status Code: 400; Error Code: {fault.code})"
