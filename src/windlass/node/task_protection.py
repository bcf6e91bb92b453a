"""Scale-in protection, as an agent has it: each question of a task is asked of the plane, and nothing kept.

Knows the messages of the link; neither HTTP nor sessions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from windlass.fleet.task_messages import Protection, ProtectionWanted

ANSWER_WITHIN_S = 4.0
"""How long a task waits; the ECS agent gives ECS as long (agent/handlers/task_server_setup.go)."""
TIMED_OUT = ("RequestCanceled", "Timed out calling ECS Task Protection API")
NOT_SENT = ("RequestError", "send request failed")
"""What the ECS agent says, through the SDK that it asks with."""

Answer: TypeAlias = Callable[[Protection], None]


class TaskProtection:
    """`ask` is for those who answer the task, `take` for what the plane sends."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._send: Callable[[ProtectionWanted], bool] = lambda wanted: False
        self._asked = 0
        self._waiting: dict[int, tuple[Answer, asyncio.TimerHandle]] = {}

    def ask_with(self, send: Callable[[ProtectionWanted], bool]) -> None:
        """Send questions so; False means that there is no session now."""
        self._send = send

    def ask(self, unit_id: str, enabled: bool | None, minutes: int | None, answer: Answer) -> None:
        """Call `answer` once: when the plane has answered, or when it cannot, or when that took too long."""
        self._asked += 1
        number = self._asked
        if not self._send(ProtectionWanted(number, unit_id, enabled, minutes)):
            answer(_error(number, NOT_SENT))
            return
        timed_out = partial(self.take, _error(number, TIMED_OUT))
        self._waiting[number] = (answer, self._loop.call_later(ANSWER_WITHIN_S, timed_out))

    def take(self, protection: Protection) -> None:
        """The plane's answer; one that nobody waits for any more is dropped."""
        waiting = self._waiting.pop(protection.number, None)
        if waiting is not None:
            answer, timer = waiting
            timer.cancel()
            answer(protection)

    def close(self) -> None:
        for _, timer in self._waiting.values():
            timer.cancel()
        self._waiting.clear()


def _error(number: int, error: tuple[str, str]) -> Protection:
    return Protection(number, code=error[0], message=error[1])
