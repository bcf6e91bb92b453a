"""Reads and sets the capacity of what is scaled, through the API of its service.

In process, as Application Auto Scaling's service-linked role does it on AWS: UpdateService of ECS,
PutProvisionedConcurrencyConfig of Lambda. Raises the service's Fault for what is not there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from windlass.aws.calls import Calls, Principal, Result
from windlass.kernel.faults import Fault
from windlass.services.application_autoscaling.kinds import KINDS
from windlass.services.application_autoscaling.model import Target

NO_CONFIG = "ProvisionedConcurrencyConfigNotFoundException"


@dataclass(frozen=True, slots=True)
class Capacity:
    """What is wanted, what there is of it, and whether a deployment goes on."""

    desired: int
    running: int
    deploying: bool = False


class Capacities:
    """Of all accounts; one per plane."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def read(self, target: Target) -> Capacity:
        """Raises Fault when there is no such resource."""
        match = KINDS[target.namespace].resource.fullmatch(target.resource)
        assert match is not None
        if target.namespace == "ecs":
            return await self._service(target, match["cluster"], match["service"])
        return await self._function(target, match["function"], match["qualifier"])

    async def set(self, target: Target, desired: int) -> None:
        """Raises Fault when its service refuses."""
        match = KINDS[target.namespace].resource.fullmatch(target.resource)
        assert match is not None
        if target.namespace == "ecs":
            wanted = {"cluster": match["cluster"], "service": match["service"], "desiredCount": desired}
            await self._call(target, "UpdateService", **wanted)
            return
        named = {"FunctionName": match["function"], "Qualifier": match["qualifier"]}
        if desired:
            await self._call(
                target, "PutProvisionedConcurrencyConfig", **named, ProvisionedConcurrentExecutions=desired
            )
        else:
            await self._call(target, "DeleteProvisionedConcurrencyConfig", **named)

    async def _service(self, target: Target, cluster: str, name: str) -> Capacity:
        answer = await self._call(target, "DescribeServices", cluster=cluster, services=[name])
        found = [one for one in answer["services"] if one["status"] == "ACTIVE"]
        if not found:
            raise Fault("ServiceNotFoundException", f"ECS service doesn't exist: {target.resource}")
        [service] = found
        deployments = service.get("deployments", ())
        going = any(one.get("rolloutState") == "IN_PROGRESS" for one in deployments)
        return Capacity(service["desiredCount"], service["runningCount"], going or len(deployments) > 1)

    async def _function(self, target: Target, name: str, qualifier: str) -> Capacity:
        try:
            answer = await self._call(
                target, "GetProvisionedConcurrencyConfig", FunctionName=name, Qualifier=qualifier
            )
        except Fault as fault:
            if fault.code == NO_CONFIG:
                return Capacity(0, 0)
            raise
        return Capacity(
            answer["RequestedProvisionedConcurrentExecutions"],
            answer["AvailableProvisionedConcurrentExecutions"],
        )

    async def _call(self, target: Target, operation: str, **params: Any) -> Result:
        principal = Principal(*target.scope, f"{target.namespace}.application-autoscaling.amazonaws.com")
        return await self._calls.call(target.namespace, operation, params, principal)
