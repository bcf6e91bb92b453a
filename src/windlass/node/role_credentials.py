"""Credentials of tasks' roles, as an agent has them: asked of the plane when a task asks, kept until old.

Kept in memory only, and never logged. While the plane is away, what is kept is good until it expires; a task
that asks for the first time then hears that there are none yet. See docs/decisions/0012. Knows the messages
of the link; neither HTTP nor sessions.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from windlass.fleet.messages import Credentials, CredentialsWanted
from windlass.kernel.clock import HOUR, Clock, Duration, Instant

RENEW_BEFORE: Duration = HOUR
"""Credentials with less time left are renewed: SDKs begin to ask for new ones fifteen minutes ahead."""
ANSWER_WITHIN_S = 1.5
"""How long a task waits for the plane; botocore waits two seconds and tries three times."""

Answer: TypeAlias = Callable[[Credentials | None], None]
"""Takes good credentials, or None: there are none now."""

log = logging.getLogger("windlass.agent")


@dataclass(slots=True)
class _Waiting:
    """Who waits for one unit's credentials."""

    timer: asyncio.TimerHandle
    answers: list[Answer] = field(default_factory=list)


class RoleCredentials:
    """`get` is for those who show credentials to their task, `take` for what the plane sends."""

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Clock) -> None:
        self._loop = loop
        self._clock = clock
        self._ask: Callable[[CredentialsWanted], bool] = lambda wanted: False
        self._kept: dict[str, Credentials] = {}
        self._asked: set[str] = set()
        """Units whose answer is welcome, however late: whoever asked first may ask again."""
        self._waiting: dict[str, _Waiting] = {}

    def ask_with(self, ask: Callable[[CredentialsWanted], bool]) -> None:
        """Send questions so; False means that there is no session now."""
        self._ask = ask

    def get(self, unit_id: str, answer: Answer) -> None:
        """Call `answer` once: at once, or when the plane has answered, or when that took too long."""
        kept = self._kept.get(unit_id)
        if kept is not None and is_fresh(kept, self._clock.now()):
            answer(kept)
        elif (waiting := self._waiting.get(unit_id)) is not None:
            waiting.answers.append(answer)
        elif self._ask(CredentialsWanted(unit_id)):
            self._asked.add(unit_id)
            timer = self._loop.call_later(ANSWER_WITHIN_S, self._answer, unit_id)
            self._waiting[unit_id] = _Waiting(timer, [answer])
        else:
            answer(self._good(unit_id))

    def take(self, credentials: Credentials) -> None:
        """The plane's answer."""
        if credentials.why:
            log.warning("no credentials for task %s: %s", credentials.unit_id, credentials.why)
        elif credentials.unit_id in self._asked:
            self._kept[credentials.unit_id] = credentials
        self._asked.discard(credentials.unit_id)
        self._answer(credentials.unit_id)

    def forget(self, unit_id: str) -> None:
        """The unit has stopped."""
        self._kept.pop(unit_id, None)
        self._asked.discard(unit_id)
        self._answer(unit_id)

    def close(self) -> None:
        for waiting in self._waiting.values():
            waiting.timer.cancel()
        self._waiting.clear()

    def _answer(self, unit_id: str) -> None:
        waiting = self._waiting.pop(unit_id, None)
        if waiting is not None:
            waiting.timer.cancel()
            for answer in waiting.answers:
                answer(self._good(unit_id))

    def _good(self, unit_id: str) -> Credentials | None:
        kept = self._kept.get(unit_id)
        return kept if kept is not None and kept.expires_at > self._clock.now() else None


def is_fresh(credentials: Credentials, now: Instant) -> bool:
    """Whether they are good for long enough to be handed out without asking for new ones."""
    return credentials.expires_at - now > RENEW_BEFORE
