"""The agent against a plane in the test's hand: generations, repetition, sessions that break."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Collection, Mapping

import pytest

from tests.unit.node.fake_plane import FakePlane, a_want
from windlass.fleet.frames import (
    FROM_NODE_BYTES_MAX,
    FROM_PLANE_BYTES_MAX,
    StreamTransport,
    Transport,
    decode_from_node,
    decode_from_plane,
)
from windlass.fleet.messages import (
    Accepted,
    ContainerSpec,
    Credentials,
    CredentialsWanted,
    FromPlane,
    HealthCheck,
    Invoke,
    InvokeResult,
    Observed,
    Refused,
    RestartPolicy,
    Shutdown,
    UnitSpec,
    Want,
)
from windlass.fleet.task_messages import Protection, ProtectionWanted, Usage
from windlass.kernel.clock import HOUR, Duration, Instant, WallClock
from windlass.kernel.spawn import Spawn
from windlass.node import task_protection
from windlass.node.agent import Agent
from windlass.node.identity import Identity
from windlass.node.ledger import NoLedger
from windlass.node.runner import LogSink, RunnerEvents
from windlass.node.sandbox import HOST, Sandbox
from windlass.node.session import Sessions


class TellingRunner:
    """A runner that runs nothing: containers start at once and end when they are told to, or by the test."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self._told = asyncio.Event()
        self.events: RunnerEvents

    def attach(self, events: RunnerEvents, logs: LogSink) -> None:
        self.events = events

    def start(
        self, unit: UnitSpec, container: ContainerSpec, defaults: Mapping[str, str], sandbox: Sandbox = HOST
    ) -> None:
        self.asked.append(("start", unit.unit_id, container.name))
        self.events.started(unit.unit_id, container.name, 42, WallClock().now())

    def check(self, unit_id: str, container: ContainerSpec, defaults: Mapping[str, str]) -> None:
        self.asked.append(("check", unit_id, container.name))
        self._told.set()

    async def until_asked(self, what: tuple[str, str, str]) -> None:
        """Return when that was asked, and forget it."""
        async with asyncio.timeout(10):
            while what not in self.asked:
                self._told.clear()
                await self._told.wait()
        self.asked.remove(what)

    def withdraw(self, unit_id: str, container: str) -> None:
        self.asked.append(("withdraw", unit_id, container))

    async def recall(self, units: Collection[str]) -> None:
        pass

    def adopt(self, unit_id: str, container: ContainerSpec, over: int) -> bool:
        self.asked.append(("adopt", unit_id, container.name))
        if unit_id.startswith("alive"):
            self.events.started(unit_id, container.name, 42, WallClock().now())
        return unit_id.startswith("alive")

    def terminate(self, unit_id: str, container: str) -> None:
        self.asked.append(("terminate", unit_id, container))
        if not unit_id.startswith("stubborn"):
            self.events.exited(unit_id, container, 143, "", WallClock().now())

    def kill(self, unit_id: str, container: str) -> None:
        self.asked.append(("kill", unit_id, container))
        self.events.exited(unit_id, container, 137, "", WallClock().now())

    def remove(self, unit_id: str) -> None:
        self.asked.append(("remove", unit_id, ""))

    async def close(self) -> None:
        pass


class SetClock(WallClock):
    """The host's clock, which somebody may set."""

    ahead: Duration = 0

    def now(self) -> Instant:
        return super().now() + self.ahead


class World:
    """An agent and the planes it meets, one after the other."""

    def __init__(self) -> None:
        self.spawn = Spawn(self._on_crash)
        self.runner = TellingRunner()
        self.clock = SetClock()
        self.agent = Agent(Identity("n1", "secret", 2048, 4096), self.clock, self.runner, NoLedger())
        self.told_to_end = asyncio.Event()
        self.crashes: list[BaseException] = []
        self._ends: asyncio.Queue[FakePlane] = asyncio.Queue()
        self.sessions = Sessions(self.agent, self._connect, WallClock(), self.spawn, self.told_to_end.set)
        self.spawn.start("sessions", self.sessions.run())

    async def plane(self) -> FakePlane:
        """The plane that the agent connects to next."""
        return await asyncio.wait_for(self._ends.get(), 10)

    async def _connect(self) -> Transport[FromPlane]:
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_unix_connection(sock=theirs)
        self._ends.put_nowait(
            FakePlane(StreamTransport(reader, writer, FROM_NODE_BYTES_MAX, decode_from_node))
        )
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        return StreamTransport(reader, writer, FROM_PLANE_BYTES_MAX, decode_from_plane)

    def _on_crash(self, name: str, error: BaseException) -> None:
        self.crashes.append(error)


def in_world(body: Callable[[World], Awaitable[None]]) -> None:
    async def run() -> None:
        world = World()
        await body(world)
        await world.spawn.close()
        await world.agent.close()
        assert not world.crashes

    asyncio.run(run())


def test_a_clock_that_is_set_back_while_a_container_has_its_stop_timeout() -> None:
    """It is killed when that is over, not an hour later."""

    async def body(world: World) -> None:
        plane = await world.plane()
        await plane.welcome()
        spec = ContainerSpec("main", stop_timeout_s=0.3)
        await plane.desire(1, a_want("stubborn", spec))
        await plane.until_status("stubborn", "running")
        await plane.desire(2, a_want("stubborn", spec, run=False), since=1)
        await plane.until_status("stubborn", "stopping")
        world.clock.ahead = -HOUR
        assert (await plane.until_status("stubborn", "stopped")).containers[0].exit_code == 137

    in_world(body)


def test_a_clock_that_is_set_forward() -> None:
    """No stop timeout is over for that, and no health check is due: another unit's events show it."""

    async def body(world: World) -> None:
        plane = await world.plane()
        await plane.welcome()
        patient = ContainerSpec("main", stop_timeout_s=600.0)
        checked = ContainerSpec("main", health_check=HealthCheck(("true",), interval_s=600.0))
        await plane.desire(1, a_want("stubborn", patient), a_want("checked", checked))
        await plane.until_status("checked", "running")
        await plane.desire(2, a_want("stubborn", patient, run=False), since=1)
        await plane.until_status("stubborn", "stopping")
        world.clock.ahead = HOUR
        await plane.desire(3, a_want("third"), since=2)
        await plane.until_status("third", "running")
        asked = {what[:2] for what in world.runner.asked}
        assert not asked & {("kill", "stubborn"), ("check", "checked")}
        world.runner.events.exited("stubborn", "main", 143, "", world.clock.now())
        await plane.until_status("stubborn", "stopped")

    in_world(body)


def test_a_container_that_starts_again() -> None:
    """1. It exits, its policy starts it again: one restart. 2. Told to stop, it stays stopped."""

    async def body(world: World) -> None:
        plane = await world.plane()
        await plane.welcome()
        policy = RestartPolicy(attempt_period_s=0.0)
        await plane.desire(1, a_want("u1", ContainerSpec("main", restart_policy=policy)))
        began = (await plane.until_status("u1", "running")).containers[0].started_at
        world.runner.events.exited("u1", "main", 3, "", WallClock().now())
        await plane.until(lambda: plane.units["u1"].containers[0].restart_count == 1)
        state = plane.units["u1"].containers[0]
        assert (state.status, state.pid, state.started_at) == ("running", 42, began)
        await plane.desire(2, a_want("u1", run=False), since=1)
        state = (await plane.until_status("u1", "stopped")).containers[0]
        assert (state.exit_code, state.restart_count) == (143, 1)
        assert [asked[0] for asked in world.runner.asked] == ["start", "start", "terminate", "remove"]

    in_world(body)


def test_health_is_reported() -> None:
    """A check is asked for when it is due, and what it shows reaches the plane."""

    async def body(world: World) -> None:
        plane = await world.plane()
        await plane.welcome()
        check = HealthCheck(("true",), interval_s=0.01, retries=1)
        await plane.desire(1, a_want("u1", ContainerSpec("main", health_check=check)))
        await plane.until_status("u1", "running")
        for exit_code, health in ((0, "HEALTHY"), (-1, "UNHEALTHY"), (0, "HEALTHY")):
            await world.runner.until_asked(("check", "u1", "main"))
            world.runner.events.checked("u1", "main", exit_code, WallClock().now())
            await plane.until(lambda health=health: plane.units["u1"].containers[0].health == health)

    in_world(body)


def test_credentials_are_asked_for_once_and_kept() -> None:
    """1. No session: none. 2. Two ask at once: one question, one answer for both. 3. Asked again: kept.

    4. The plane has none, with a reason: none. 5. The task stopped: forgotten.
    """

    async def body(world: World) -> None:
        given: list[Credentials | None] = []
        agent = world.agent
        agent.questions.credentials.get("u1", given.append)
        assert given == [None]
        plane = await world.plane()
        await plane.welcome()
        await plane.desire(1, a_want("u1"), a_want("u2"))
        await plane.until_status("u1", "running")
        for _ in range(2):
            agent.questions.credentials.get("u1", given.append)
        assert await plane.until_message(CredentialsWanted) == CredentialsWanted("u1")
        answer = Credentials("u1", "arn:r", "ASIA", "secret", "token", WallClock().now() + 6 * HOUR)
        await plane.send(answer)
        await plane.send(Credentials("u2", access_key="unasked", expires_at=answer.expires_at))
        await plane.desire(2, since=1)
        await plane.until_message(Accepted)
        assert given[1:] == [answer, answer]
        agent.questions.credentials.get("u1", given.append)
        agent.questions.credentials.get("u2", given.append)
        assert given[3:] == [answer]
        assert await plane.until_message(CredentialsWanted) == CredentialsWanted("u2")
        await plane.send(Credentials("u2", why="no role"))
        await plane.desire(3, since=2)
        await plane.until_message(Accepted)
        assert given[4:] == [None]
        world.runner.events.exited("u1", "main", 0, "", 77)
        await plane.until_status("u1", "stopped")
        agent.questions.credentials.get("u1", given.append)
        assert await plane.until_message(CredentialsWanted) == CredentialsWanted("u1")
        assert given[5:] == []

    in_world(body)


def test_protection_is_asked_for_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """1. Two questions, answered in another order. 2. A plane that says nothing: timed out; late: dropped."""

    async def body(world: World) -> None:
        given: list[Protection] = []
        ask = world.agent.questions.protection.ask
        plane = await world.plane()
        await plane.welcome()
        await plane.desire(1)
        await plane.until_message(Accepted)
        ask("u1", True, 60, given.append)
        ask("u1", None, None, given.append)
        wanted = [await plane.until_message(ProtectionWanted) for _ in range(2)]
        assert wanted == [ProtectionWanted(1, "u1", True, 60), ProtectionWanted(2, "u1")]
        for answer in (Protection(2, failure="TASK_NOT_VALID"), Protection(1, until=7), Protection(1)):
            await plane.send(answer)
        await plane.desire(2, since=1)
        await plane.until_message(Accepted)
        assert given == [Protection(2, failure="TASK_NOT_VALID"), Protection(1, until=7)]
        late: asyncio.Future[Protection] = asyncio.get_running_loop().create_future()
        monkeypatch.setattr(task_protection, "ANSWER_WITHIN_S", 0.01)
        ask("u1", False, None, late.set_result)
        async with asyncio.timeout(20):
            assert ((await late).number, late.result().code) == (3, "RequestCanceled")

    in_world(body)


def test_usage_is_told_again_and_again() -> None:
    """As often as the plane wants it, of the units that run."""

    async def body(world: World) -> None:
        plane = await world.plane()
        await plane.welcome(usage_s=0.01)
        await plane.desire(1, a_want("u1"))
        await plane.until_status("u1", "running")
        told: list[tuple[str, ...]] = []
        while ("u1",) not in told:
            usage = await plane.until_message(Usage)
            assert isinstance(usage, Usage)
            told.append(tuple(used.unit_id for used in usage.units))
        assert set(told) <= {(), ("u1",)}

    in_world(body)


def test_a_task_from_start_to_end() -> None:
    """1. Wanted: it runs. 2. It exits: reported stopped. 3. The plane forgets it: the node does too."""

    async def body(world: World) -> None:
        plane = await world.plane()
        await plane.welcome()
        await plane.desire(1, a_want("u1"))
        assert await plane.until_message(Accepted) == Accepted(1)
        assert (await plane.until_status("u1", "running")).containers[0].pid == 42
        world.runner.events.exited("u1", "main", 3, "", 77)
        state = await plane.until_status("u1", "stopped")
        assert (state.containers[0].exit_code, state.stop_code) == (3, "EssentialContainerExited")
        await plane.desire(2, since=1, gone=("u1",))
        await plane.until_message(Accepted)
        await plane.desire(3, a_want("u2"), since=2)
        await plane.until_status("u2", "running")
        assert [unit.unit_id for unit in world.agent.hello().units] == ["u2"]
        assert world.runner.asked == [("start", "u1", "main"), ("remove", "u1", ""), ("start", "u2", "main")]

    in_world(body)


def test_stop() -> None:
    """The plane wants a running unit stopped: SIGTERM, and no stop code of the node's own."""

    async def body(world: World) -> None:
        plane = await world.plane()
        await plane.welcome()
        await plane.desire(1, a_want("u1"))
        await plane.until_status("u1", "running")
        await plane.desire(2, a_want("u1", run=False), since=1)
        state = await plane.until_status("u1", "stopped")
        assert (state.containers[0].exit_code, state.stop_code, state.reason) == (143, "", "")

    in_world(body)


def test_never_started() -> None:
    """A unit that is only wanted stopped is reported stopped without having run."""

    async def body(world: World) -> None:
        plane = await world.plane()
        await plane.welcome()
        await plane.desire(1, a_want("u1", run=False))
        state = await plane.until_status("u1", "stopped")
        assert (state.containers[0].exit_code, state.started_at) == (None, 0)
        assert ("start", "u1", "main") not in world.runner.asked

    in_world(body)


def test_kill_after_stop_timeout() -> None:
    """A container that ignores SIGTERM is killed when its stopTimeout is over."""

    async def body(world: World) -> None:
        plane = await world.plane()
        await plane.welcome()
        patient = ContainerSpec("main", command=("true",), stop_timeout_s=0.05)
        await plane.desire(1, a_want("stubborn", patient))
        await plane.until_status("stubborn", "running")
        await plane.desire(2, a_want("stubborn", patient, run=False), since=1)
        assert (await plane.until_status("stubborn", "stopped")).containers[0].exit_code == 137
        assert [what for what, _, _ in world.runner.asked] == ["start", "terminate", "kill", "remove"]

    in_world(body)


def test_generations() -> None:
    """Older sets are ignored, the same one changes nothing; a difference to one not held ends the session."""

    async def body(world: World) -> None:
        plane = await world.plane()
        await plane.welcome()
        await plane.desire(5, a_want("u1"))
        await plane.until_status("u1", "running")
        await plane.desire(4, a_want("old"))
        assert await plane.until_message(Accepted) == Accepted(5)
        await plane.desire(5, a_want("u1"))
        assert await plane.until_message(Accepted) == Accepted(5)
        assert world.runner.asked == [("start", "u1", "main")]
        await plane.desire(8, a_want("u2"), since=7)
        await plane.until_end()
        again = await world.plane()
        await again.welcome(observed=plane.numbers[-1])
        assert (again.hello.generation, [unit.unit_id for unit in again.hello.units]) == (5, ["u1"])
        await again.desire(8, a_want("u2"))
        await again.until_status("u2", "running")
        assert world.runner.asked[1:] == [
            ("terminate", "u1", "main"),
            ("remove", "u1", ""),
            ("start", "u2", "main"),
        ]

    in_world(body)


def test_the_plane_is_killed() -> None:
    """1. A unit runs. 2. The plane goes away. 3. The unit ends. 4. The next plane hears of it."""

    async def body(world: World) -> None:
        plane = await world.plane()
        await plane.welcome()
        await plane.desire(1, a_want("u1"), a_want("u2"))
        await plane.until_status("u1", "running")
        plane.close()
        again = await world.plane()
        world.runner.events.exited("u1", "main", 9, "", 77)
        await again.welcome(observed=plane.numbers[-1], epoch=2)
        await again.desire(2, a_want("u1"), a_want("u2"))
        assert (await again.until_status("u1", "stopped")).containers[0].exit_code == 9
        assert again.units["u2"].status == "running"
        assert world.runner.asked.count(("start", "u1", "main")) == 1

    in_world(body)


def test_a_lost_acknowledgement() -> None:
    """A report that the plane took but did not acknowledge is not numbered anew; the next one follows it."""

    async def body(world: World) -> None:
        plane = await world.plane()
        plane.acks = False
        await plane.welcome(observed=10)
        await plane.desire(1, a_want("u1"))
        await plane.until_status("u1", "running")
        assert plane.numbers == [11]
        plane.close()
        again = await world.plane()
        await again.welcome(observed=10)
        assert isinstance(message := await again.receive(), Observed)
        assert message.number == 11
        again.close()
        third = await world.plane()
        await third.welcome(observed=11)
        world.runner.events.exited("u1", "main", 0, "", 77)
        await third.until_status("u1", "stopped")
        assert third.numbers == [12]

    in_world(body)


def test_refused_and_older_planes() -> None:
    """A plane that refuses the node, and one of an older epoch, get no session; nothing is stopped."""

    async def body(world: World) -> None:
        plane = await world.plane()
        await plane.welcome(epoch=3)
        await plane.desire(1, a_want("u1"))
        await plane.until_status("u1", "running")
        await plane.send(Refused("another agent is this node now"))
        await plane.until_end()
        older = await world.plane()
        await older.welcome(epoch=2)
        await older.until_end()
        assert world.runner.asked == [("start", "u1", "main")]

    in_world(body)


def test_many_at_once() -> None:
    """500 units of one set are all started, in their order, and reported in few messages."""

    async def body(world: World) -> None:
        plane = await world.plane()
        await plane.welcome()
        await plane.desire(1, *(a_want(f"u{i}") for i in range(500)))
        await plane.until(lambda: sum(unit.status == "running" for unit in plane.units.values()) == 500)
        assert [unit_id for _, unit_id, _ in world.runner.asked] == [f"u{i}" for i in range(500)]
        assert len(plane.numbers) < 150

    in_world(body)


def test_shutdown() -> None:
    """The plane asks the node to end: units stop, the last reports come, nothing new is started."""

    async def body(world: World) -> None:
        plane = await world.plane()
        await plane.welcome()
        await plane.desire(1, a_want("u1"), a_want("u2"))
        await plane.until(lambda: len(plane.units) == 2)
        await plane.send(Shutdown())
        await asyncio.wait_for(world.told_to_end.wait(), 10)
        await world.agent.shut_down()
        await plane.desire(2, a_want("u3"), since=1)
        assert (await plane.until_status("u2", "stopped")).reason == "Host agent stopped"
        assert plane.units["u1"].status == "stopped"
        await world.agent.outbox.empty()
        assert "u3" not in {unit_id for _, unit_id, _ in world.runner.asked}

    in_world(body)


def test_no_functions_here() -> None:
    """Without a function host, function units and invokes are answered, with the reason."""

    async def body(world: World) -> None:
        plane = await world.plane()
        await plane.welcome()
        await plane.desire(1, Want(UnitSpec("f1", "function"), run=True))
        assert (await plane.until_status("f1", "stopped")).reason == "this node runs no functions"
        await plane.send(Invoke("r1", "f1", b"{}", 0, "arn"))
        result = await plane.until_message(InvokeResult)
        assert isinstance(result, InvokeResult) and not result.usable

    in_world(body)
