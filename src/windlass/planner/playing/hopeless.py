"""Why what a scenario waits for can never come: nothing moves any more, or a service fails again and again.

A scenario that is hopeless ends with the reason, and does not wait for its horizon. Nothing moves when no
task, machine or message came, went or changed for longer than anything rests of itself, no event is to come,
and no schedule is there that could bring something later. A service fails for good when several attempts in
a row have failed at the longest rest between two. Of several accounts, which are all alike, services of the
first are looked at. Proofs these are not (decision 0049).
"""

from __future__ import annotations

import re
from typing import Any

from windlass.fleet.model import INSTANCES
from windlass.kernel.clock import MINUTE, SECOND, Duration
from windlass.planner.playing.happening import OBSERVER
from windlass.planner.playing.watching import Watching
from windlass.planner.scenario.model import Scenario, Until
from windlass.services.ecs import backoff
from windlass.services.ecs.backoff import Policy
from windlass.services.ecs.launch_rates import backoff_policy
from windlass.services.ecs.model import TASKS
from windlass.services.ecs.service_model import DEPLOYMENTS, SERVICES
from windlass.sim.world import ACCOUNT, REGION, World

STALL: Duration = 20 * MINUTE
"""Longer than targets drain, machines boot and alarms take; a service may rest longer (`patience`)."""
LATER = ("chedule", "PutRule", "bakeTimeInMinutes", "canaryConfiguration", "linearConfiguration")
"""Words of resources that bring something later, of themselves."""
OBSERVED = "observed"
"""Request id of what is asked here: a drawn one would change all ids, and chance, that come after it."""
ATTEMPTS_AT_CAP = 3
"""Failed attempts at the longest rest, after which a service counts as failing for good; ours."""
CRASHES_MIN, CRASHES_A_TASK = 200, 20
"""Tasks that stopped (and for each that is wanted) until a deployment that never completed counts as failing

for good, where crashes do not slow it down; ours.
"""
_COMMON = re.compile(r"\) (has started|has stopped|registered|deregistered|has begun draining)")
"""Events of services that are no reason."""


class Hopeless:
    """Of one run."""

    def __init__(self, scenario: Scenario, world: World, watching: Watching) -> None:
        self._world = world
        self._watching = watching
        self._untils = scenario.waits_for
        self._accounts = scenario.accounts
        runs = [image.runs or 0 for image in scenario.images.values()]
        said = repr([scenario.resources, [event.call for event in scenario.events]])
        self._brings_later = any(word in said for word in LATER)
        self._rests = max([STALL, *(2 * run for run in runs)])
        later = [*(event.ends for event in scenario.events), *(until.after for until in self._untils)]
        self._begins = max(later, default=0)
        """Before that more is sure to happen."""
        self._machine_changes = 0
        self._seen: Any = None
        self._moved_at = world.clock.now()
        world.plane.store.watch((INSTANCES,), self._on_machine)

    def _on_machine(self, change: object) -> None:
        self._machine_changes += 1

    @property
    def _policy(self) -> Policy:
        return backoff_policy(self._world.plane.quotas)

    @property
    def patience(self) -> Duration:
        """How long nothing may move."""
        services = any(True for _ in self._world.plane.store[SERVICES].all())
        return max(self._rests, self._policy.cap * 3 // 2 if services else 0)

    async def why(self, lacks: str, moved: object = None) -> str:
        """In a sentence, with what is lacking; "" while there is hope. `moved` changes when work goes on."""
        now = self._world.clock.now()
        seen = (lacks, self._watching.counts(), self._machine_changes, moved)
        if seen != self._seen:
            self._seen, self._moved_at = seen, now
        if self._brings_later or now - self._watching.began < self._begins:
            return ""
        for until in self._untils:
            if until.service is not None and (failing := self._failing(until.cluster, until.service)):
                return failing
        if now - self._moved_at < self.patience:
            return ""
        told = [told for until in self._untils if (told := await self._told(until))]
        return f"nothing moves any more: {'; '.join([lacks, *told])}"

    def _failing(self, cluster: str, name: str) -> str:
        """That a service fails again and again, with the reason of its last task."""
        store, policy = self._world.plane.store, self._policy
        service = store[SERVICES].get((ACCOUNT, REGION, cluster, name))
        deployment = store[DEPLOYMENTS].get(service.deployment_id) if service is not None else None
        if service is None or deployment is None or deployment.has_completed:
            return ""
        failures, stopped = deployment.backoff_failures, self._watching.stopped[cluster, name]
        if policy.first and failures >= attempts_at_cap(policy) + ATTEMPTS_AT_CAP - 1:
            told = f"{failures} attempts in a row have failed, and it rests {_span(policy.cap)} between two"
        elif stopped > (CRASHES_MIN + CRASHES_A_TASK * service.desired_count) * self._accounts:
            told = f"{stopped} tasks have stopped so far"
        else:
            return ""
        tasks = store[TASKS].by("service", (ACCOUNT, REGION, cluster, name, "STOPPED"))
        ended = [task for task in tasks if task.deployment == deployment.id and task.stopped_reason]
        last = max(ended, key=lambda task: (task.stopped_at, task.id), default=None)
        done = "stays up" if deployment.has_run else "ever runs"
        reason = f": {last.stopped_reason}" if last is not None else ""
        return f"no task of the deployment of {name} {done}; {told}{reason}"

    async def _told(self, until: Until) -> str:
        """What the plane says of it."""
        if until.service is not None:
            named = {"cluster": until.cluster, "services": [until.service]}
            found = (await self._ask("ecs", "DescribeServices", named))["services"]
            told = [str(event["message"]) for event in found[0]["events"]] if found else []
            return next((text for text in told if not _COMMON.search(text)), "")
        if until.job_queue is not None:
            waiting = {"jobQueue": until.job_queue, "jobStatus": "RUNNABLE"}
            ids = [one["jobId"] for one in (await self._ask("batch", "ListJobs", waiting))["jobSummaryList"]]
            jobs = (await self._ask("batch", "DescribeJobs", {"jobs": ids[:1]}))["jobs"] if ids else []
            return str(jobs[0].get("statusReason", "")) if jobs else ""
        return ""

    async def _ask(self, service: str, operation: str, params: dict[str, Any]) -> Any:
        return await self._world.plane.calls.run(
            service, operation, params, caller=OBSERVER, region=REGION, request_id=OBSERVED
        )


def _span(duration: Duration) -> str:
    return f"{duration / MINUTE:g} min" if duration >= 2 * MINUTE else f"{duration / SECOND:g} s"


def attempts_at_cap(policy: Policy) -> int:
    """How many failed attempts in a row bring the longest rest.

    First 10 s, at most 900 s: the eighth.
    """
    count = 1
    while backoff.pause(count, policy) < policy.cap:
        count += 1
    return count
