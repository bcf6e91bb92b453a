"""Sessions with nodes. Knows sessions and messages; transports carry them (design D13).

Opening a session: the agent says Hello with its secret, the plane answers Welcome or Refused, and from there
on session.py. One session a node: a newer one of the same process ends the older; another process with the
node's name waits until that has ended. Known gap: the lease is one number for all nodes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Protocol, TypeAlias

from windlass.fleet import intake
from windlass.fleet.chunks import Chunks
from windlass.fleet.exec_messages import ExecToNode
from windlass.fleet.frames import BadFrame, Transport
from windlass.fleet.function_messages import Prepare, Prepared
from windlass.fleet.messages import (
    Credentials,
    FromNode,
    Hello,
    Invoke,
    InvokeResult,
    LogTarget,
    Refused,
    SecurityGroups,
    Shutdown,
    Welcome,
)
from windlass.fleet.networks import PoolCounts
from windlass.fleet.session import (
    CredentialSource,
    ExecTold,
    GroupSource,
    LogSink,
    ProtectionSource,
    Serves,
    Session,
)
from windlass.fleet.task_messages import Protection, ProtectionWanted, Used
from windlass.kernel.clock import SECOND, Clock, Duration
from windlass.kernel.faults import Bug, Fault, Retry
from windlass.kernel.journal import Journal
from windlass.kernel.spawn import Spawn
from windlass.kernel.store import Store

LEASE: Duration = 15 * SECOND
"""A node that is silent for longer has lost its session; agents beat three times as often."""
HELLO_WITHIN: Duration = 10 * SECOND
"""A connection that has not said Hello by then is closed."""

Part: TypeAlias = Callable[[], Awaitable[None]]
"""One of the things that a session does for ever."""


class Links(Protocol):
    """What services may ask of node sessions: what cannot be a row."""

    async def invoke(self, node_id: str, invoke: Invoke, chunks: Chunks | None = None) -> InvokeResult:
        """Hand one event to an environment and wait for its result; a streamed response goes into `chunks`.

        Raises Retry when the node's session is lost before the result came.
        """

    async def prepare(self, node_id: str, question: Prepare) -> Prepared:
        """Have the node get ready for a function's environments; raises Retry as `invoke` does."""

    def dismiss(self, node_id: str, why: str) -> None:
        """End the node's session and tell it why, once what was decided about it is durable."""

    def on_groups_wanted(self, source: GroupSource) -> None:
        """Have the security groups of nodes said there; the EC2 service registers itself."""

    def offer_groups(self, node_id: str, *, at_once: bool = False) -> None:
        """Tell the node its security groups soon, if they have changed; `at_once`: it waits for one."""

    def connected(self) -> list[str]:
        """Ids of the nodes that have a session."""

    async def exec(self, node_id: str, message: ExecToNode) -> None:
        """Tell the node about a command in a container. Raises Retry without a session."""

    def on_exec(self, told: ExecTold, lost: Callable[[str], None]) -> None:
        """Have what nodes say of such commands told there, and nodes whose session ended."""

    def pools(self) -> Mapping[str, PoolCounts]:
        """What the nodes that have a session said of their pools of sandboxes."""

    def usage(self) -> Mapping[str, Used]:
        """What the nodes that have a session said last of what their tasks use, by unit id."""


class NodeLinks:
    """All sessions of a plane. `start()` comes before the first `serve()`."""

    def __init__(
        self,
        store: Store,
        journal: Journal,
        spawn: Spawn,
        *,
        clock: Clock,
        endpoint: str,
        make_secret: Callable[[], str],
        lease: Duration = LEASE,
        pool_size: int = 8,
        usage_s: float = 60.0,
    ) -> None:
        self._store = store
        self._journal = journal
        self._spawn = spawn
        self._clock = clock
        self._make_secret = make_secret
        self._lease = lease
        self._pool_size = pool_size
        self._usage_s = usage_s
        self._sessions: dict[str, Session] = {}
        self._parts: dict[Session, list[asyncio.Task[None]]] = {}
        self._log_sink: LogSink = _no_logs
        self._credentials: CredentialSource = _no_credentials
        self._protection: ProtectionSource = _no_protection
        self._group_source: GroupSource = _no_groups
        self._exec_told: ExecTold = lambda told: None
        self._exec_lost: Callable[[str], None] = lambda node_id: None
        self._epoch = 0
        self.endpoint = endpoint
        """Base URL that tasks and functions reach the plane by; may be set until the first session opens."""

    def start(self) -> None:
        """A new epoch begins: no session of an earlier start counts any more. Needs a running loop."""
        self._epoch = intake.raise_epoch(self._store, self._clock.now())

    def on_log_lines(self, sink: LogSink) -> None:
        """Send the output of tasks and functions there; the logs service registers itself."""
        self._log_sink = sink

    def on_credentials_wanted(self, source: CredentialSource) -> None:
        """Have the credentials of tasks' roles made there; the ECS service registers itself."""
        self._credentials = source

    def on_protection_wanted(self, source: ProtectionSource) -> None:
        """Have tasks' questions of scale-in protection answered there."""
        self._protection = source

    def on_groups_wanted(self, source: GroupSource) -> None:
        self._group_source = source

    def offer_groups(self, node_id: str, *, at_once: bool = False) -> None:
        session = self._sessions.get(node_id)
        if session is not None:
            session.offer_groups(at_once=at_once)

    def pools(self) -> Mapping[str, PoolCounts]:
        return {node_id: session.pool for node_id, session in self._sessions.items()}

    def usage(self) -> Mapping[str, Used]:
        return {id: used for session in self._sessions.values() for id, used in session.usage.items()}

    def connected(self) -> list[str]:
        """Ids of the nodes that have a session."""
        return sorted(self._sessions)

    def held(self, node_id: str) -> Mapping[str, bool] | None:
        """What the node was told: unit id → whether to run it. None without a session."""
        session = self._sessions.get(node_id)
        return None if session is None else session.held

    def offer(self, node_id: str, unit_ids: Iterable[str]) -> None:
        """Tell the node soon; without a session it hears everything when it has one again."""
        session = self._sessions.get(node_id)
        if session is not None:
            session.offer(unit_ids)

    async def invoke(self, node_id: str, invoke: Invoke, chunks: Chunks | None = None) -> InvokeResult:
        session = self._sessions.get(node_id)
        if session is None:
            raise Retry(f"node {node_id} is not connected")
        return await session.invoke(invoke, chunks)

    async def prepare(self, node_id: str, question: Prepare) -> Prepared:
        session = self._sessions.get(node_id)
        if session is None:
            raise Retry(f"node {node_id} is not connected")
        return await session.prepare(question)

    def on_exec(self, told: ExecTold, lost: Callable[[str], None]) -> None:
        self._exec_told, self._exec_lost = told, lost

    async def exec(self, node_id: str, message: ExecToNode) -> None:
        session = self._sessions.get(node_id)
        if session is None:
            raise Retry(f"node {node_id} is not connected")
        try:
            await session.send_now(message)
        except ConnectionError as error:
            raise Retry(f"the session with node {node_id} broke") from error

    async def shut_down(self, node_id: str) -> None:
        """Have the node stop all its units and end: only an embedded agent of a plane that ends cleanly."""
        session = self._sessions.get(node_id)
        if session is not None:
            await session.send(Shutdown())

    def check_secret(self, node_id: str, secret: str) -> None:
        """For doors that strangers can knock at. Raises intake.NodeRefused."""
        intake.check_secret(self._store, node_id, secret)

    def dismiss(self, node_id: str, why: str) -> None:
        session = self._sessions.get(node_id)
        if session is not None:
            self._spawn.start(f"dismiss {node_id}", self._dismiss(session, why))

    async def _dismiss(self, session: Session, why: str) -> None:
        try:
            await session.send(Refused(why))
        except (ConnectionError, Retry) as error:
            why = f"{why} ({error})"
        self._end(session, why)

    async def serve(self, transport: Transport[FromNode]) -> None:
        """One session, from Hello to its end, whichever side ends it."""
        if not self._epoch:
            raise Bug("sessions are served before the links were started")
        try:
            session = await self._open(transport)
        except (ConnectionError, BadFrame, Retry) as error:
            self._journal.note("fleet", "link", "no session", str(error))
            session = None
        if session is None:
            transport.close()
            return
        why = "the plane is closing"
        try:
            why = await session.listen(self._lease)
        except (ConnectionError, BadFrame) as error:
            why = str(error)
        finally:
            self._end(session, why)

    async def _open(self, transport: Transport[FromNode]) -> Session | None:
        """Greet the agent. None when it was refused or said nothing."""
        try:
            async with asyncio.timeout(HELLO_WITHIN / SECOND):
                first = await transport.receive()
        except TimeoutError:
            return None
        if first is None:
            return None
        try:
            hello = self._hello(first)
            node = intake.take_hello(self._store, hello)
        except intake.NodeRefused as refused:
            self._journal.note("fleet", "link", "refused", str(refused))
            await transport.send(Refused(str(refused)))
            return None
        if node.id in self._sessions:
            self._end(self._sessions[node.id], "the node opened a newer session", connected=True)
        serves = Serves(
            log_sink=lambda: self._log_sink,
            credentials=lambda: self._credentials,
            protection=lambda: self._protection,
            exec_told=lambda: self._exec_told,
            make_secret=self._make_secret,
            groups=lambda: self._group_source,
        )
        session = Session(node.id, hello.run, transport, self._store, self._clock, self._journal, serves)
        self._sessions[node.id] = session
        try:
            await session.greet(
                Welcome(
                    self._epoch,
                    node.observed_number,
                    self.endpoint,
                    self._lease / SECOND,
                    self._pool_size,
                    self._usage_s,
                )
            )
        except BaseException:
            self._end(session, "it could not be greeted")
            raise
        self._parts[session] = [
            self._start(session, "offers", session.offer_always),
            self._start(session, "reports", session.take_in_always),
            self._start(session, "groups", session.groups_always),
        ]
        if node.renewed:
            self._parts[session].append(self._start(session, "secrets", session.renew_always))
        self._journal.note("fleet", node.id, "connected")
        return session

    def _hello(self, hello: FromNode) -> Hello:
        """What the agent says first. Raises NodeRefused while another process has the node's session: an

        agent that is merely back has the run of that session, or the session has ended with its lease.
        """
        if not isinstance(hello, Hello):
            raise intake.NodeRefused("the first message is not Hello")
        intake.check_secret(self._store, hello.node_id, hello.token)
        open_session = self._sessions.get(hello.node_id)
        if open_session is not None and open_session.run != hello.run:
            raise intake.NodeRefused(f"another agent is connected as node {hello.node_id!r}")
        return hello

    def _start(self, session: Session, part: str, work: Part) -> asyncio.Task[None]:
        return self._spawn.start(f"node {session.node_id} {part}", _to_break(session, work))

    def _end(self, session: Session, why: str, *, connected: bool = False) -> None:
        """Forget the session; `connected`: a newer one takes its place."""
        session.close(why)
        self._exec_lost(session.node_id)
        for task in self._parts.pop(session, ()):
            task.cancel()
        if self._sessions.get(session.node_id) is not session:
            return
        del self._sessions[session.node_id]
        self._journal.note("fleet", session.node_id, "session ended", why)
        if connected:
            return
        try:
            intake.take_disconnect(self._store, session.node_id, self._clock.now())
        except Retry as error:  # placement may choose it meanwhile, and offers when it is back
            self._journal.note("fleet", session.node_id, "retry", error.why)


async def _to_break(session: Session, work: Part) -> None:
    """Work on a session until its connection breaks, which ends the session."""
    try:
        await work()
    except ConnectionError as error:
        session.close(str(error))


async def _no_logs(target: LogTarget, lines: tuple[tuple[int, str], ...]) -> None:
    raise Fault("ServiceUnavailable", "this plane has no logs service")


def _no_credentials(node_id: str, unit_id: str) -> Credentials:
    return Credentials(unit_id, why="this plane gives no credentials")


def _no_protection(node_id: str, wanted: ProtectionWanted) -> Protection:
    return Protection(wanted.number, failure="MISSING")


def _no_groups(node_id: str) -> SecurityGroups:
    return SecurityGroups(())
