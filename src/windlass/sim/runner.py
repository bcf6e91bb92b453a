"""A simulated node: takes desired sets, and tells the story that a real agent would, after modelled delays.

It speaks the link's messages like node/agent.py, numbers its reports and repeats what was not acknowledged,
so the plane cannot tell. Its memory survives a broken session, as a real agent's does; `forget()` is the
agent that lost its disk. Known gaps: containers of one unit start and stop together; no output.
"""

from __future__ import annotations

import asyncio
import hashlib
import heapq
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import lru_cache, partial
from typing import Any, TypeAlias

import msgspec

from windlass.fleet.frames import Transport
from windlass.fleet.function_messages import Prepare, Prepared
from windlass.fleet.messages import (
    ENVIRONMENT_GONE,
    Accepted,
    Ack,
    Beat,
    ContainerState,
    ContainerStatus,
    Desired,
    FromNode,
    FromPlane,
    Health,
    Hello,
    Invoke,
    InvokeResult,
    Observed,
    Refused,
    SecretGiven,
    SecretKept,
    SecurityGroups,
    Shutdown,
    UnitSpec,
    UnitState,
    UnitStatus,
    Want,
    Welcome,
)
from windlass.fleet.networks import NetworkState, SecurityGroup
from windlass.kernel.alarm import Alarm
from windlass.kernel.clock import MICROSECOND, SECOND, Clock, Duration, Instant, seconds
from windlass.kernel.faults import Bug
from windlass.kernel.spawn import Spawn
from windlass.node.function_lines import timed_out
from windlass.sim.course import Course
from windlass.sim.works import Works

SIGTERM_EXIT, SIGKILL_EXIT = 143, 137
"""Exit code of a process that SIGTERM ended: 128 + 15."""

GATHERS_EACH: Duration = 10 * MICROSECOND
"""For each unit that a node has: ten thousand of them make a tenth of a second."""

Life: TypeAlias = Iterator[Duration]
"""What becomes of a unit, in steps: each says how long until the next.

A task of the loop would cost ten times as much, and a world may have a million lives.
"""


class SimulatedNode:
    """One node. `course` says how each unit's life goes. Open sessions with `connect`.

    What is due at one instant happens in the order in which it was begun, unless `shuffle` changes that.
    """

    def __init__(
        self,
        node_id: str,
        token: str,
        clock: Clock,
        spawn: Spawn,
        course: Callable[[UnitSpec], Course],
        shuffle: Callable[[list[Any]], None] = lambda due: None,
    ) -> None:
        self.node_id = node_id
        self.token = token
        self.cpu_units = 4096
        self.memory_mib = 16384
        self.gathers: Duration = 0
        """For how long it waits for more to report: a message for each of a million ends costs a world most.

        An agent that has much to do reports all that happened meanwhile, too: the fewer units it has, the
        sooner it reports (GATHERS_EACH).
        """
        self.steps = 0
        """Steps of all lives so far, the first of each not counted: it is the message's."""
        self.messages = 0
        """Of its sessions so far, both ways."""
        self.refused = ""
        """Why the plane would not have it; "" otherwise."""
        self.run = ""
        """Which process of the agent this is (messages.Hello)."""
        self._clock = clock
        self._spawn = spawn
        self._course = course
        self._shuffle = shuffle
        self._epoch = 0
        self._alarm = Alarm(clock, self._go_on)
        self._works = Works(spawn)
        self.forget()

    def forget(self) -> None:
        """Lose all that the agent keeps on disk, and what it ran with it."""
        self._lives: dict[str, Life] = {}
        self._due: dict[Instant, list[tuple[str, Life]]] = {}
        """When their next steps are; those of lives that were given up meanwhile, too."""
        self._instants: list[Instant] = []
        """The keys of `_due`, as a heap."""
        self.states: dict[str, UnitState] = {}
        self._stops: dict[str, Duration] = {}
        """How long its units take to stop: all that is still to be known of the course of one that runs."""
        self._works.give_up_all()
        self._told_of: set[str] = set()
        """Environments whose start the plane was told of."""
        self._places: dict[str, dict[str, str]] = {}
        """Namespace → address → unit with that interface of its own, the latest one of each."""
        self.groups: dict[str, SecurityGroup] = {}
        """The security groups that it was told last."""
        self.generation = 0
        self._wants: dict[str, Want] = {}
        self._number = 0
        self._unacknowledged: deque[Observed] = deque()
        self._news: dict[str, None] = {}
        self._told = asyncio.Event()

    def restart(self, run: str) -> None:
        """Another process of the agent takes over: what runs here goes on, what it had yet to tell is in its

        next Hello, and it counts on from what the plane has.
        """
        self.run = run
        self._number = 0
        self._unacknowledged.clear()
        self._news.clear()

    async def connect(self, transport: Transport[FromPlane]) -> None:
        """One session, to its end."""
        parts: list[asyncio.Task[None]] = []
        try:
            await self._send(transport, self._hello())
            while (message := await transport.receive()) is not None:
                self.messages += 1
                if isinstance(message, Welcome):
                    await self._resume(message, transport)
                    parts = [
                        self._spawn.start(f"{self.node_id} reports", self._report_always(transport)),
                        self._spawn.start(
                            f"{self.node_id} beats", self._beat_always(transport, message.lease_s)
                        ),
                    ]
                elif isinstance(message, Refused):
                    self.refused = message.why
                    return
                elif isinstance(message, Desired) and not self._take(message):
                    return
                else:
                    await self._obey(message, transport)
        except ConnectionError:
            pass
        finally:
            for part in parts:
                part.cancel()
            transport.close()

    async def _send(self, transport: Transport[FromPlane], message: FromNode) -> None:
        self.messages += 1
        await transport.send(message)

    def _hello(self) -> Hello:
        states = tuple(self.states.values())
        size = (self.cpu_units, self.memory_mib)
        return Hello(self.node_id, self.token, *size, self.generation, states, self.run)

    async def _resume(self, welcome: Welcome, transport: Transport[FromPlane]) -> None:
        """Repeat what the plane has not made durable; go on counting past what it has seen."""
        if welcome.epoch < self._epoch:
            raise Bug("an older plane answered", self.node_id, welcome.epoch, self._epoch)
        self._epoch = welcome.epoch
        self._acknowledge(welcome.observed)
        self._number = max(self._number, welcome.observed)
        for report in self._unacknowledged:
            await self._send(transport, report)

    async def _obey(
        self,
        message: FromPlane,
        transport: Transport[FromPlane],
    ) -> None:
        match message:
            case SecretGiven(secret):
                self.token = secret
                await self._send(transport, SecretKept(hashlib.sha256(secret.encode()).hexdigest()))
            case Desired():
                await self._send(transport, Accepted(self.generation))
            case SecurityGroups(groups):
                self.groups = {group.id: group for group in groups}
            case Ack(number):
                self._acknowledge(number)
            case Prepare(request_id, image):
                await self._send(transport, Prepared(request_id, f"sha256:{image}" if image else ""))
            case Invoke():
                self._spawn.start(f"{self.node_id} event", self._run_event(message, transport))
            case Shutdown():
                for unit_id in list(self._wants):
                    self._stop(unit_id)

    # desired

    def _take(self, desired: Desired) -> bool:
        """Become what the plane wants; what is held already changes nothing. False: it leaves a gap."""
        if desired.is_behind(self.generation):
            return True
        if desired.since not in (-1, self.generation):
            return False
        self.generation = desired.generation
        gone = desired.gone
        if desired.since == -1:
            named = {want.spec.unit_id for want in desired.changed}
            gone = tuple(unit_id for unit_id in self.states if unit_id not in named)
        for unit_id in gone:
            self._remove(unit_id)
        for want in desired.changed:
            unit_id = want.spec.unit_id
            self._wants[unit_id] = want
            if unit_id not in self.states:
                self.states[unit_id] = UnitState(unit_id, "pending")
                if want.run:
                    self._begin(unit_id, self._live(want.spec))
            if not want.run:
                self._stop(unit_id)
        return True

    def _remove(self, unit_id: str) -> None:
        self._wants.pop(unit_id, None)
        self._news.pop(unit_id, None)
        self.states.pop(unit_id, None)
        self._told_of.discard(unit_id)
        self._lives.pop(unit_id, None)
        self._stops.pop(unit_id, None)
        self._works.give_up(unit_id)

    def _stop(self, unit_id: str) -> None:
        if self.states[unit_id].status not in ("stopping", "stopped"):
            self._begin(unit_id, self._die(self._wants[unit_id].spec))

    def kill(self, unit_id: str, reason: str) -> None:
        """The machine of that unit fails: it has ended, for the plane to hear of it. No unit: nothing."""
        state = self.states.get(unit_id)
        if state is None or state.status == "stopped":
            return
        self._lives.pop(unit_id, None)
        self._end(
            self._wants[unit_id].spec, SIGKILL_EXIT, stop_code="EssentialContainerExited", reason=reason
        )

    def _begin(self, unit_id: str, life: Life) -> None:
        """A new course of life for the unit, in place of the one it was on."""
        self._lives[unit_id] = life
        self._step(unit_id, life, self._clock.now())
        self._set_alarm()

    def _step(self, unit_id: str, life: Life, now: Instant) -> None:
        """The life goes on until it takes time."""
        for pause in life:
            if pause:
                due = self._due.get(now + pause)
                if due is None:
                    due = self._due[now + pause] = []
                    heapq.heappush(self._instants, now + pause)
                due.append((unit_id, life))
                return
        if self._lives.get(unit_id) is life:  # it is over: a million of them need not be kept
            del self._lives[unit_id]

    def _go_on(self) -> None:
        """All lives whose pauses are over go on."""
        now = self._clock.now()
        while self._instants and self._instants[0] <= now:
            due = self._due.pop(heapq.heappop(self._instants))
            self._shuffle(due)
            for unit_id, life in due:
                if self._lives.get(unit_id) is life:
                    self.steps += 1
                    self._step(unit_id, life, now)
        self._set_alarm()

    def _set_alarm(self) -> None:
        self._alarm.set(self._instants[0] if self._instants else None)

    def _live(self, spec: UnitSpec) -> Life:
        course = self._course(spec)
        self._stops[spec.unit_id] = course.stop
        yield course.provision
        pulling_at = self._clock.now()
        fails = course.fails if course.pulls is None else course.pulls(spec)
        if course.pull or course.network or course.start or fails:  # else nobody ever sees it so
            self._become(spec, "pending", pull_started_at=pulling_at)
        yield course.pull
        pulled_at = self._clock.now()
        if fails:
            self._end(spec, None, stop_code="TaskFailedToStart", reason=fails)
            return
        yield course.network
        yield course.start
        yield course.restore
        pulled = {"pull_started_at": pulling_at, "pull_stopped_at": pulled_at}
        self._become(spec, "running", **pulled, started_at=self._clock.now())
        if course.work is not None:
            self._works.begin(spec.unit_id, course.work, partial(self._finish, spec, course.exit_code))
        left = course.run
        if course.health != "UNKNOWN" and (left is None or left > course.health_after):
            yield course.health_after
            self._examine(spec, course.health)
            left = None if left is None else left - course.health_after
        if left is not None:
            yield left
            self._end(spec, course.exit_code, stop_code="EssentialContainerExited")

    def _finish(self, spec: UnitSpec, exit_code: int) -> None:
        if self.states[spec.unit_id].status == "running":
            self._lives.pop(spec.unit_id, None)
            self._end(spec, exit_code, stop_code="EssentialContainerExited")

    def listening(self, place: tuple[str, str], unit_id: str) -> str | None:
        """The unit that takes connections at that place or, by its id, at a port of the node."""
        address, namespace = place
        found = self._places.get(namespace, {}).get(address, unit_id)
        state = self.states.get(found)
        return found if state is not None and state.status == "running" else None

    def spec(self, unit_id: str) -> UnitSpec:
        """What a unit that it has was to be."""
        return self._wants[unit_id].spec

    async def _run_event(self, invoke: Invoke, transport: Transport[FromPlane]) -> None:
        """One event of a function: answered, after its environment's initialisation and its own time."""
        state = self.states.get(invoke.unit_id)
        if state is None or state.status != "running":
            gone = InvokeResult(invoke.request_id, invoke.unit_id, b"", ENVIRONMENT_GONE, usable=False)
            with suppress(ConnectionError):
                await self._send(transport, gone)
            return
        spec = self._wants[invoke.unit_id].spec
        course = self._course(spec)
        ready_at = state.started_at + course.runtime + course.init
        await self._pass_time(max(0, ready_at - self._clock.now()))
        began = self._clock.now()
        limit = seconds(0 if spec.function is None else spec.function.timeout_s)
        event = course.event if course.takes is None else course.takes(invoke.payload)
        await self._pass_time(min(event, limit))
        first = invoke.unit_id not in self._told_of
        self._told_of.add(invoke.unit_id)
        if course.does is not None:
            payload, error = await course.does(invoke.payload)
        else:
            payload, error = (
                (invoke.payload, "") if course.answers is None else course.answers(invoke.payload)
            )
        took = self._clock.now() - began
        if late := event > limit or took > limit:
            payload, error = timed_out(invoke.request_id, limit / SECOND), "Unhandled"
        answer = InvokeResult(
            invoke.request_id,
            invoke.unit_id,
            payload,
            error,
            duration_ns=took,
            init_ns=course.runtime + course.init if first else 0,
            usable=not late,
            phases=course.phases() if first else None,
        )
        with suppress(ConnectionError):
            await self._send(transport, answer)

    def _die(self, spec: UnitSpec) -> Life:
        self._become(spec, "stopping", stopping_at=self._clock.now())
        takes, within = self._stops.get(spec.unit_id), self._wants[spec.unit_id].stop_within
        if takes is None:  # it never began
            takes = self._course(spec).stop
        takes = max(takes, self._works.stop(spec.unit_id))
        killed = bool(within) and within < takes
        yield within if killed else takes
        self._end(spec, SIGKILL_EXIT if killed else SIGTERM_EXIT, stop_code="")

    def _end(self, spec: UnitSpec, exit_code: int | None, stop_code: str, reason: str = "") -> None:
        now = self._clock.now()
        self._works.give_up(spec.unit_id)
        self._become(
            spec,
            "stopped",
            exit_code=exit_code,
            stop_code=stop_code,
            reason=reason or ("Essential container in task exited" if stop_code else ""),
            execution_stopped_at=now,
            stopped_at=now,
        )

    def _examine(self, spec: UnitSpec, health: Health) -> None:
        """The health checks have come to something: of those containers that have some, or of all."""
        state = self.states[spec.unit_id]
        named = {one.name for one in spec.containers if one.health_check is not None}
        checked = tuple(
            msgspec.structs.replace(one, health=health) if not named or one.name in named else one
            for one in state.containers
        )
        self.states[spec.unit_id] = msgspec.structs.replace(state, containers=checked)
        self._news[spec.unit_id] = None
        self._told.set()

    async def _pass_time(self, duration: Duration) -> None:
        if duration:
            await self._clock.sleep(duration)

    def _become(
        self, spec: UnitSpec, status: UnitStatus, exit_code: int | None = None, **changes: int | str
    ) -> None:
        state = self.states[spec.unit_id]
        inner: ContainerStatus = "running" if state.status == "running" else "pending"
        if status in ("running", "stopped"):
            inner = status
        started_at = int(changes.get("started_at", state.started_at))
        stopped_at = int(changes.get("stopped_at", 0))
        containers = tuple(
            [
                ContainerState(
                    container.name, inner, exit_code=exit_code, started_at=started_at, stopped_at=stopped_at
                )
                for container in spec.containers
            ]
        )
        network = state.network
        if status == "running" and spec.network.interface is not None:
            own = spec.network.interface
            router = _router(own.vpc_id)
            network = NetworkState(own.address, True, router)
            self._places.setdefault(router, {})[own.address] = spec.unit_id
        self.states[spec.unit_id] = msgspec.structs.replace(
            state, status=status, containers=containers, network=network, **changes
        )
        self._news[spec.unit_id] = None
        self._told.set()

    # observed

    async def _report_always(self, transport: Transport[FromPlane]) -> None:
        """For ever: all that changed since the last report, as one."""
        while True:
            await self._told.wait()
            await self._pass_time(min(self.gathers, GATHERS_EACH * len(self.states)))
            self._told.clear()
            if not self._news:
                continue
            self._number += 1
            report = Observed(self._number, tuple(self.states[unit_id] for unit_id in self._news))
            self._news.clear()
            self._unacknowledged.append(report)
            try:
                await self._send(transport, report)
            except ConnectionError:
                return

    async def _beat_always(self, transport: Transport[FromPlane], lease_s: float) -> None:
        while True:
            await self._clock.sleep(round(lease_s / 3 * SECOND))
            try:
                await self._send(transport, Beat())
            except ConnectionError:
                return

    def _acknowledge(self, number: int) -> None:
        while self._unacknowledged and self._unacknowledged[0].number <= number:
            self._unacknowledged.popleft()


@lru_cache(maxsize=1_024)
def _router(vpc_id: str) -> str:
    """The namespace of a VPC's router: the same text for all of its units."""
    return f"router of {vpc_id}"
