"""What a scenario waits for: whether it is there, and whether it can still come.

Asks the plane as a client would, past the buckets: nobody of the scenario asks this. A scenario in which
nothing can move any more ends with the reason, and does not wait for its horizon: no task came, went or
changed for STALL, no event is to come, and no schedule is there that could bring something later. Known gap:
one that goes on trying (a failing image without a circuit breaker) runs to its horizon.
"""

from __future__ import annotations

from typing import Any

from windlass.fleet.model import INSTANCES
from windlass.kernel.clock import MINUTE, SECOND, Duration
from windlass.planner.asking import Asking
from windlass.planner.happening import OBSERVER
from windlass.planner.scenario import Scenario, Until
from windlass.planner.watching import Watching
from windlass.services.batch.model import JOBS
from windlass.sim.world import ACCOUNT, REGION, World

STALL: Duration = 20 * MINUTE
"""Longer than a service rests between two attempts at most (15 min), and than targets drain."""
LATER = ("chedule", "PutRule", "bakeTimeInMinutes", "canaryConfiguration", "linearConfiguration")
"""Words of resources that bring something later, of themselves."""
OBSERVED = "observed"
"""Request id of what is asked here: a drawn one would change all ids, and chance, that come after it."""
OPEN = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING")


class Waiting:
    """Of one run."""

    def __init__(self, scenario: Scenario, world: World, watching: Watching, asking: Asking) -> None:
        self._asking = asking
        self._untils = scenario.waits_for
        self._world = world
        self._watching = watching
        runs = [image.runs or 0 for image in scenario.images.values()]
        said = repr([scenario.resources, [event.call for event in scenario.events]])
        self.patience = (
            None if any(word in said for word in LATER) else max([STALL, *(2 * run for run in runs)])
        )
        later = [*(event.ends for event in scenario.events), *(until.after for until in self._untils)]
        self._begins = max(later, default=0)
        """Before that more is sure to happen."""
        self._seen: Any = None
        self._moved_at = world.clock.now()

    async def lacks(self) -> str:
        """What is not as it is waited for; "" when all is."""
        for until in self._untils:
            if why := await self._lacks(until):
                return why
        return ""

    async def stuck(self, lacks: str) -> str:
        """Why what is lacking can never come; "" while it may."""
        watching, now = self._watching, self._world.clock.now()
        machines = self._world.plane.store[INSTANCES].all()
        counts = (*watching.counts(), self._asking.moved())
        seen = (lacks, counts, sorted((one.id, one.phase, one.cluster) for one in machines))
        if seen != self._seen:
            self._seen, self._moved_at = seen, now
        if self.patience is None or now - watching.began < self._begins:
            return ""
        if now - self._moved_at < self.patience:
            return ""
        told = [told for until in self._untils if until.service and (told := await self._told(until))]
        return f"nothing moves any more: {'; '.join([lacks, *told])}"

    async def _told(self, until: Until) -> str:
        """What the service said last."""
        service = await self._service(until)
        events = service["events"] if service is not None else []
        return str(events[0]["message"]) if events else ""

    async def _service(self, until: Until) -> Any:
        named = {"cluster": until.cluster, "services": [until.service]}
        found = await self._world.plane.calls.run(
            "ecs", "DescribeServices", named, caller=OBSERVER, region=REGION, request_id=OBSERVED
        )
        return found["services"][0] if found["services"] else None

    async def _lacks(self, until: Until) -> str:
        if self._world.clock.now() - self._watching.began < until.after:
            return f"what is before {until.after / SECOND:g} s does not count"
        if until.queue is not None:
            return await self._messages(until.queue)
        if until.workload is not None:
            return self._asking.lacks(until.workload)
        if until.job_queue is not None:
            view, queue = self._world.plane.store[JOBS], (ACCOUNT, REGION, until.job_queue)
            left = sum(view.count("status", (*queue, status)) for status in OPEN)
            return f"{left} jobs of {until.job_queue} are not over" if left else ""
        if until.launched is not None:
            count = self._watching.reached[until.cluster, ""]
            return "" if count >= until.launched else f"{count} of {until.launched} tasks have run"
        service = await self._service(until)
        if service is None:
            return f"there is no service {until.service}"
        if until.running is not None:
            count = service["runningCount"]
            return "" if count >= until.running else f"{count} of {until.running} tasks run"
        [primary, *older] = service["deployments"]
        if older or primary["rolloutState"] == "IN_PROGRESS":
            return str(primary.get("rolloutStateReason", "the deployment goes on"))
        wanted, count = service["desiredCount"], service["runningCount"]
        return "" if count == wanted else f"{count} of {wanted} tasks run"

    async def _messages(self, name: str) -> str:
        calls = self._world.plane.calls
        url = f"http://localhost/{ACCOUNT}/{name}"
        asked = {"QueueUrl": url, "AttributeNames": ["All"]}
        found = await calls.run(
            "sqs", "GetQueueAttributes", asked, caller=OBSERVER, region=REGION, request_id=OBSERVED
        )
        kinds = ("", "NotVisible", "Delayed")
        left = sum(int(found["Attributes"][f"ApproximateNumberOfMessages{kind}"]) for kind in kinds)
        return f"{left} messages are in {name}" if left else ""
