"""Clients of a story: they ask through a proxy all the time, and note which requests nobody answered."""

from __future__ import annotations

import random
from collections.abc import Callable

from windlass.kernel.clock import MILLISECOND, SECOND, Duration, Instant
from windlass.sim.proxy import Answer, SimulatedProxy
from windlass.sim.world import World

LONGEST: Duration = 800 * MILLISECOND
"""No request works longer than that."""


class Clients:
    """Of one world. `close()` ends them before the story ends."""

    def __init__(self, world: World, proxy: SimulatedProxy) -> None:
        self.answered = 0
        self.lost: list[str] = []
        """Requests without an answer, in words."""
        self._world = world
        self._proxy = proxy
        self._excused_until: dict[str, Instant] = {}
        """By host; of all hosts by ""."""
        self._left: set[str] = set()
        """Hosts that nobody asks any more."""
        self._closed = False

    def excuse(self, duration: Duration, host: str = "") -> None:
        """What is asked or answered from now on, for so long, may be lost: of that host, or of all."""
        until = self._world.clock.now() + duration
        self._excused_until[host] = max(self._excused_until.get(host, 0), until)

    def excused(self) -> bool:
        """Whether what is asked now of whatever host may be lost."""
        return self._world.clock.now() < self._excused_until.get("", 0)

    def leave(self, host: str) -> None:
        """Nobody asks there any more."""
        self._left.add(host)

    def begin(
        self,
        host: str,
        chance: random.Random,
        pause: Duration,
        answers: tuple[int, ...] = (200,),
        look: Callable[[], None] = lambda: None,
        judge: Callable[[Answer], str] = lambda answer: "",
    ) -> None:
        """Ask that host, with pauses up to that; `look` is called with each question and each answer.

        `judge` says what is wrong with an answer, beside its status.
        """

        async def ask_always() -> None:
            while not self._closed and host not in self._left:
                await self._world.pass_time(chance.randrange(pause))
                work = chance.randrange(20 * MILLISECOND, LONGEST)
                self._world.begin(f"request to {host}", ask(work))

        async def ask(work: Duration) -> None:
            look()
            began = self._world.clock.now()
            answer = await self._proxy.request(host, "/", work)
            self.answered += 1
            look()
            wrong = judge(answer) or ("" if answer.status in answers else f"{answer.status} from {host}")
            if wrong and began >= max(self._excused_until.get(of, 0) for of in ("", host)):
                after = (began - self._world.clock.now() + self._world.elapsed) / SECOND
                self.lost.append(f"{wrong} after {after:.3f} s")

        self._world.begin(f"clients of {host}", ask_always())

    async def close(self) -> None:
        """No more requests; returns when all are answered that were made."""
        self._closed = True
        await self._world.pass_time(5 * SECOND)
