"""How the life of a simulated unit goes: how long each part of it takes, and what comes of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from windlass.fleet.function_messages import StartPhases
from windlass.fleet.messages import Health, UnitSpec
from windlass.kernel.clock import Duration
from windlass.sim.works import Work


class Course(msgspec.Struct, frozen=True, gc=False):
    """How long a unit takes for each part of its life. `run` None: until it is told to stop.

    Of a function's environment `pull` is its code, `start` its sandbox; then come `runtime` and `init`, while
    the first event is already on its way; `event` is how long each event runs. One that is restored takes
    `restore` in place of these two, before its first event.
    """

    provision: Duration = 0
    pull: Duration = 0
    start: Duration = 0
    run: Duration | None = None
    stop: Duration = 0
    exit_code: int = 0
    fails: str = ""
    """Why it never starts, once it was pulled; "" when it does."""
    health: Health = "UNKNOWN"
    """What health checks come to, if its containers have any."""
    health_after: Duration = 0
    """From its start on, until they do."""
    network: Duration = 0
    runtime: Duration = 0
    init: Duration = 0
    event: Duration = 0
    answers: Callable[[bytes], tuple[bytes, str]] | None = None
    """What a function makes of an event when that has run: its result and FunctionError, "" for none.

    Without it the event itself is the result.
    """

    restore: Duration = 0
    takes: Callable[[bytes], Duration] | None = None
    """How long each event runs, in place of `event`."""
    does: Callable[[bytes], Awaitable[tuple[bytes, str]]] | None = None
    """What a function does with an event after its own time, in place of `answers`; it may take its time."""
    pulls: Callable[[UnitSpec], str] | None = None
    """In place of `fails`, asked when its pull begins: an image may break or be mended until then."""
    work: Work | None = None
    """What a unit does while it runs; it ends when that does."""

    def phases(self) -> StartPhases:
        """As a node tells them of a function's environment."""
        return StartPhases(self.pull, self.network, self.start, self.runtime, self.init, self.restore)
