"""The turn of a service whose deployment shifts requests: shifting.py decides, this reads and writes.

Both sets of tasks are kept at their counts, each by itself, by the planner of rolling updates. A stage is
entered and its requests are shifted in one transaction; what a load balancer refuses is told, and tried
again.
"""

from __future__ import annotations

from collections.abc import Mapping

from windlass.kernel.clock import SECOND, Duration
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.services.ecs import progress, shifting, traffic
from windlass.services.ecs.deployment import Counts, Wanted, departing
from windlass.services.ecs.lookup import Reads
from windlass.services.ecs.model import deployment_of, drained
from windlass.services.ecs.service_model import (
    DEPLOYMENTS,
    SERVICE_DEPLOYMENTS,
    Deployment,
    Service,
    ServiceDeployment,
)
from windlass.services.ecs.service_turn import Turn
from windlass.services.ecs.shifting import Done, Enter, Next, Wait
from windlass.services.ecs.standing import Stand

SHIFT_AGAIN_AFTER: Duration = 10 * SECOND
"""When a load balancer is asked again that refused: our choice."""
_SHIFTING = "PRODUCTION_TRAFFIC_SHIFT"


def concerns(reads: Reads, service: Service) -> bool:
    """Whether the service has two sets of tasks, or is about to: also after a deployment that just failed."""
    record = reads[SERVICE_DEPLOYMENTS].get(service.service_deployment_id)
    if record is None or not record.rolling.shifts or service.status != "ACTIVE":
        return False
    return not record.ended or (record.status in ("STOPPED", "ROLLBACK_FAILED") and bool(record.source))


class ShiftTurn(Turn):
    """One service, one instant, one transaction."""

    def _lasting(self) -> tuple[str, ...]:
        """The source may lose all of its tasks at once, and gets them back."""
        record = self._record
        gone = record.stage == "CLEAN_UP" and not record.ended
        return (*super()._lasting(), *(() if gone else (record.source,)))

    def _keep_replicas(self, primary: Deployment, stands: Mapping[str, Stand]) -> bool:
        counts = {cohort: stand.counts for cohort, stand in stands.items()}
        if not self._record.stage:
            primary = self._choose_source(primary, counts)
        source = self._tx[DEPLOYMENTS].get(self._record.source) if self._record.source in counts else None
        following = self._walk(primary, source, counts)
        primary = self._tx[DEPLOYMENTS].require(primary.id)
        wanted, kept = shifting.counts_wanted(shifting.standpoint(self._record), self._service.desired_count)
        older = [one for cohort, one in counts.items() if cohort not in (primary.id, self._record.source)]
        of_target = [one for one in older if one.deployment == drained(primary.id)]
        of_source = [one for one in older if one not in of_target]
        self._keep(primary, self._of(wanted, primary.rollout != "FAILED"), counts[primary.id], of_target)
        elsewhere = counts[primary.id].healthy
        if source is not None and kept:
            self._forgive(source, stands[source.id])
            source = self._tx[DEPLOYMENTS].require(source.id)
            self._keep(source, self._of(kept, elsewhere=elsewhere), counts[source.id], of_source)
        else:
            going = [*of_source, *([counts[source.id]] if source is not None else [])]
            for stop in departing(self._of(self._service.desired_count, elsewhere=elsewhere), going):
                self._scale_in(stop.deployment, stop.standing, stop.count)
        return isinstance(following, Done) and set(stands) == {primary.id}

    def _of(self, count: int, launches: bool = True, elsewhere: int = 0) -> Wanted:
        rolling = self._service.rolling
        return Wanted(count, rolling.percent_min, rolling.percent_max, launches, elsewhere)

    def _choose_source(self, primary: Deployment, counts: Mapping[str, Counts]) -> Deployment:
        """Not one that is ill, while what was given up for it would do. Returns the deployment after.

        It has no task yet, and takes the side that its source does not have.
        """
        record = self._record
        if record.ended or record.source not in counts:
            return primary
        sides = (primary.id, record.source)
        given_up = [one for id, one in counts.items() if id not in sides and id == deployment_of(id)]
        chosen = shifting.bearer(shifting.sets(self._service, counts, record), given_up)
        if chosen == record.source:
            return primary
        self._tx[SERVICE_DEPLOYMENTS].put(replace(record, source=chosen))
        source = self._tx[DEPLOYMENTS].require(chosen)
        return self._tx[DEPLOYMENTS].put(replace(primary, alternate=not source.alternate))

    def _walk(self, target: Deployment, source: Deployment | None, counts: Mapping[str, Counts]) -> Next:
        """Through the stages, as far as they let it."""
        course = shifting.course(self._record.rolling)
        if self._record.ended:
            return Wait("nothing: it has failed")
        while True:
            at = shifting.standpoint(self._record)
            following = shifting.following(
                course, at, shifting.sets(self._service, counts, self._record), self._call.now
            )
            if not isinstance(following, Enter) or not self._enter(course, following.stage, target, source):
                break
        if isinstance(following, Wait) and following.until:
            self._again.append(following.until)
        return following

    def _enter(
        self, course: shifting.Course, stage: str, target: Deployment, source: Deployment | None
    ) -> bool:
        """Begin that stage, with the shares that belong to it. Returns whether it has begun."""
        record = self._record
        at = shifting.standpoint(record)
        step = record.step + (stage == _SHIFTING and not at.back)
        shares = shifting.shares(course, replace(at, stage=stage, step=step), source is None)
        if shares is not None:
            before = self._tx[DEPLOYMENTS].require(target.id)
            try:
                after = traffic.shift(self._tx, self._call, before, source, shares)
            except Fault as fault:
                self._say(f"was unable to shift traffic. Reason: {fault.message.rstrip('.')}")
                self._again.append(self._call.now + SHIFT_AGAIN_AFTER)
                return False
            self._tell_shift(before, after)
        record = replace(record, step=step)
        if at.back:
            record = replace(record, stage=stage, stage_at=self._call.now, updated_at=self._call.now)
            self._tx[SERVICE_DEPLOYMENTS].put(record)
            return True
        record = progress.enter(self._tx, self._call, record, stage)
        if stage == "BAKE_TIME" and source is not None:
            progress.bake(self._tx, self._call, record)
        return True

    def _tell_shift(self, before: Deployment, after: Deployment) -> None:
        """The wording is ours; AWS's is not documented."""
        for kind, old, new in (
            ("test", before.test, after.test),
            ("production", before.production, after.production),
        ):
            if old != new and (kind == "production" or traffic.is_tested(self._tx, after)):
                self._say(f"(deployment {after.id}) receives {new / 10:g} percent of {kind} traffic")

    @property
    def _record(self) -> ServiceDeployment:
        return self._tx[SERVICE_DEPLOYMENTS].require(self._service.service_deployment_id)
