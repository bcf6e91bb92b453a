"""asyncio on virtual time: the same coroutines as on the real loop, but time jumps to the next timer.

Time is an integer of nanoseconds that starts at zero; nothing is ever waited for. Timers of one instant run
in the order they were set, or, with a seed, in a shuffled order, which finds code that relies on the former.
When nothing is ready and no timer is set, nothing can ever happen again: Deadlock. Threads, processes,
sockets and signals would bring real time in, so they raise. See docs/decisions/0003-virtual-time-loop.md.
"""

from __future__ import annotations

import asyncio
import heapq
import random
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, NoReturn, TypeVar, TypeVarTuple
from weakref import WeakKeyDictionary

from windlass.kernel.clock import SECOND, Duration, Instant, LoopClock

JUMPS_MAX = 100_000
"""Jumps to one and the same instant, after which nothing else is to be expected."""
TIMERS_KEPT = 1_000
"""Cancelled timers that are not worth a sweep."""

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Deadlock(Exception):
    """The world waits for itself: nothing is ready and no timer is set."""


class Livelock(Exception):
    """The world goes round and round at one instant."""


class Forbidden(RuntimeError):
    """The world touched real time: a thread, a socket, a process or a signal."""


class VirtualLoop(asyncio.AbstractEventLoop):
    """Make one with `VirtualLoop.make()`, run one world with `run(main)`; use each loop once."""

    def __init__(self, shuffle: int | None = None) -> None:
        self.elapsed: Duration = 0
        """Virtual nanoseconds since the loop was made."""
        self.on_jump: Callable[[], None] | None = None
        """Called when all that happens at one instant has happened, before time moves on."""
        self._ready: deque[asyncio.Handle] = deque()
        self._timers: list[tuple[int, float, int, asyncio.TimerHandle]] = []
        self._count = 0
        self.rung = 0
        """Timers that rang so far."""
        self._ties = None if shuffle is None else random.Random(shuffle)
        self._tasks: WeakKeyDictionary[asyncio.Task[Any], None] = WeakKeyDictionary()  # oldest first
        self._cancelled = 0
        self._still = 0
        """Jumps that led nowhere, one after the other."""
        self._crash: BaseException | None = None
        self._closed = False
        self._running = False

    @classmethod
    def make(cls, shuffle: int | None = None) -> VirtualLoop:
        """A loop at time zero.

        `shuffle` is a seed for the order in which timers of one instant run; None keeps that of setting.
        """
        return cls(shuffle)  # not abstract: what asyncio declares and we lack is forbidden below

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run the world until `main` ends; what is left over is cancelled, and the loop is closed."""
        try:
            result: T = self.run_until_complete(main)
            return result
        finally:
            self._cancel_all()
            self.close()

    # time

    def time(self) -> float:
        return self.elapsed / SECOND

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_later(
        self,
        delay: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        return self._set(self.elapsed + max(0, round(delay * SECOND)), callback, args, context)

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        return self._set(max(self.elapsed, round(when * SECOND)), callback, args, context)

    def _set(
        self, at: int, callback: Callable[..., object], args: tuple[Any, ...], context: Context | None
    ) -> asyncio.TimerHandle:
        timer = asyncio.TimerHandle(at / SECOND, callback, args, self, context)
        self._count += 1
        tie = self._ties.random() if self._ties is not None else 0.0
        heapq.heappush(self._timers, (at, tie, self._count, timer))
        return timer

    def shuffle(self, due: list[Any]) -> None:
        """Put what is due at one instant into the order in which timers of it would run."""
        if self._ties is not None:
            self._ties.shuffle(due)

    # running

    def run_until_complete(self, future: Any) -> Any:
        if self._closed or self._running or events._get_running_loop() is not None:
            raise RuntimeError("the loop is closed, or another one is running")
        self._running = True
        events._set_running_loop(self)
        try:
            main = asyncio.ensure_future(future, loop=self)
            self._run_until(main)
        finally:
            events._set_running_loop(None)
            self._running = False
        return main.result()

    def _run_until(self, main: asyncio.Future[Any]) -> None:
        while not main.done():
            if not self._ready:
                self._jump()
            for _ in range(len(self._ready)):
                handle = self._ready.popleft()
                if not handle._cancelled:
                    handle._run()
            if self._crash is not None:
                crash, self._crash = self._crash, None
                raise crash

    def _jump(self) -> None:
        """To the next timer, and make all timers of that instant ready."""
        if self.on_jump is not None:
            self.on_jump()
        while self._timers and self._timers[0][3].cancelled():
            heapq.heappop(self._timers)
        if not self._timers:
            raise Deadlock(f"after {self.elapsed / SECOND:g} s nothing is ready and no timer is set")
        self._still = self._still + 1 if self.elapsed == self._timers[0][0] else 0
        if self._still > JUMPS_MAX:
            raise Livelock(f"after {self.elapsed / SECOND:g} s time stands still")
        self.elapsed = self._timers[0][0]
        while self._timers and self._timers[0][0] == self.elapsed:
            timer = heapq.heappop(self._timers)[3]
            if not timer.cancelled():
                self.rung += 1
                self._ready.append(timer)

    def _cancel_all(self) -> None:
        """Give what still runs the chance to end, newest first."""
        left = [task for task in self._tasks if not task.done()]
        for task in reversed(left):
            task.cancel()
        if left:
            self.run_until_complete(asyncio.wait(left))

    def crash(self, error: BaseException) -> None:
        """End the world with this error as soon as what runs now returns."""
        self._crash = self._crash or error

    # bookkeeping that asyncio asks of a loop

    def is_running(self) -> bool:
        return self._running

    def is_closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        self._closed = True
        self._ready.clear()
        self._timers.clear()

    async def shutdown_asyncgens(self) -> None:
        pass

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, **kwargs: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(coro, loop=self, **kwargs)
        self._tasks[task] = None
        return task

    def get_debug(self) -> bool:
        return False

    def set_debug(self, enabled: bool) -> None:
        pass

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Cancelled timers stay in the heap until their time, or until they are most of it."""
        self._cancelled += 1
        if self._cancelled > TIMERS_KEPT and self._cancelled * 2 > len(self._timers):
            self._timers = [timer for timer in self._timers if not timer[3].cancelled()]
            heapq.heapify(self._timers)
            self._cancelled = 0

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        self.call_exception_handler(context)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """A callback raised, or a task's exception was never looked at: the world stops with it."""
        error = context.get("exception")
        self.crash(error if isinstance(error, BaseException) else RuntimeError(context["message"]))


class VirtualClock(LoopClock):
    """What a `LoopClock` says of a virtual loop, without the way through floating point."""

    def __init__(self, loop: VirtualLoop, epoch: Instant) -> None:
        super().__init__(loop, epoch)
        self._virtual = loop

    def now(self) -> Instant:
        return self._epoch + self._virtual.elapsed


def _forbid(what: str) -> Callable[..., NoReturn]:
    def forbidden(self: VirtualLoop, *args: object, **kwargs: object) -> NoReturn:
        raise Forbidden(f"no {what} in a virtual world")

    return forbidden


_REAL = {
    "threads": ("run_in_executor", "call_soon_threadsafe", "set_default_executor"),
    "name look-ups": ("getaddrinfo", "getnameinfo"),
    "sockets": (
        *("create_connection", "create_server", "create_unix_connection", "create_unix_server"),
        *("create_datagram_endpoint", "add_reader", "add_writer", "remove_reader", "remove_writer"),
        *("sock_recv", "sock_sendall", "sock_accept", "sock_connect"),
    ),
    "processes": ("subprocess_exec", "subprocess_shell", "connect_read_pipe", "connect_write_pipe"),
    "signals": ("add_signal_handler", "remove_signal_handler"),
    "worlds without an end": ("run_forever", "stop"),
}
for _what, _names in _REAL.items():
    for _name in _names:
        setattr(VirtualLoop, _name, _forbid(_what))
