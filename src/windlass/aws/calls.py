"""Calls: what a handler is given, the table of operations, and calling one in process.

The gateway and the services use the same `Calls.run`: over HTTP the parameters come from a protocol, in
process from a dict, and from there on nothing differs. Knows no service by name.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar, cast

from windlass.kernel.clock import Clock, Instant
from windlass.kernel.faults import Bug, Fault
from windlass.kernel.ids import Ids
from windlass.kernel.journal import Journal
from windlass.kernel.store import Store

T = TypeVar("T")
Params: TypeAlias = Mapping[str, Any]
"""An operation's input as botocore would hand it in: dicts, lists, str, int, float, bool, bytes, datetime."""
Result: TypeAlias = dict[str, Any]
"""An operation's output in the same form. Timestamps may be given as Instant / 1e9 floats or datetimes."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls. `arn` is the IAM or STS ARN; `access_key` is empty for calls between services."""

    account: str
    arn: str
    user_id: str
    access_key: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of one operation, as its handler sees it."""

    caller: Caller
    account: str
    region: str
    now: Instant
    request_id: str
    ids: Ids
    store: Store
    journal: Journal
    calls: Calls
    endpoint: str
    """Base URL that the client used, `http://127.0.0.1:4566`: for queue URLs and the like."""
    trace_id: str = ""
    """X-Amzn-Trace-Id of the request; empty for none."""

    @property
    def scope(self) -> tuple[str, str]:
        """(account, region): every row belongs to one."""
        return (self.account, self.region)

    def part(self, kind: type[T]) -> T:
        """The running part of that class (a waiting room, a pool): services register theirs at start."""
        return self.calls.part(kind)


Handler: TypeAlias = Callable[[Call, Params], "Result | Awaitable[Result | None] | None"]
"""A plain or async function; named like the operation in snake_case."""
Waiting: TypeAlias = "Awaitable[Result | None]"
"""A call whose handler did not answer at once."""


@dataclass(frozen=True, slots=True)
class Principal:
    """On whose behalf a service calls another: account, Region, and the service's own name."""

    account: str
    region: str
    service: str
    """The calling service's principal, "events.amazonaws.com"."""

    @property
    def caller(self) -> Caller:
        """Who calls, as the called service sees it."""
        return Caller(self.account, f"arn:aws:iam::{self.account}:root", self.service)


class Calls:
    """The table of operations of this plane."""

    def __init__(self, clock: Clock, store: Store, journal: Journal, ids: Ids, endpoint: str) -> None:
        self._clock = clock
        self._store = store
        self._journal = journal
        self._ids = ids
        self.endpoint = endpoint
        self._handlers: dict[str, Mapping[str, Handler]] = {}
        self._parts: dict[type, object] = {}
        self._waits_itself: dict[str, frozenset[str]] = {}

    def add(
        self, service: str, handlers: Mapping[str, Handler], waits_itself: frozenset[str] = frozenset()
    ) -> None:
        """Serve these operations ("RunTask" → function) of the service with that botocore name.

        Those of `waits_itself` see to it that what they wrote is durable.
        """
        if service in self._handlers:
            raise Bug(f"{service} is declared twice")
        self._handlers[service] = handlers
        self._waits_itself[service] = waits_itself

    def add_part(self, part: object) -> None:
        self._parts[type(part)] = part

    def part(self, kind: type[T]) -> T:
        found = self._parts.get(kind)
        if found is None:
            raise Bug(f"no {kind.__name__} was registered")
        return cast(T, found)

    def services(self) -> list[str]:
        return sorted(self._handlers)

    def handler(self, service: str, operation: str) -> Handler:
        """The operation's handler. Raises Fault (501) for what this plane does not have."""
        found = self._handlers.get(service, {}).get(operation)
        if found is None:
            message = f"Windlass does not have {service} {operation}; see windlass coverage"
            raise Fault("NotImplemented", message, status=501)
        return found

    async def run(
        self,
        service: str,
        operation: str,
        params: Params,
        *,
        caller: Caller,
        region: str,
        request_id: str | None = None,
        endpoint: str | None = None,
        trace_id: str = "",
        parked: Callable[[Waiting], Waiting] | None = None,
    ) -> Result:
        """Run the handler and return its result once everything it rests on is durable.

        `parked` is put around a handler that does not answer at once: the gateway then watches whether the
        client is still there. Raises Fault for what AWS would refuse, Retry when the log takes no writes.
        """
        handler = self.handler(service, operation)
        call = self._make(caller, region, request_id or self._ids.uuid(), endpoint or self.endpoint, trace_id)
        result = handler(call, params)
        if result is not None and not isinstance(result, dict):
            result = await (result if parked is None else parked(result))
        if operation not in self._waits_itself[service]:
            await self._store.durable()
        return result or {}

    async def call(self, service: str, operation: str, params: Params, principal: Principal) -> Result:
        """Call an operation from inside the plane: no HTTP, no bytes, the same handler."""
        return await self.run(service, operation, params, caller=principal.caller, region=principal.region)

    def on_behalf(self, principal: Principal) -> Call:
        """A call of a service's own, for loops that do what handlers do: launch tasks, ask for quotas."""
        return self._make(principal.caller, principal.region, self._ids.uuid(), self.endpoint)

    def _make(self, caller: Caller, region: str, request_id: str, endpoint: str, trace_id: str = "") -> Call:
        return Call(
            caller=caller,
            account=caller.account,
            region=region,
            now=self._clock.now(),
            request_id=request_id,
            ids=self._ids,
            store=self._store,
            journal=self._journal,
            calls=self,
            endpoint=endpoint,
            trace_id=trace_id,
        )
