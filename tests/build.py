"""Builders with defaults, named by the domain: `a_plane(SERVICE)`, `a_caller()`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from windlass.aws.calls import Caller, Result
from windlass.aws.quotas import Profile
from windlass.fleet.chunks import Chunks
from windlass.fleet.exec_messages import ExecToNode
from windlass.fleet.messages import Invoke, InvokeResult
from windlass.fleet.session import ExecTold, GroupSource
from windlass.fleet.task_messages import Used
from windlass.kernel.chance import Chance
from windlass.kernel.clock import Clock, Instant, WallClock
from windlass.kernel.durable import DurableLog, MemoryLog
from windlass.services.assemble import assemble, start
from windlass.services.plane import Plane, Service

ACCOUNT = "123456789012"
REGION = "eu-west-1"
NOW: Instant = 1_800_000_000_000_000_000


class SetClock:
    """A clock that stands still until a test moves it. Nothing may sleep on it."""

    def __init__(self, now: Instant = NOW) -> None:
        self.time = now

    def now(self) -> Instant:
        return self.time

    async def sleep_until(self, at: Instant) -> None:
        raise AssertionError("a test of handlers does not sleep; use the simulator's loop")


class NoLinks:
    """A plane without nodes; `used` is what they would have told of their tasks."""

    def __init__(self) -> None:
        self.used: dict[str, Used] = {}

    def on_groups_wanted(self, source: GroupSource) -> None:
        """Nobody asks."""

    def offer_groups(self, node_id: str, *, at_once: bool = False) -> None:
        """Nobody listens."""

    async def invoke(self, node_id: str, invoke: Invoke, chunks: Chunks | None = None) -> InvokeResult:
        raise AssertionError("no node in this test")

    def dismiss(self, node_id: str, why: str) -> None:
        """There is no session to end."""

    def connected(self) -> list[str]:
        return []

    def usage(self) -> dict[str, Used]:
        return self.used

    async def exec(self, node_id: str, message: ExecToNode) -> None:
        raise AssertionError("no node in this test")

    def on_exec(self, told: ExecTold, lost: Callable[[str], None]) -> None:
        """Nobody will tell anything."""


def a_caller(account: str = ACCOUNT) -> Caller:
    return Caller(account=account, arn=f"arn:aws:iam::{account}:root", user_id=account, access_key="test")


def a_plane(
    *services: Service, clock: Clock | None = None, seed: int = 1, profile: Profile | None = None
) -> Plane:
    """A plane in memory with those services, not started."""

    def on_crash(name: str, error: BaseException) -> None:
        raise AssertionError(f"{name} crashed") from error

    return assemble(
        services,
        clock=clock or WallClock(),
        chance=Chance(seed),
        log=DurableLog(MemoryLog()),
        links=lambda store, journal, spawn: NoLinks(),
        profile=profile or Profile("test", switches={"ecs.embedded_instance": True}),
        endpoint="http://127.0.0.1:4566",
        blobs=None,
        on_crash=on_crash,
    )


async def call(plane: Plane, service: str, operation: str, /, **params: Any) -> Result:
    """Call an operation in process as the test account."""
    return await plane.calls.run(service, operation, params, caller=a_caller(), region=REGION)


def start_services(plane: Plane, services: Sequence[Service]) -> None:
    """Start the loops of those services; needs a running loop. Close with `await plane.spawn.close()`."""
    start(plane, services)
