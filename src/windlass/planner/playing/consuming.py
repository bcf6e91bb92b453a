"""Containers that take messages from a queue, as a worker's loop does: receive, work, delete, again.

It polls for 20 s at a time, and works on each message for as long as the scenario says. A worker that is told
to stop leaves its messages, which come back after the queue's visibility timeout; a graceful one ends them
first. Known gaps: it does not change the visibility of what takes long; the containers of a task are over
when the last one is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from windlass.fleet.messages import UnitSpec
from windlass.kernel.clock import MILLISECOND, SECOND, Duration, Instant
from windlass.kernel.faults import Fault, Retry
from windlass.planner.scenario.workload import Consumes
from windlass.sim.world import ACCOUNT, World

POLL_S = 20
"""Seconds; SQS API reference, ReceiveMessage, WaitTimeSeconds: at most 20."""
DELETES: Duration = MILLISECOND
"""What it needs besides, to delete them."""
AGAIN: Duration = SECOND
"""After a call that came to nothing."""


class Consumers:
    """Of one world: what its images say. `draws` are how long messages take, by image."""

    def __init__(
        self, world: World, images: Mapping[str, Consumes], draws: Mapping[str, Callable[[], Duration]]
    ) -> None:
        self._world = world
        self._images = images
        self._draws = draws

    def work(self, spec: UnitSpec) -> Consumer | None:
        """What the containers of a unit do while it runs; None: they take no messages."""
        taking = [one.image for one in spec.containers if one.image in self._images]
        if not taking:
            return None
        return Consumer(self._world, [(self._images[name], self._draws[name]) for name in taking])


class Consumer:
    """The containers of one unit. Implements sim.works.Work."""

    def __init__(self, world: World, containers: Sequence[tuple[Consumes, Callable[[], Duration]]]) -> None:
        self._world = world
        self._containers = containers
        self._graceful = all(one.graceful for one, _ in containers)
        self._stopping = False
        self._ends: dict[int, Instant] = {}
        """When what it works on is done, by its line."""

    async def run(self) -> None:
        """To its end: when all of its lines found nothing, or it stops."""
        lines = [
            self._world.begin("consumer", self._line(number, *container))
            for number, container in enumerate(
                container for container in self._containers for _ in range(container[0].at_once)
            )
        ]
        try:
            for line in lines:
                await line
        finally:
            for line in lines:
                line.cancel()

    def stop(self) -> Duration | None:
        """Take no more messages; returns how long until those at hand are done, None: they are left."""
        self._stopping = True
        if not self._graceful:
            return None
        now = self._world.clock.now()
        return max((end - now + DELETES for end in self._ends.values()), default=0)

    async def _line(self, number: int, said: Consumes, takes: Callable[[], Duration]) -> None:
        """One message after the other."""
        world = self._world
        url = f"http://localhost/{ACCOUNT}/{said.queue}"
        while not self._stopping:
            try:
                found = await world.call("sqs", "ReceiveMessage", QueueUrl=url, WaitTimeSeconds=POLL_S)
                messages = found.get("Messages", [])
                for message in messages:
                    duration = takes()
                    self._ends[number] = world.clock.now() + duration
                    await world.pass_time(duration)
                    handle = message["ReceiptHandle"]
                    await world.call("sqs", "DeleteMessage", QueueUrl=url, ReceiptHandle=handle)
                    del self._ends[number]
            except (Fault, Retry):
                await world.pass_time(AGAIN)
                continue
            if not messages and said.until_empty:
                return
