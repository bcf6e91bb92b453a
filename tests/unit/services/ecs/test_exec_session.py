"""An ExecuteCommand session in virtual time: patience, idleness, a node that is lost, bounds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

from windlass.aws import session_message
from windlass.aws.session_channel import Channel
from windlass.aws.session_message import INPUT, OUTPUT, PayloadType
from windlass.fleet.exec_messages import (
    EXEC_WINDOW_BYTES,
    ExecEnd,
    ExecEnded,
    ExecInput,
    ExecOutput,
    ExecRoom,
    ExecStart,
    ExecTaken,
    ExecToNode,
)
from windlass.kernel.chance import Chance
from windlass.kernel.clock import MINUTE, SECOND, LoopClock
from windlass.kernel.faults import Retry
from windlass.kernel.spawn import Spawn
from windlass.services.ecs import limits
from windlass.services.ecs.exec_session import ExecSession, Target
from windlass.sim.loop import VirtualLoop

TARGET = Target("s1", "n1", "u1", "app", ("sh",))


class World:
    """One session with a client that a test speaks for, and a node that notes what it hears."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.clock = LoopClock(loop, 1_700_000_000 * SECOND)
        self.crashes: list[str] = []
        self.spawn = Spawn(lambda name, error: self.crashes.append(f"{name}: {error!r}"))
        self.node: list[ExecToNode] = []
        self.connected = True
        ids = Chance(1).stream("ids")
        self.session = ExecSession(TARGET, self, self.clock, self.spawn, lambda: ids.randbytes(16))  # type: ignore[arg-type]
        self.channel = Channel(INPUT, OUTPUT, lambda: ids.randbytes(16))
        self.said: list[session_message.AgentMessage] = []
        self.closed: session_message.ChannelClosed | None = None
        self.is_closed = asyncio.Event()
        self.deaf = False
        self._to_plane: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def exec(self, node_id: str, message: ExecToNode) -> None:
        assert node_id == "n1"
        if not self.connected:
            raise Retry("node n1 is not connected")
        self.node.append(message)

    # exec_session.Connection

    async def receive(self) -> bytes | None:
        return await self._to_plane.get()

    async def send(self, raw: bytes) -> None:
        if self.deaf:
            return
        received = self.channel.receive(raw, self.clock.now())
        self.said += received.deliver
        for answer in received.answers:
            self._to_plane.put_nowait(answer)
        self.closed = received.closed or self.closed
        for message in received.deliver:
            if message.payload_type == PayloadType.HANDSHAKE_REQUEST:
                done = [{"ActionType": "SessionType", "ActionStatus": 1}]
                self.say(
                    PayloadType.HANDSHAKE_RESPONSE, {"ClientVersion": "1", "ProcessedClientActions": done}
                )

    async def close(self) -> None:
        self.is_closed.set()
        self._to_plane.put_nowait(None)

    def say(self, payload_type: PayloadType, payload: object) -> None:
        raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self._to_plane.put_nowait(self.channel.send(payload_type, raw, self.clock.now()))

    def leave(self) -> None:
        self._to_plane.put_nowait(None)

    async def passes(self, duration: int) -> None:
        await self.clock.sleep_until(self.clock.now() + duration)

    def output(self) -> bytes:
        return b"".join(m.payload for m in self.said if m.payload_type == PayloadType.OUTPUT)


def play(story: Callable[[World], Awaitable[None]], *, quiet: bool = False) -> None:
    async def main() -> None:
        world = World()
        serving = world.spawn.start("serve", world.session.serve(world, quiet=quiet))
        await story(world)
        await serving
        await world.spawn.close()
        assert not world.crashes

    VirtualLoop.make().run(main())


def test_from_the_handshake_to_the_exit_code() -> None:
    """The command starts with the terminal's size; output, input and the end pass."""

    async def story(world: World) -> None:
        world.say(PayloadType.SIZE, {"cols": 99, "rows": 33})
        await world.passes(SECOND)
        assert world.node == [ExecStart("s1", "u1", "app", ("sh",), 99, 33)]
        world.session.told(ExecOutput("s1", b"x" * 3_000))
        world.say(PayloadType.OUTPUT, b"ls\n")
        await world.passes(SECOND)
        assert world.output() == b"x" * 3_000
        assert sum(m.size for m in world.node if isinstance(m, ExecRoom)) == 3_000
        assert ExecInput("s1", b"ls\n") in world.node
        world.session.told(ExecEnded("s1", 7))
        await world.is_closed.wait()
        assert world.closed is not None
        assert (world.closed.exit_code, world.closed.output) == (7, "")
        assert ExecEnd("s1") not in world.node

    play(story)


def test_without_a_size_it_starts_all_the_same() -> None:
    async def story(world: World) -> None:
        await world.passes(SECOND)
        assert world.node == [ExecStart("s1", "u1", "app", ("sh",), 80, 24)]
        world.leave()
        await world.is_closed.wait()
        assert world.node[-1] == ExecEnd("s1")

    play(story)


def test_a_client_that_says_nothing() -> None:
    """It has fifteen seconds for the handshake."""

    async def story(world: World) -> None:
        world.deaf = True
        await world.passes(14 * SECOND)
        assert not world.is_closed.is_set()
        await world.passes(2 * SECOND)
        assert world.is_closed.is_set()
        assert world.node == []

    play(story)


def test_an_idle_session_ends() -> None:
    """After twenty minutes without input and output; either of them keeps it."""

    async def story(world: World) -> None:
        await world.passes(15 * MINUTE)
        world.session.told(ExecOutput("s1", b"x"))
        await world.passes(15 * MINUTE)
        world.say(PayloadType.OUTPUT, b"y")
        await world.passes(19 * MINUTE)
        assert not world.is_closed.is_set()
        await world.passes(2 * MINUTE)
        assert world.closed is not None
        assert "idle" in world.closed.output
        assert ExecEnd("s1") in world.node

    play(story)


def test_a_node_that_is_lost() -> None:
    """The client hears why, also when the node is not there in the first place."""

    async def lost(world: World) -> None:
        await world.passes(SECOND)
        world.session.end("The connection to the host of the task was lost.")
        await world.is_closed.wait()
        assert world.closed is not None
        assert "lost" in world.closed.output

    async def missing(world: World) -> None:
        world.connected = False
        await world.is_closed.wait()
        assert world.closed is not None
        assert world.closed.output == "node n1 is not connected"

    play(lost)
    play(missing)


def test_a_command_that_takes_no_input() -> None:
    """A window goes to the node, a bounded rest stays here, what is beyond is not acknowledged."""

    async def story(world: World) -> None:
        await world.passes(SECOND)
        said = 0
        for _ in range(1_000):
            while world.channel.has_room:
                world.say(PayloadType.OUTPUT, b"z" * 1_024)
                said += 1_024
            await world.passes(SECOND // 100)
        given = sum(len(m.data) for m in world.node if isinstance(m, ExecInput))
        assert given == EXEC_WINDOW_BYTES
        assert said <= EXEC_WINDOW_BYTES + limits.EXEC_INPUT_BYTES_MAX + 66 * 1_024
        world.session.told(ExecTaken("s1", EXEC_WINDOW_BYTES))
        await world.passes(SECOND)
        given = sum(len(m.data) for m in world.node if isinstance(m, ExecInput))
        assert given == 2 * EXEC_WINDOW_BYTES
        world.leave()
        await world.is_closed.wait()

    play(story)


def test_a_client_without_a_terminal() -> None:
    """It starts at once, and its input may end."""

    async def story(world: World) -> None:
        world.say(PayloadType.OUTPUT, b"in")
        world.say(PayloadType.FLAG, session_message.flag(session_message.END_OF_INPUT))
        await world.passes(SECOND)
        start, *rest = world.node
        assert isinstance(start, ExecStart)
        assert start.quiet
        assert rest == [ExecInput("s1", b"in"), ExecInput("s1", b"")]
        world.say(PayloadType.FLAG, session_message.flag(session_message.TERMINATE_SESSION))
        await world.passes(SECOND)
        assert world.node[-1] == ExecEnd("s1")
        world.session.told(ExecEnded("s1", 129))
        await world.is_closed.wait()

    play(story, quiet=True)
