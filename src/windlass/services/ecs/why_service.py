"""What keeps a service from its steady state: sentences, the weightiest first. Pure.

Decides from counts and rows that others have read (seeing.py), and asks deployment.py what the scheduler
would do next, so that the two cannot disagree. The sentences are ours.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from windlass.fleet.reasons import NOTHING, Reason, span
from windlass.kernel import rows
from windlass.kernel.bucket import Rate
from windlass.kernel.clock import Duration, Instant
from windlass.services.ecs import deployment, shifting, stages
from windlass.services.ecs.deployment import Counts, Start, Stop, Wanted
from windlass.services.ecs.service_model import Deployment, Service, ServiceDeployment


@dataclass(frozen=True, slots=True)
class Empty:
    """A launch bucket that has no token for the service."""

    name: str
    rate: Rate
    wait: Duration | None
    """Until the next token; None when there is never one."""
    in_line: int = 0
    """Services that stand in line for it."""


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """A service and what it depends on."""

    service: Service
    primary: Deployment | None = None
    """None with the EXTERNAL controller."""
    record: ServiceDeployment | None = None
    counts: Counts = field(default_factory=lambda: Counts(""))
    """Of the PRIMARY deployment, or of all task sets together."""
    older: Sequence[Counts] = ()
    stopping: int = 0
    """Tasks on their way out that nobody counts any more."""
    empty: Sequence[Empty] = ()
    """Launch buckets that its tasks draw on and that hold nothing now."""
    cycle_at: Instant = 0
    """When its next work cycle begins; 0 or past for now."""
    pending: Sequence[Reason] = ()
    """Why the tasks on their way are not RUNNING (why_task.py); some of them if there are many."""
    protected: int = 0
    """Healthy tasks that are protected from scale-in."""
    healthy_at: Instant = 0
    """When the next task that nothing checks counts as healthy."""
    last_failure: str = ""
    """Why the last of its tasks ended that nobody told to."""
    refused: str = ""
    """Its last event about tasks that could not be placed, without "(service X) "."""
    backoff_failures: int = 0
    backoff_until: Instant = 0

    @property
    def wanted(self) -> Wanted:
        """What the scheduler plans with."""
        service = self.service
        failed = self.primary is not None and self.primary.rollout == "FAILED"
        desired = service.desired_count if service.status == "ACTIVE" else 0
        return Wanted(desired, service.rolling.percent_min, service.rolling.percent_max, launches=not failed)


def why(facts: ServiceFacts, now: Instant) -> list[Reason]:
    """All that it waits for, the weightiest first; never empty."""
    service = facts.service
    if service.status == "INACTIVE":
        return [Reason(NOTHING, "It was deleted.")]
    shifting_waits, facts = _of_shift(facts, now)
    found = [
        *_of_deployment(facts, now),
        *shifting_waits,
        *_of_starts(facts, now),
        *_of_tasks(facts, now),
        *_of_stops(facts, now),
    ]
    if found:
        return found
    if service.steady_at:
        return [Reason(NOTHING, f"It has been in a steady state for {span(now - service.steady_at)}.")]
    return [Reason("SCHEDULER", "Its scheduler has not had its next turn yet.")]


def _of_deployment(facts: ServiceFacts, now: Instant) -> Iterator[Reason]:
    record, primary = facts.record, facts.primary
    if facts.service.status == "DRAINING":
        left = facts.counts.held + sum(one.held for one in facts.older) + facts.stopping
        yield Reason("DRAINING", f"It is being deleted: {_tasks(left)} still to end.")
    if record is not None and not record.ended and stages.waits(record):
        yield _of_hooks(record, now)
    if primary is not None and primary.rollout == "FAILED":
        yield Reason(
            "DEPLOYMENT_FAILED",
            f"Deployment {primary.id} has failed and starts no more tasks: "
            f"{primary.rollout_reason.rstrip('.')}. Another revision or a forced deployment begins anew.",
        )


def _of_shift(facts: ServiceFacts, now: Instant) -> tuple[list[Reason], ServiceFacts]:
    """What a deployment that shifts requests waits for, and the facts of its new set of tasks alone."""
    record, service = facts.record, facts.service
    if record is None or record.ended or not record.rolling.shifts or service.status != "ACTIVE":
        return [], facts
    at = shifting.standpoint(record)
    counts = {one.deployment: one for one in (facts.counts, *facts.older)}
    sets = shifting.sets(service, counts, record)
    following = shifting.following(shifting.course(record.rolling), at, sets, now)
    told = []
    if isinstance(following, shifting.Wait) and not at.hooked:
        left = f", {span(following.until - now)} more" if following.until > now else ""
        text = f"The deployment is at {record.stage}; next when this is over: {following.why}{left}."
        told.append(Reason("TRAFFIC_SHIFT", text, following.until))
    wanted, _ = shifting.counts_wanted(at, service.desired_count)
    return told, replace(facts, older=(), service=rows.replace(service, desired_count=wanted))


def _of_hooks(record: ServiceDeployment, now: Instant) -> Reason:
    pending = [c for c in record.hooks if c.stage == record.stage and c.status != "SUCCEEDED"]
    call_at = min(call.call_at for call in pending)
    again = f", asked again in {span(call_at - now)}" if call_at > now else ""
    return Reason(
        "HOOK",
        f"The deployment waits at {record.stage} for {', '.join(c.target_arn for c in pending)}{again}.",
        call_at if call_at > now else 0,
    )


def _of_starts(facts: ServiceFacts, now: Instant) -> Iterator[Reason]:
    """Why tasks that are missing are not being started."""
    wanted, counts = facts.wanted, facts.counts
    missing = wanted.desired_count - counts.good
    if missing <= 0 or not wanted.launches:
        return
    if facts.backoff_until > now:
        last = f"; the last: {facts.last_failure.rstrip('.')}" if facts.last_failure else ""
        yield Reason(
            "BACK_OFF",
            f"It backs off for {span(facts.backoff_until - now)} more, after "
            f"{_attempts(facts.backoff_failures)} that failed in a row{last}.",
            facts.backoff_until,
        )
        return
    groups = [counts, *facts.older]
    room = wanted.held_max - sum(group.held for group in groups)
    if room <= 0 and facts.service.scheduling == "REPLICA" and facts.primary is not None:
        yield _of_percentages(facts, missing)
        return
    if facts.empty:
        yield from (_of_bucket(empty, missing, now) for empty in facts.empty)
    elif facts.refused and not counts.pending:
        told = facts.refused.rstrip(".")
        cause = told.removeprefix(_UNABLE) if told.startswith(_UNABLE) else f"it {told}"
        yield Reason("PLACEMENT", f"{_tasks(missing)} missing: {cause}.")
    elif facts.cycle_at > now:
        text = f"{_tasks(missing)} missing; its next work cycle begins in {span(facts.cycle_at - now)}."
        yield Reason("WORK_CYCLE", text, facts.cycle_at)


_UNABLE = "was unable to place a task because "


def _of_bucket(empty: Empty, missing: int, now: Instant) -> Reason:
    rate = empty.rate
    refill = f"{rate.per_minute} a minute" if rate.per_minute else f"{rate.per_second} a second"
    comes = "it never refills" if empty.wait is None else f"the next token comes in {span(empty.wait)}"
    others = empty.in_line - 1
    line = f"; {others} other service{'s' * (others != 1)} in line" if others > 0 else ""
    return Reason(
        "LAUNCH_RATE",
        f"{_tasks(missing)} missing: launch bucket {empty.name} is empty and refills at {refill}, "
        f"{comes}{line}.",
        now + empty.wait if empty.wait is not None else 0,
    )


def _of_percentages(facts: ServiceFacts, missing: int) -> Reason:
    """No more may be started: what the plan makes of it."""
    wanted = facts.wanted
    groups = [facts.counts, *facts.older]
    held, healthy = sum(group.held for group in groups), sum(group.healthy for group in groups)
    text = (
        f"{_tasks(missing)} missing, but maximumPercent {wanted.percent_max} allows {wanted.held_max} in all "
        f"and {held} {'is' if held == 1 else 'are'} there"
    )
    planned = deployment.plan(wanted, facts.counts, facts.older)
    if any(isinstance(action, Stop | Start) for action in planned) and not facts.protected:
        return Reason("PERCENTAGES", f"{text}; others are being stopped to make room.")
    if facts.protected:
        return Reason("PROTECTED", f"{text}; {_tasks(facts.protected)} protected from scale-in.")
    if any(isinstance(action, deployment.Blocked) for action in planned):
        return Reason(
            "PERCENTAGES",
            f"{text}; minimumHealthyPercent {wanted.percent_min} needs {wanted.healthy_min} healthy and "
            f"{healthy} {'is' if healthy == 1 else 'are'}, so none may stop. Nothing will change by itself.",
        )
    return Reason(
        "PERCENTAGES",
        f"{text}; minimumHealthyPercent {wanted.percent_min} needs {wanted.healthy_min} healthy and "
        f"{healthy} {'is' if healthy == 1 else 'are'}: it waits for tasks to become healthy, or to end.",
    )


def _of_tasks(facts: ServiceFacts, now: Instant) -> Iterator[Reason]:
    """Why tasks that were started are not what is wanted yet."""
    counts = facts.counts
    if counts.pending:
        yield from _pending(facts)
    if counts.waiting and facts.healthy_at:
        ahead = f"the next in {span(facts.healthy_at - now)}" if facts.healthy_at > now else "the next now"
        yield Reason(
            "HEALTHY_AFTER",
            f"{_tasks(counts.waiting)} running that nothing checks, which count as healthy after a while: "
            f"{ahead}.",
            facts.healthy_at,
        )
    elif counts.waiting:
        yield Reason("HEALTH_CHECK", f"{_tasks(counts.waiting)} running that no health check has passed yet.")
    if counts.unhealthy:
        yield Reason("UNHEALTHY", f"{_tasks(counts.unhealthy)} running and UNHEALTHY: to be replaced.")


def _pending(facts: ServiceFacts) -> Iterator[Reason]:
    """The reasons of the tasks on their way, the most frequent first; alike are told once."""
    kinds = Counter(reason.code for reason in facts.pending)
    for code, count in kinds.most_common(2):
        example = next(reason for reason in facts.pending if reason.code == code)
        told = facts.counts.pending if len(kinds) == 1 else count
        yield Reason(code, f"{_tasks(told)} pending: {_lower(example.sentence)}", example.until)


def _of_stops(facts: ServiceFacts, now: Instant) -> Iterator[Reason]:
    """Why tasks of deployments that are replaced, or that are too many, are still there."""
    old = sum(group.held for group in facts.older)
    wanted, counts = facts.wanted, facts.counts
    leaving = facts.stopping + counts.leaving + sum(group.leaving for group in facts.older)
    over = max(0, counts.good - wanted.desired_count)
    if facts.service.status == "DRAINING":
        return
    if facts.protected and (old or over):
        yield Reason(
            "PROTECTED", f"{_tasks(old + over)} too many; {facts.protected} protected from scale-in."
        )
    elif old and counts.healthy < wanted.desired_count:
        healthy = counts.healthy + sum(group.healthy for group in facts.older)
        yield Reason(
            "MINIMUM_HEALTHY",
            f"{_tasks(old)} of older deployments still there: {wanted.healthy_min} must stay healthy "
            f"(minimumHealthyPercent {wanted.percent_min}), {healthy} {'is' if healthy == 1 else 'are'}, "
            f"{counts.healthy} of them new.",
        )
    elif leaving:
        yield Reason("STOPPING", f"{_tasks(leaving)} stopping: SIGTERM, then SIGKILL after stopTimeout.")


def _tasks(count: int) -> str:
    return "1 task" if count == 1 else f"{count} tasks"


def _attempts(count: int) -> str:
    return "1 attempt" if count == 1 else f"{count} attempts"


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
