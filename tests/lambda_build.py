"""A plane with Lambda on it and a node that a test plays: units start at once, results are the test's."""

from __future__ import annotations

import asyncio
import importlib.metadata
import io
import json
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.build import ACCOUNT, REGION, a_caller
from windlass.aws.calls import Result
from windlass.aws.quotas import Profile
from windlass.fleet.chunks import Chunks
from windlass.fleet.function_messages import Prepare, Prepared
from windlass.fleet.messages import Invoke, InvokeResult
from windlass.fleet.model import NODES, UNITS, Node, Unit
from windlass.kernel.bucket import Rate
from windlass.kernel.chance import Chance
from windlass.kernel.clock import Clock, WallClock
from windlass.kernel.durable import DurableLog, Log, MemoryLog
from windlass.kernel.rows import replace
from windlass.kernel.store import Change, Store
from windlass.services import lambda_
from windlass.services.assemble import assemble, start
from windlass.services.lambda_.model import FUNCTIONS
from windlass.services.plane import Plane, Service

ROLE = f"arn:aws:iam::{ACCOUNT}:role/r"
Runs = Callable[[Invoke], Awaitable[InvokeResult]]


async def echo(invoke: Invoke) -> InvokeResult:
    """Answer the event itself."""
    return InvokeResult(invoke.request_id, invoke.unit_id, invoke.payload)


def failed(invoke: Invoke, *, usable: bool = True) -> InvokeResult:
    return InvokeResult(invoke.request_id, invoke.unit_id, b"{}", error="Unhandled", usable=usable)


@dataclass
class PlayedNode:
    """Links and fleet in one: starts units as soon as they are written, unless `starts` is False."""

    runs: Runs = echo
    starts: bool = True
    invoked: list[Invoke] = field(default_factory=list)
    store: Store | None = None
    chunks: dict[str, Chunks] = field(default_factory=dict)
    """Where responses go that may be streamed, by request id."""

    def links(self, store: Store, *_: object) -> PlayedNode:
        self.store = store
        with store.transact() as tx:
            tx[NODES].put(Node("n", 2048, 4096, unbounded=True, token="", connected=True))
        store.watch((UNITS,), self._on_unit)
        return self

    async def invoke(self, node_id: str, invoke: Invoke, chunks: Chunks | None = None) -> InvokeResult:
        self.invoked.append(invoke)
        if chunks is not None:
            self.chunks[invoke.request_id] = chunks
        return await self.runs(invoke)

    def on_groups_wanted(self, source: object) -> None:
        """Security groups are nothing to a played node."""

    def offer_groups(self, node_id: str, *, at_once: bool = False) -> None:
        """As little."""

    def connected(self) -> list[str]:
        return ["n"]

    async def prepare(self, node_id: str, question: Prepare) -> Prepared:
        """Have everything there, and nothing to say of it."""
        return Prepared(question.request_id)

    def dismiss(self, node_id: str, why: str) -> None:
        raise AssertionError("nothing of Lambda dismisses a node")

    def units(self) -> list[Unit]:
        assert self.store is not None
        return sorted(self.store[UNITS].all(), key=lambda unit: unit.created_at)

    def move(self, unit_id: str, state: Any) -> None:
        """Report a unit's state, as the fleet does."""
        assert self.store is not None
        with self.store.transact() as tx:
            unit = tx[UNITS].get(unit_id)
            if unit is not None and unit.state != state:
                tx[UNITS].put(replace(unit, state=state, node_id="n"))

    def _on_unit(self, change: Change) -> None:
        unit: Unit | None = change.new
        if unit is None or not self.starts:
            return
        if unit.desired == "stop" and unit.state != "stopped":
            asyncio.get_running_loop().call_soon(self.move, unit.id, "stopped")
        elif unit.state == "waiting":
            asyncio.get_running_loop().call_soon(self.move, unit.id, "running")


@dataclass
class Lambda:
    """A running plane; `do` calls an operation, `until` waits for a condition of the store."""

    plane: Plane
    node: PlayedNode

    async def do(self, operation: str, *, traced: str = "", **params: Any) -> Result:
        """Call it; `traced` is the request's X-Amzn-Trace-Id."""
        run = self.plane.calls.run
        return await run("lambda", operation, params, caller=a_caller(), region=REGION, trace_id=traced)

    async def create(self, name: str = "f", **params: Any) -> Result:
        """Create a function: Pending."""
        fields = {"Runtime": "python3.11", "Role": ROLE, "Handler": "app.handler", **params}
        return await self.do("CreateFunction", FunctionName=name, Code={"ZipFile": a_zip()}, **fields)

    async def function(self, name: str = "f", **params: Any) -> None:
        """Create it and wait until it is Active."""
        await self.create(name, **params)
        await self.until(lambda store: self.row(name).state == "Active")

    def row(self, name: str = "f") -> Any:
        return self.plane.store[FUNCTIONS].require((ACCOUNT, REGION, name))

    async def invoke(self, event: Any = None, **params: Any) -> Any:
        """Invoke f and return the payload as a value."""
        payload = json.dumps(event).encode()
        answer = await self.do("Invoke", **{"FunctionName": "f", "Payload": payload, **params})
        return json.loads(answer["Payload"] or b"null")

    async def until(self, condition: Callable[[Store], bool]) -> None:
        """Let the loops run until the store is so."""
        changed = asyncio.Event()
        tables = (*lambda_.SERVICE.tables, UNITS)
        self.plane.store.watch(tables, lambda change: changed.set())
        async with asyncio.timeout(10):
            while not condition(self.plane.store):
                changed.clear()
                await changed.wait()


def a_zip(source: str = "def handler(event, context): return event\n") -> bytes:
    """A package with one module: the same bytes at any time of day."""
    return a_zip_of({"app.py": source})


def a_zip_of(files: Mapping[str, str]) -> bytes:
    """A package with these files; what begins with #! may be executed."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as package:
        for name, text in files.items():
            member = zipfile.ZipInfo(name)
            member.external_attr = (0o755 if text.startswith("#!") else 0o644) << 16
            package.writestr(member, text)
    return data.getvalue()


def a_zip_with(source: str, *distributions: str) -> bytes:
    """The same with installed Python distributions beside it, as `pip install --target` would put them."""
    data = io.BytesIO(a_zip(source))
    with zipfile.ZipFile(data, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as package:
        for name in distributions:
            for file in importlib.metadata.files(name) or ():
                if file.suffix == ".py" and ".." not in file.parts:
                    package.write(file.locate(), str(file))
    return data.getvalue()


@asynccontextmanager
async def a_lambda(
    node: PlayedNode | None = None,
    *,
    log: Log | None = None,
    clock: Clock | None = None,
    seed: int = 1,
    endpoint: str = "http://127.0.0.1:4566",
    buckets: Mapping[str, Rate] | None = None,
    delays: Mapping[str, float] | None = None,
    others: tuple[Service, ...] = (),
    **quotas: float,
) -> AsyncIterator[Lambda]:
    """A plane with Lambda and `others`. What its profile has goes by names without the "lambda." in front."""
    played = node or PlayedNode()
    crashed: list[BaseException] = []
    services = (lambda_.SERVICE, *others)
    plane = assemble(
        services,
        clock=clock or WallClock(),
        chance=Chance(seed),
        log=DurableLog(log or MemoryLog()),
        links=played.links,
        profile=Profile(
            "test",
            quotas={f"lambda.{name}": value for name, value in quotas.items()},
            buckets={f"lambda.{name}": rate for name, rate in (buckets or {}).items()},
            delays={f"lambda.{name}": value for name, value in (delays or {}).items()},
        ),
        endpoint=endpoint,
        blobs=None,
        on_crash=lambda name, error: crashed.append(error),
    )
    start(plane, services)
    try:
        yield Lambda(plane, played)
    finally:
        await plane.spawn.close()
        if crashed:
            raise crashed[0]
