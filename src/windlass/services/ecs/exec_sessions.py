"""All ExecuteCommand sessions of a plane: made by the handler, opened by a client with the session's token.

In memory only: a plane that starts again knows none, and its nodes have ended their commands. A token is good
once, for its session, and for limits.EXEC_TOKEN_VALID.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from dataclasses import dataclass

from windlass.aws.session_message import BadMessage, read_open
from windlass.fleet.exec_messages import ExecToPlane
from windlass.kernel.clock import SECOND, Duration, Instant
from windlass.services.ecs import limits
from windlass.services.ecs.exec_session import Connection, ExecSession, Target
from windlass.services.plane import Plane

OPEN_WITHIN: Duration = 10 * SECOND
"""A connection that has not shown its token by then is closed: our choice."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A session whose client has not come yet."""

    target: Target
    digest: bytes
    expires_at: Instant


class ExecSessions:
    """A part: `create` for handlers, `serve` for the front."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._waiting: dict[str, _Waiting] = {}
        self._open: dict[str, ExecSession] = {}
        plane.links.on_exec(self._told, self._lost)

    def reaches(self, node_id: str) -> bool:
        """Whether that node has a session with this plane."""
        return node_id in self._plane.links.connected()

    def create(self, target: Target) -> str | None:
        """The token of a new session; None when its container has as many as it may have."""
        now = self._plane.clock.now()
        self._waiting = {id: found for id, found in self._waiting.items() if now < found.expires_at}
        targets = [one.target for one in self._waiting.values()] + [one.target for one in self._open.values()]
        place = (target.unit_id, target.container)
        if sum((one.unit_id, one.container) == place for one in targets) >= limits.EXEC_SESSIONS_MAX:
            return None
        token = self._plane.chance.token()
        digest = hashlib.sha256(token.encode()).digest()
        self._waiting[target.session_id] = _Waiting(target, digest, now + limits.EXEC_TOKEN_VALID)
        return token

    async def serve(self, session_id: str, connection: Connection) -> None:
        """One client's connection, from its first message to its end."""
        found = await self._admitted(session_id, connection)
        if found is None:
            await connection.close()
            return
        target, quiet = found
        plane = self._plane
        ids = plane.chance.stream("ecs.exec")
        session = ExecSession(target, plane.links, plane.clock, plane.spawn, lambda: ids.randbytes(16))
        self._open[session_id] = session
        plane.journal.note("ecs", target.unit_id, "exec", f"{target.container}: {' '.join(target.command)}")
        try:
            await session.serve(connection, quiet=quiet)
        finally:
            del self._open[session_id]

    async def _admitted(self, session_id: str, connection: Connection) -> tuple[Target, bool] | None:
        """The session that the client's first message opens, which nobody can open again."""
        try:
            async with asyncio.timeout(OPEN_WITHIN / SECOND):
                said = await connection.receive()
            opening = read_open(said or "")
        except (TimeoutError, BadMessage, OSError):
            return None
        found = self._waiting.get(session_id)
        digest = hashlib.sha256(opening.token_value.encode()).digest()
        if found is None or not hmac.compare_digest(found.digest, digest):
            return None
        del self._waiting[session_id]
        if self._plane.clock.now() >= found.expires_at:
            return None
        return found.target, opening.quiet

    def _told(self, message: ExecToPlane) -> None:
        session = self._open.get(message.exec_id)
        if session is not None:
            session.told(message)

    def _lost(self, node_id: str) -> None:
        for session in self._open.values():
            if session.target.node_id == node_id:
                session.end("The connection to the host of the task was lost.")
