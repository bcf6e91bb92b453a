"""How a client's call begins, whichever way it came: throttled, and checked against the model.

The gateway comes here with what it read from bytes, EventBridge with what a rule's target says: users wrote
both. Services that call each other with parameters of their own use `Calls.call`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from botocore.model import OperationModel

from windlass.aws.calls import Caller, Calls, Params, Result
from windlass.aws.check import check
from windlass.aws.models import Models
from windlass.aws.protocols.json_values import json_reader
from windlass.aws.protocols.shapes import Unreadable
from windlass.aws.quotas import Quotas
from windlass.kernel.clock import Clock
from windlass.kernel.faults import Bug, Fault
from windlass.services.plane import Service


class Entry:
    """One per plane: `plane.calls.part(Entry)`."""

    def __init__(self, services: Sequence[Service], calls: Calls, quotas: Quotas, clock: Clock) -> None:
        self._services: Mapping[str, Service] = {service.name: service for service in services}
        self._calls = calls
        self._quotas = quotas
        self._clock = clock

    @cached_property
    def models(self) -> Models:
        """The models of this plane's services, shared by all: what they compile is kept by operation."""
        return Models(self._services)

    def operation(self, service: str, operation: str) -> OperationModel:
        """The model of an operation that is served."""
        found = self.models.operation(service, operation)
        if found is None:
            raise Bug(f"{service} has no operation {operation}: routing should have refused it")
        return found

    def throttle(self, service: str, operation: str, scope: tuple[str, str]) -> None:
        """Draw a token of the operation's bucket for (account, region). Raises Fault without one."""
        declared = self._services[service]
        bucket = declared.buckets.get(operation)
        if bucket is not None and not self._quotas.take(bucket, scope, 1, self._clock.now()):
            raise Fault(declared.throttled, "Rate exceeded", members=declared.throttled_members)

    def check(self, service: str, operation: str, params: Params) -> None:
        """Raise Fault for parameters that break a constraint of the model; their types are right."""
        shape = self.operation(service, operation).input_shape
        declared = self._services[service]
        if shape is not None:
            check(params, shape, declared.invalid, declared.own_checks)

    def read(self, service: str, operation: str, document: Any) -> dict[str, Any]:
        """Decoded JSON as the operation's parameters. Raises Fault SerializationException for other types."""
        shape = self.operation(service, operation).input_shape
        try:
            params: dict[str, Any] = {} if shape is None else json_reader(shape)(document)
        except (Unreadable, RecursionError) as error:
            raise Fault("SerializationException", str(error)) from error
        return params

    async def call(self, service: str, operation: str, params: Params, caller: Caller, region: str) -> Result:
        """The whole way of a client's call without its bytes: throttle, check, run. Raises Fault."""
        self._calls.handler(service, operation)  # 501 comes before complaints
        self.throttle(service, operation, (caller.account, region))
        self.check(service, operation, params)
        return await self._calls.run(service, operation, params, caller=caller, region=region)
