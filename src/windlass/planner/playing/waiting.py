"""What a scenario waits for: whether it is there, and whether it can still come.

Asks the plane as a client would, past the buckets: nobody of the scenario asks this. Whether it is hopeless
to wait is hopeless.py's.
"""

from __future__ import annotations

import difflib
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from windlass.kernel.clock import SECOND
from windlass.planner.playing.asking import Asking
from windlass.planner.playing.changes import CannotPlay
from windlass.planner.playing.happening import observer
from windlass.planner.playing.hopeless import OBSERVED, Hopeless
from windlass.planner.playing.watching import Watching
from windlass.planner.scenario.model import Scenario, Until
from windlass.services.batch.model import JOBS
from windlass.sim.world import ACCOUNT, REGION, World

MADE_BY: Mapping[str, Sequence[tuple[str, str]]] = {
    "service": (("ecs.CreateService", "serviceName"), ("ecs.CreateExpressGatewayService", "serviceName")),
    "queue": (("sqs.CreateQueue", "QueueName"),),
    "job_queue": (("batch.CreateJobQueue", "jobQueueName"),),
}
"""What is waited for → (operation that makes one, member that names it)."""
OPEN = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING")


def check(scenario: Scenario) -> None:
    """Refuse to wait for what nothing in the scenario makes. Raises CannotPlay."""
    calls = [one for function in scenario.functions.values() for one in function.calls]
    calls += [one for event in scenario.events if (one := event.call) is not None]
    calls += [one for load in scenario.workloads if (one := load.to.call) is not None]
    for kind, operations in MADE_BY.items():
        said = [one[name].get(member) for one in (*scenario.resources, *calls) for name, member in operations
                if isinstance(one.get(name), Mapping)]  # fmt: skip
        names = sorted(name for name in said if isinstance(name, str))
        if len(names) < len(said) or any("${" in name for name in names):
            continue  # what it is called is known only later
        for until in scenario.waits_for:
            wanted = getattr(until, kind)
            if wanted is not None and wanted not in names:
                close = difflib.get_close_matches(wanted, names, 1)
                hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(names) or 'none'}"
                raise CannotPlay(f"until: nothing makes the {kind.replace('_', ' ')} {wanted!r}: {hint}")


class Waiting:
    """Of one run."""

    def __init__(
        self,
        scenario: Scenario,
        world: World,
        watching: Watching,
        asking: Asking,
        accounts: Sequence[str] = (ACCOUNT,),
    ) -> None:
        self._asking = asking
        self._accounts = deque(accounts)
        """The one that lacked something last comes first: most looks ask of one account only."""
        self._untils = scenario.waits_for
        self._world = world
        self._watching = watching
        self._hopeless = Hopeless(scenario, world, watching)

    async def lacks(self) -> str:
        """What is not as it is waited for; "" when all is."""
        for account in list(self._accounts):
            for until in self._untils:
                if why := await self._lacks(until, account):
                    return why if len(self._accounts) == 1 else f"in account {account}, {why}"
            self._accounts.rotate(-1)
        return ""

    async def stuck(self, lacks: str) -> str:
        """Why what is lacking can never come; "" while it may."""
        if self._asking.more_to_come:
            return ""
        return await self._hopeless.why(lacks, self._asking.moved())

    async def _service(self, until: Until, account: str) -> Any:
        named = {"cluster": until.cluster, "services": [until.service]}
        found = await self._world.plane.calls.run(
            "ecs",
            "DescribeServices",
            named,
            caller=observer(account),
            region=REGION,
            request_id=OBSERVED,
        )
        return found["services"][0] if found["services"] else None

    async def _lacks(self, until: Until, account: str) -> str:
        if self._world.clock.now() - self._watching.began < until.after:
            return f"what is before {until.after / SECOND:g} s does not count"
        if until.queue is not None:
            return await self._messages(until.queue, account)
        if until.workload is not None:
            return self._asking.lacks(until.workload)
        if until.job_queue is not None:
            view, queue = self._world.plane.store[JOBS], (account, REGION, until.job_queue)
            left = sum(view.count("status", (*queue, status)) for status in OPEN)
            return f"{left} jobs of {until.job_queue} are not over" if left else ""
        if until.launched is not None:
            count, wanted = self._watching.reached[until.cluster, ""], until.launched * len(self._accounts)
            return "" if count >= wanted else f"{count} of {wanted} tasks have run"
        service = await self._service(until, account)
        if service is None:
            return f"there is no service {until.service}"
        if until.running is not None:
            count = service["runningCount"]
            return "" if count >= until.running else f"{count} of {until.running} tasks run"
        [primary, *older] = service["deployments"]
        wanted, count = service["desiredCount"], service["runningCount"]
        if older:
            new = f"{primary['runningCount']} of {primary['desiredCount']} tasks of its new revision"
            return f"the deployment of {until.service} goes on, with {new}"
        if count != wanted:
            return f"{count} of {wanted} tasks run"
        goes_on = primary["rolloutState"] == "IN_PROGRESS"
        return f"the deployment of {until.service} goes on" if goes_on else ""

    async def _messages(self, name: str, account: str) -> str:
        calls = self._world.plane.calls
        url = f"http://localhost/{account}/{name}"
        asked = {"QueueUrl": url, "AttributeNames": ["All"]}
        found = await calls.run(
            "sqs",
            "GetQueueAttributes",
            asked,
            caller=observer(account),
            region=REGION,
            request_id=OBSERVED,
        )
        kinds = ("", "NotVisible", "Delayed")
        left = sum(int(found["Attributes"][f"ApproximateNumberOfMessages{kind}"]) for kind in kinds)
        return f"{left} messages are in {name}" if left else ""
