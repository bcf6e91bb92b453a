"""Operations on services: what is to be done next. Pure; knows counts, and neither nodes nor requests.

A deployment is blue/green: the new set (green) is brought up beside the one that serves (blue) until it has
as many healthy instances as blue has provisioned, and at least MinSize; then the requests go to it, at
once, and blue is withdrawn. So the provisioned instances are doubled meanwhile (App Runner Developer Guide,
architecture). The first instance of green that fails, and green not being healthy in time, fail the
deployment: green is withdrawn, and blue, which never stopped serving, stays. Pausing and deleting withdraw
everything, and wait until it is gone.
Known gap: AWS does not publish how many failures it waits for; one is ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from windlass.kernel.clock import Duration, Instant
from windlass.kernel.faults import Bug
from windlass.services.apprunner.model import Build, Counts, Operation, OperationStatus, Scaling

Event: TypeAlias = Literal["build", "provision", "withdraw", "serve", "fail", "gone"]
"""A move of OPERATION_MOVES."""
End: TypeAlias = Literal["up", "never up", "rolled back", "paused", "not resumed", "deleted"]
"""A move of SERVICE_MOVES that ends an operation."""

NO_SCALING, NOTHING = Scaling(), Counts()
NO_HEALTHY_INSTANCE = "Health check failed: no instance was healthy in {seconds:.0f} seconds."
SOME_HEALTHY = "Health check failed: {healthy} of {target} instances were healthy in {seconds:.0f} seconds."
FAILED_INSTANCE = "An instance failed before it was healthy."
FAILED_BUILD = "The build failed."


@dataclass(frozen=True, slots=True)
class Situation:
    """What there is to know of an operation."""

    operation: Operation
    now: Instant
    start_limit: Duration
    """How long an instance may take to be healthy."""
    scaling: Scaling = NO_SCALING
    """Of the deployment that it brings up."""
    build: Build | None = None
    """Of that deployment; None: there is nothing to build."""
    new: Counts = NOTHING
    """Instances of that deployment."""
    serving: Counts = NOTHING
    """Instances of the deployment that serves."""
    left: int = 0
    """Instances of all deployments of the service, however they are."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do, and why. Without an event the phase goes on."""

    event: Event | None
    why: str
    target: int = 0
    """Instances to have of the new deployment; 0: as many as before."""
    look_again: Instant | None = None


def plan(at: Situation) -> Plan:
    """The next move. 2 healthy of 2 that were wanted → serve."""
    match at.operation.phase:
        case "waiting":
            return _begin(at)
        case "building":
            return _build(at)
        case "provisioning":
            return _provision(at)
        case "rolling-back":
            gone = at.new == Counts(failed=at.new.failed, why=at.new.why)
            return Plan("gone" if gone else None, "the failed instances are being withdrawn")
        case "withdrawing":
            return Plan(None if at.left else "gone", f"{at.left} instances are left")
        case phase:
            raise Bug(f"an operation that is {phase} has no next move", at)


def status(operation: Operation, event: Event) -> OperationStatus:
    """The operation's status after that event."""
    if event == "fail":
        return "ROLLBACK_IN_PROGRESS" if operation.previous else "IN_PROGRESS"
    if event == "gone" and operation.phase == "rolling-back":
        return "ROLLBACK_SUCCEEDED" if operation.previous else "FAILED"
    return "SUCCEEDED" if event in ("serve", "gone") else "IN_PROGRESS"


def end(operation: Operation) -> End:
    """What the end of an operation is to its service. `operation` is as it ended."""
    match operation.type:
        case "PAUSE_SERVICE":
            return "paused"
        case "DELETE_SERVICE":
            return "deleted"
        case _ if operation.status == "SUCCEEDED":
            return "up"
        case "RESUME_SERVICE":
            return "not resumed"
        case _:
            return "rolled back" if operation.previous else "never up"


def target(scaling: Scaling, serving: Counts) -> int:
    """Instances that a new set has to have: as many as the one that serves, within its own bounds.

    >>> target(Scaling(min_size=1, max_size=3), Counts(healthy=5))
    3
    """
    return min(max(scaling.min_size, serving.healthy + serving.starting), scaling.max_size)


def _begin(at: Situation) -> Plan:
    if not at.operation.deployment:
        return Plan("withdraw", f"{at.left} instances are to go")
    if at.build is not None and at.build.state != "succeeded":
        return Plan("build", "the source code is to be built")
    return _start(at)


def _start(at: Situation) -> Plan:
    count = target(at.scaling, at.serving)
    return Plan("provision", f"{count} instances are to start", count)


def _build(at: Situation) -> Plan:
    match at.build:
        case None | Build(state="succeeded"):
            return _start(at)
        case Build(state="failed", why=why):
            return Plan("fail", why or FAILED_BUILD)
        case _:
            return Plan(None, "the build goes on")


def _provision(at: Situation) -> Plan:
    operation, seconds = at.operation, at.start_limit / 1e9
    if at.new.failed:
        return Plan("fail", at.new.why or FAILED_INSTANCE)
    count = max(operation.target, target(at.scaling, at.serving))
    if at.new.healthy >= count:
        return Plan("serve", f"{at.new.healthy} instances are healthy")
    due = operation.since + at.start_limit
    if at.now >= due and at.new.healthy:
        return Plan("fail", SOME_HEALTHY.format(healthy=at.new.healthy, target=count, seconds=seconds))
    if at.now >= due:
        return Plan("fail", NO_HEALTHY_INSTANCE.format(seconds=seconds))
    more = count if count > operation.target else 0
    return Plan(None, f"{at.new.healthy} of {count} instances are healthy", more, due)
