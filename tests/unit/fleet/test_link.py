from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from tests.fleet_build import Fleet, a_state, a_unit, in_fleet, settle
from windlass.fleet.messages import (
    Accepted,
    Ack,
    Beat,
    Credentials,
    CredentialsWanted,
    Desired,
    Invoke,
    InvokeResult,
    LogLines,
    LogTarget,
    Observed,
    Refused,
    Shutdown,
    Welcome,
)
from windlass.fleet.model import EPOCHS, NODES, UNITS
from windlass.fleet.session import BACK_OFF, INBOX_MESSAGES_MAX
from windlass.fleet.task_messages import Protection, ProtectionWanted, Usage, Used
from windlass.kernel.clock import SECOND, Instant, LoopClock
from windlass.kernel.durable import Change, MemoryLog
from windlass.kernel.faults import Fault, Retry

TARGET = LogTarget("123456789012", "eu-west-1", "group", "stream")


def an_invoke(request_id: str = "r1") -> Invoke:
    return Invoke(request_id, "u1", b"{}", 0, "arn")


def test_whole_set_then_differences() -> None:
    """After Hello everything is told; then only what changed since the accepted generation."""

    async def story(fleet: Fleet) -> None:
        peer = fleet.a_peer()
        await peer.hello()
        assert await peer.hear() == Welcome(1, 0, "http://plane", 15.0)
        first = await peer.hear()
        fleet.put(a_unit("u1"))
        assert isinstance(first, Desired) and (first.since, first.changed) == (-1, ())
        await peer.say(Accepted(first.generation))
        second = await peer.hear()
        assert isinstance(second, Desired) and second.since == first.generation
        assert [want.spec.unit_id for want in second.changed] == ["u1"]
        fleet.put(a_unit("u2"), a_unit("u3"))
        await settle()
        fleet.put(a_unit("u4"))
        fleet.delete("u1")
        await settle()
        await peer.say(Accepted(second.generation))
        third = await peer.hear()
        assert isinstance(third, Desired) and third.since == second.generation
        assert [want.spec.unit_id for want in third.changed] == ["u2", "u3", "u4"]
        assert third.gone == ("u1",)
        assert fleet.unit("u2").generation <= third.generation

    in_fleet(story)


@pytest.mark.parametrize(("node_id", "token"), [("n1", "wrong"), ("n1", ""), ("unknown", "a token")])
def test_refused(node_id: str, token: str) -> None:
    """A wrong token or an unknown node is refused, told why, and leaves an open session alone."""

    async def story(fleet: Fleet) -> None:
        good = fleet.a_peer()
        await good.hello()
        await settle()
        bad = fleet.a_peer()
        bad.node_id = node_id
        await bad.hello(token=token)
        answer = await bad.hear()
        assert isinstance(answer, Refused) and node_id in answer.why
        assert await bad.hear() is None
        assert fleet.links.connected() == ["n1"]

    in_fleet(story)


def test_first_message_is_hello() -> None:
    """Anything but Hello first, silence, or bytes that are no message: no session."""

    async def story(fleet: Fleet) -> None:
        early = fleet.a_peer()
        await early.say(Beat())
        assert isinstance(await early.hear(), Refused)
        silent = fleet.a_peer()
        assert await silent.hear() is None
        noise = fleet.a_peer()
        await noise.transport.send(b"\xc1")  # type: ignore[arg-type]
        assert await noise.hear() is None
        assert not fleet.links.connected()

    in_fleet(story)


def test_newer_session_ends_the_older() -> None:
    """An agent connects again before its old session was noticed to be dead: the newer one counts."""

    async def story(fleet: Fleet) -> None:
        old, new = fleet.a_peer(), fleet.a_peer()
        await old.hello()
        await settle()
        waiting = fleet.spawn.start("invoke", _outcome(fleet, an_invoke()))
        await settle()
        await new.hello()
        await settle()
        assert "newer session" in await waiting
        assert fleet.links.connected() == ["n1"]
        assert fleet.store[NODES].require("n1").connected

    in_fleet(story)


async def _outcome(fleet: Fleet, invoke: Invoke) -> str:
    try:
        return (await fleet.links.invoke("n1", invoke)).payload.decode()
    except Retry as error:
        return error.why


def test_silent_node_loses_its_session() -> None:
    """Beats keep a session open; silence for the lease ends it, and pending invokes hear Retry."""

    async def story(fleet: Fleet) -> None:
        peer = fleet.a_peer()
        await peer.hello()
        for _ in range(4):
            await settle(10)
            await peer.say(Beat())
        assert fleet.links.connected() == ["n1"]
        waiting = fleet.spawn.start("invoke", _outcome(fleet, an_invoke()))
        await settle(16)
        assert not fleet.links.connected()
        assert not fleet.store[NODES].require("n1").connected
        assert "nothing heard for 15 s" in await waiting

    in_fleet(story)


def test_doubled_report() -> None:
    """A report that is repeated after a reconnect counts once; Welcome says how far the plane is."""

    async def story(fleet: Fleet) -> None:
        peer = fleet.a_peer()
        await peer.hello()
        fleet.put(a_unit("u1"))
        await settle()
        await peer.say(Observed(1, (a_state("u1", "pending"),)))
        await peer.say(Observed(2, (a_state("u1", "running"),)))
        await settle()
        peer.transport.close()
        await settle()
        again = fleet.a_peer()
        await again.hello(a_state("u1", "running"))
        welcome = await again.hear()
        assert isinstance(welcome, Welcome) and welcome.observed == 2
        before = fleet.unit("u1")
        await again.say(Observed(1, (a_state("u1", "pending"),)))
        await settle()
        assert fleet.unit("u1") is before

    in_fleet(story)


def test_unit_that_the_agent_forgot() -> None:
    """An agent comes back without a unit that it had accepted: lost, with why, and never started again."""

    async def story(fleet: Fleet) -> None:
        node = fleet.a_node()
        end = fleet.connect(node)
        fleet.put(a_unit("u1"))
        await settle()
        end.close()
        await settle()
        node.forget()
        fleet.connect(node)
        await settle()
        assert (fleet.unit("u1").state, "came back without it" in fleet.unit("u1").why) == ("lost", True)
        assert not node.states
        fleet.put(a_unit("u2"))
        await settle()
        assert fleet.unit("u2").state == "running", "reports of the fresh agent count"

    in_fleet(story)


def test_unit_offered_but_not_accepted() -> None:
    """The session breaks between offer and acceptance: the unit is offered again, not lost."""

    async def story(fleet: Fleet) -> None:
        peer = fleet.a_peer()
        await peer.hello()
        await settle()
        assert isinstance(await peer.hear(), Welcome)
        empty = await peer.hear()
        assert isinstance(empty, Desired)
        await peer.say(Accepted(empty.generation))
        fleet.put(a_unit("u1"))
        await settle()
        assert fleet.unit("u1").state == "assigned"
        peer.transport.close()
        await settle()
        again = fleet.a_peer()
        await again.hello(generation=empty.generation)
        assert isinstance(await again.hear(), Welcome)
        whole = await again.hear()
        assert isinstance(whole, Desired) and [w.spec.unit_id for w in whole.changed] == ["u1"]
        assert fleet.unit("u1").state == "assigned"
        assert whole.generation > empty.generation

    in_fleet(story)


def test_ended_while_away() -> None:
    """A unit ends while no session is open; the Hello tells, and it is not started again."""

    async def story(fleet: Fleet) -> None:
        peer = fleet.a_peer()
        await peer.hello()
        fleet.put(a_unit("u1"))
        await settle()
        peer.transport.close()
        await settle()
        again = fleet.a_peer()
        await again.hello(a_state("u1", "stopped"), generation=99)
        await again.hear()
        whole = await again.hear()
        assert isinstance(whole, Desired) and [w.run for w in whole.changed] == [False]
        assert whole.generation == 100
        assert fleet.unit("u1").state == "stopped"

    in_fleet(story)


def test_strange_reports_change_nothing() -> None:
    """Reports on units without a row or of another node are acknowledged and ignored."""

    async def story(fleet: Fleet) -> None:
        peer = fleet.a_peer()
        await peer.hello()
        fleet.put(a_unit("theirs", state="running", node_id="n2"))
        await peer.say(Observed(1, (a_state("theirs", "stopped"), a_state("unknown", "running"))))
        await settle()
        assert fleet.unit("theirs").state == "running"
        assert len(fleet.store[UNITS]) == 1
        assert Ack(1) in [await peer.hear() for _ in range(3)]

    in_fleet(story)


def test_invoke_and_shut_down() -> None:
    """An invoke gets its own result, whatever order results come in; Shutdown reaches the node."""

    async def story(fleet: Fleet) -> None:
        peer = fleet.a_peer()
        await peer.hello()
        await settle()
        calls = [fleet.spawn.start("invoke", _outcome(fleet, an_invoke(f"r{i}"))) for i in range(3)]
        await settle()
        for i in (2, 0, 1, 7):
            await peer.say(InvokeResult(f"r{i}", "u1", f"result {i}".encode()))
        assert [await call for call in calls] == ["result 0", "result 1", "result 2"]
        await fleet.links.shut_down("n1")
        heard = [await peer.hear() for _ in range(6)]
        assert heard[-1] == Shutdown()
        with pytest.raises(Retry, match="not connected"):
            await fleet.links.invoke("n9", an_invoke())

    in_fleet(story)


def test_no_invoke_before_the_welcome() -> None:
    """An event that comes while the log still writes of a new session does not overtake its Welcome."""

    async def story() -> None:
        disk = _SlowDisk()
        fleet = Fleet(disk)
        peer = fleet.a_peer()
        disk.ready.clear()
        await peer.hello()
        for _ in range(1000):
            if not fleet.links.connected():
                await asyncio.sleep(0)
        call = fleet.spawn.start("invoke", _outcome(fleet, an_invoke()))
        await asyncio.sleep(0)
        disk.ready.set()
        heard = [await peer.hear() for _ in range(3)]
        assert isinstance(heard[0], Welcome) and an_invoke() in heard
        await peer.say(InvokeResult("r1", "u1", b"result"))
        assert await call == "result"
        await fleet.spawn.close()
        assert not fleet.crashes

    asyncio.run(story())


def test_cancelled_invoke_leaves_nothing() -> None:
    """The client of an invoke goes away: the late result is dropped and the id is free again."""

    async def story(fleet: Fleet) -> None:
        peer = fleet.a_peer()
        await peer.hello()
        await settle()
        call = fleet.spawn.start("invoke", _outcome(fleet, an_invoke()))
        await settle()
        call.cancel()
        await settle()
        await peer.say(InvokeResult("r1", "u1", b"late"))
        again = fleet.spawn.start("invoke", _outcome(fleet, an_invoke()))
        await settle()
        await peer.say(InvokeResult("r1", "u1", b"second"))
        assert await again == "second"

    in_fleet(story)


def test_credentials_go_when_they_are_durable() -> None:
    """A node asks for a task's credentials: made for that node, sent after what was written for them."""

    async def story(fleet: Fleet) -> None:
        asked: list[tuple[str, str]] = []

        def source(node_id: str, unit_id: str) -> Credentials:
            asked.append((node_id, unit_id))
            return Credentials(unit_id, "arn:r", "ASIA", "secret", "token", 7)

        peer = fleet.a_peer()
        await peer.hello()
        heard = [await peer.hear(), await peer.hear()]
        await peer.say(CredentialsWanted("u0"))
        answers = [await peer.hear()]
        fleet.links.on_credentials_wanted(source)
        await peer.say(CredentialsWanted("u1"))
        answers.append(await peer.hear())
        assert [type(message) for message in heard] == [Welcome, Desired]
        assert answers == [
            Credentials("u0", why="this plane gives no credentials"),
            Credentials("u1", "arn:r", "ASIA", "secret", "token", 7),
        ]
        assert asked == [("n1", "u1")]
        assert "secret" not in repr(answers)

    in_fleet(story)


def test_protection_is_answered_when_it_is_durable() -> None:
    """A task's question goes to whoever answers, with the node that asks; without one the task is missing."""

    async def story(fleet: Fleet) -> None:
        peer = fleet.a_peer()
        await peer.hello()
        heard = [await peer.hear(), await peer.hear()]
        await peer.say(ProtectionWanted(1, "u1"))
        answers = [await peer.hear()]
        fleet.links.on_protection_wanted(
            lambda node_id, wanted: Protection(wanted.number, message=f"{node_id} {wanted.unit_id}")
        )
        await peer.say(ProtectionWanted(2, "u1", True))
        answers.append(await peer.hear())
        assert [type(message) for message in heard] == [Welcome, Desired]
        assert answers == [Protection(1, failure="MISSING"), Protection(2, message="n1 u1")]

    in_fleet(story)


def test_usage_is_known_while_the_session_lasts() -> None:
    """The last that a node told counts, whole; of a node that is gone nothing is known."""

    async def story(fleet: Fleet) -> None:
        peer = fleet.a_peer()
        await peer.hello()
        await peer.say(Usage((Used("u1", 7.5, 12.0), Used("u2", 0, 1))))
        await settle()
        assert fleet.links.usage()["u1"] == Used("u1", 7.5, 12.0)
        await peer.say(Usage((Used("u2", 1, 1),)))
        await settle()
        assert dict(fleet.links.usage()) == {"u2": Used("u2", 1, 1)}
        peer.transport.close()
        await settle()
        assert dict(fleet.links.usage()) == {}

    in_fleet(story)


def test_log_lines_in_order_and_once() -> None:
    """Lines go to the sink in order, are acknowledged, and are not written twice when they come again."""

    async def story(fleet: Fleet) -> None:
        taken: list[str] = []

        async def sink(target: LogTarget, lines: tuple[tuple[int, str], ...]) -> None:
            if target.group == "deleted":
                raise Fault("ResourceNotFoundException", "The specified log group does not exist.")
            await asyncio.sleep(0)
            taken.extend(line for _, line in lines)

        fleet.links.on_log_lines(sink)
        peer = fleet.a_peer()
        await peer.hello()
        gone = LogTarget("123456789012", "eu-west-1", "deleted", "stream")
        for number, target in enumerate((TARGET, TARGET, gone, TARGET), 1):
            await peer.say(LogLines(number, target, ((0, f"line {number}"),)))
        await peer.say(LogLines(2, TARGET, ((0, "line 2"),)))
        await settle()
        assert taken == ["line 1", "line 2", "line 4"]
        assert [entry.what for entry in fleet.journal.since(0)].count("lines dropped") == 1
        assert fleet.store[NODES].require("n1").observed_number == 4

    in_fleet(story)


def test_log_that_takes_no_writes() -> None:
    """While the log takes no writes nothing is acknowledged; afterwards the same message is taken in."""

    async def story(fleet: Fleet) -> None:
        peer = fleet.a_peer()
        await peer.hello()
        fleet.put(a_unit("u1"))
        await settle()
        for _ in range(2):
            await peer.hear()
        fleet.log.failure = "disk full"
        await peer.say(Observed(1, (a_state("u1", "running"),)))
        await settle(3)
        assert fleet.store[NODES].require("n1").observed_number == 0
        fleet.log.failure = None
        await settle(3)
        assert fleet.unit("u1").state == "running"
        assert await peer.hear() == Ack(1)

    in_fleet(story)


def test_node_that_reports_faster_than_the_log_takes() -> None:
    """A full inbox stops listening; a newer session of the node still ends that one, and leaves nothing."""

    async def story(fleet: Fleet) -> None:
        peer = fleet.a_peer()
        await peer.hello()
        await settle()
        fleet.log.failure = "disk full"
        for number in range(INBOX_MESSAGES_MAX + 5):
            await peer.say(Observed(number + 1, ()))
        await settle(BACK_OFF / SECOND / 2)
        newer = fleet.a_peer_of_known("n1")
        fleet.log.failure = None
        await newer.hello()
        await settle()
        assert [name for name in fleet.spawn.names() if name == "session"] == ["session"]
        assert fleet.links.connected() == ["n1"]

    in_fleet(story)


class _HastyClock(LoopClock):
    """Backs off for no time at all."""

    async def sleep_until(self, at: Instant) -> None:
        await asyncio.sleep(0)


class _FullDisk(MemoryLog):
    """Fails in the writer thread, as a full disk does: what was committed is undone."""

    threaded = True
    full = False

    def write(self, writes: Sequence[Change]) -> None:
        if self.full:
            raise OSError("no space left")


class _SlowDisk(MemoryLog):
    """Writes in a thread, when it is ready."""

    threaded = True

    def __init__(self) -> None:
        super().__init__()
        self.ready = threading.Event()
        self.ready.set()

    def write(self, writes: Sequence[Change]) -> None:
        self.ready.wait(30)
        super().write(writes)


def test_report_that_was_undone() -> None:
    """The disk fills while a report is written: undone, not acknowledged, and taken in when there is room."""

    async def story() -> None:
        disk = _FullDisk()
        fleet = Fleet(disk, _HastyClock(asyncio.get_running_loop(), 0))
        peer = fleet.a_peer()
        await peer.hello()
        fleet.put(a_unit("u1"))
        heard = [await peer.hear(), await peer.hear()]
        assert isinstance(heard[1], Desired)
        await peer.say(Accepted(heard[1].generation))
        if not heard[1].changed:
            await peer.hear()
        refused = asyncio.Event()
        fleet.journal.follow(lambda entry: refused.set() if entry.what == "retry" else None)
        disk.full = True
        await peer.say(Observed(1, (a_state("u1", "running"),)))
        await refused.wait()
        assert fleet.unit("u1").state == "assigned"
        disk.full = False
        assert await fleet.log.probe()
        assert await peer.hear() == Ack(1)
        assert fleet.unit("u1").state == "running"
        await fleet.spawn.close()
        assert not fleet.crashes

    asyncio.run(story())


def test_epoch_rises() -> None:
    """Each start of a plane on one log has a higher epoch, and no node counts as connected."""

    async def story(fleet: Fleet) -> None:
        peer = fleet.a_peer()
        await peer.hello()
        await settle()
        fleet.links.start()
        assert fleet.store[EPOCHS].require("plane").number == 2
        assert not fleet.store[NODES].by("connected", True)

    in_fleet(story)
