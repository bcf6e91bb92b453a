"""One request, one answer: route, authenticate, throttle, read, check, run, write.

The whole way of a call through the front is `Gateway.answer`; the simulator comes in at `Gateway.call`,
after the bytes. Knows services only by their declarations.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from windlass.aws.auth import authenticate
from windlass.aws.calls import Caller, Params, Result, Waiting
from windlass.aws.protocols import PROTOCOLS
from windlass.aws.route import Routed, guess_protocol, route
from windlass.aws.wire import Request, Response
from windlass.kernel.faults import Fault, Retry
from windlass.kernel.ids import Ids
from windlass.kernel.turns import Turns
from windlass.services.entry import Entry
from windlass.services.plane import Plane, Service

log = logging.getLogger("windlass.front")
Gone = Callable[[], Coroutine[Any, Any, None]]
BACKLOG_MAX = 32
"""Rows that may wait for the log before accounts that share the plane wait for their turns."""
_HOST = re.compile(r"[A-Za-z0-9.:\[\]-]+")


@dataclass(frozen=True, slots=True)
class FrontDoor:
    """How the front treats callers: the mode of `--auth`, and the Region of requests that name none."""

    auth: Literal["open", "sigv4"] = "open"
    region: str = "us-east-1"


class Gateway:
    """Answers requests for one plane."""

    def __init__(self, plane: Plane, services: Sequence[Service], door: FrontDoor | None = None) -> None:
        self._plane = plane
        self._services: Mapping[str, Service] = {service.name: service for service in services}
        self._entry = plane.calls.part(Entry)
        self._models = self._entry.models
        self._door = door or FrontDoor()
        self._ids = Ids(plane.chance.stream("gateway"))
        self._turns = Turns(full=lambda: plane.store.backlog > BACKLOG_MAX)
        plane.store.on_written(self._turns.resume)

    async def answer(self, request: Request, gone: Gone | None = None) -> Response:
        """The response to one request; every failure is an answer too.

        `gone()` returns when the client has closed the connection: a parked ReceiveMessage then ends.
        """
        request_id = self._ids.uuid()
        routed: Routed | None = None
        try:
            routed = route(request, self._models)
            caller, region = self._authenticate(request, routed)
            self._plane.calls.handler(routed.service, routed.operation)  # 501 comes before complaints
            self._entry.throttle(routed.service, routed.operation, (caller.account, region))
            await self._turns.take(caller.account)
            params = self._read(request, routed)
            self._entry.check(routed.service, routed.operation, params)
            result = await self._plane.calls.run(
                routed.service,
                routed.operation,
                params,
                caller=caller,
                region=region,
                request_id=request_id,
                endpoint=_endpoint(request),
                trace_id=request.headers.get("x-amzn-trace-id", ""),
                parked=self._parked(routed, gone),
            )
            response = self._write(routed, result, request_id)
            if gone is None or response.stream is None:
                return response
            return replace(response, stream=self._while_read(response.stream, gone))
        except Exception as error:
            return self._refuse(request, routed, self._as_fault(error, routed, request_id), request_id)

    def _parked(self, routed: Routed, gone: Gone | None) -> Callable[[Waiting], Waiting] | None:
        """What to put around a call that waits: those that only wait are dropped with their client.

        Calls that answer at once, as most receives do, never pay for the watching.
        """
        if gone is None or routed.operation not in self._services[routed.service].dropped_when_gone:
            return None
        return lambda waiting: self._while_there(routed.operation, waiting, gone)

    async def _while_there(self, operation: str, waiting: Waiting, gone: Gone) -> Result | None:
        """Wait to the end, or until nobody waits for it any more."""
        work = self._plane.spawn.start(f"call {operation}", _outcome(waiting))
        watch = self._plane.spawn.start("client there", gone())
        try:
            await asyncio.wait((work, watch), return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                raise Fault("RequestAborted", "the client closed the connection")
            outcome = work.result()
            if isinstance(outcome, Exception):
                raise outcome
            return outcome
        finally:
            work.cancel()
            watch.cancel()

    async def _while_read(self, stream: AsyncIterator[bytes], gone: Gone) -> AsyncIterator[bytes]:
        """The pieces of a stream until its client has gone, which is noticed at the next piece."""
        watch = self._plane.spawn.start("client there", gone())
        try:
            async for piece in stream:
                yield piece
                if watch.done():
                    return
        finally:
            watch.cancel()

    async def call(self, service: str, operation: str, params: Params, caller: Caller, region: str) -> Result:
        """The same way without bytes. Raises Fault."""
        return await self._entry.call(service, operation, params, caller, region)

    def _authenticate(self, request: Request, routed: Routed) -> tuple[Caller, str]:
        return authenticate(
            request,
            self._models.service(routed.service),
            self._plane.store,
            self._plane.clock.now(),
            mode=self._door.auth,
            default_region=self._door.region,
        )

    def _read(self, request: Request, routed: Routed) -> Params:
        operation = self._entry.operation(routed.service, routed.operation)
        return PROTOCOLS[routed.protocol].read(request, operation, routed.path_labels)

    def _write(self, routed: Routed, result: Result, request_id: str) -> Response:
        operation = self._entry.operation(routed.service, routed.operation)
        return PROTOCOLS[routed.protocol].write(result, operation, request_id)

    def _as_fault(self, error: Exception, routed: Routed | None, request_id: str) -> Fault:
        """What the caller is told. Our own mistakes are logged with their story and answered 500."""
        if isinstance(error, Fault):
            return error
        if isinstance(error, Retry):
            return Fault("ServiceUnavailable", error.why, status=503)
        where = f"{routed.service} {routed.operation}" if routed else "routing"
        log.error("request %s (%s) failed", request_id, where, exc_info=error)
        return Fault("InternalFailure", f"Windlass failed in {where}; request {request_id}", status=500)

    def _refuse(self, request: Request, routed: Routed | None, fault: Fault, request_id: str) -> Response:
        protocol = PROTOCOLS[routed.protocol if routed else guess_protocol(request)]
        service = self._models.service(routed.service) if routed else None
        operation = self._models.operation(routed.service, routed.operation) if routed else None
        return protocol.write_fault(fault, service, operation, request_id)


async def _outcome(waiting: Waiting) -> Result | Exception | None:
    """What a call gives or raises, as a value: a fault in a task of its own is an answer, not a crash."""
    try:
        return await waiting
    except Exception as error:
        return error


def _endpoint(request: Request) -> str | None:
    """The base URL the client used, for queue URLs; a Host header that is no host is not echoed."""
    host = request.headers.get("host", "")
    return f"{request.scheme}://{host}" if _HOST.fullmatch(host) else None
