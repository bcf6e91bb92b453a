"""All that tasks ask the plane through their agent, in one place: what a session feeds and an end closes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from windlass.fleet.messages import CredentialsWanted
from windlass.fleet.task_messages import ProtectionWanted
from windlass.kernel.clock import Clock
from windlass.node.role_credentials import RoleCredentials
from windlass.node.task_protection import TaskProtection


class TaskQuestions:
    """One per agent."""

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Clock) -> None:
        self.credentials = RoleCredentials(loop, clock)
        self.protection = TaskProtection(loop)

    def ask_with(self, ask: Callable[[CredentialsWanted | ProtectionWanted], bool]) -> None:
        """Send questions so; False means that there is no session now."""
        self.credentials.ask_with(ask)
        self.protection.ask_with(ask)

    def close(self) -> None:
        self.credentials.close()
        self.protection.close()
