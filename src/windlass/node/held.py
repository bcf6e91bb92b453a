"""A unit as its node holds it: what was asked, what is seen, what was already done about it.

Rows and their moves, pure: each function returns the next row. Knows neither processes nor the plane. The
part that the plane sees is `Held.state`; `observe` alone writes its unit-wide columns, from the containers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import msgspec

from windlass.fleet.messages import ContainerSpec, ContainerState, Health, UnitSpec, UnitState, Want
from windlass.kernel.clock import Duration, Instant
from windlass.kernel.faults import Bug
from windlass.node.health import Checks, judge
from windlass.node.sandbox import HOST, Connected, Sandbox

TASK_FAILED_TO_START = "TaskFailedToStart"
ESSENTIAL_CONTAINER_EXITED = "EssentialContainerExited"
"""Stop codes; ECS API reference, Task.stopCode."""
FAILED_TO_START_REASON = "Task failed to start"
ESSENTIAL_EXITED_REASON = "Essential container in task exited"
RESOURCE_INITIALIZATION_ERROR = "ResourceInitializationError: "
"""What a container's reason begins with that is the whole task's (Fargate)."""
"""stoppedReason texts; ECS developer guide, stopped task error codes."""


class Progress(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was done about a unit beside its state: what the next agent has to know to go on. See Held."""

    terminated: Mapping[str, Instant] = {}
    restarting: Mapping[str, int] = {}
    restarted_at: Mapping[str, Instant] = {}
    over: Mapping[str, int] = {}
    failures: Mapping[str, int] = {}
    """Failed health checks in a row, for each container that has any."""


@dataclass(frozen=True, slots=True)
class Held:
    """One unit on this node.

    `asked` names containers whose start the runner has not answered yet, `terminated` says when SIGTERM
    went to a container, `killed` names those that got SIGKILL, `withdrawn` those in `asked` that shall not
    start. `restarting` has containers between two runs, with the exit code of the last, `over` the pid of the
    last run that ended before another, `restarted_at` their last start if it was not the first (or the clock
    jumped since), `checks` what their health checks showed, `sandboxes` the networks that they were put into.
    """

    spec: UnitSpec
    state: UnitState
    asked: frozenset[str] = frozenset()
    terminated: Mapping[str, Instant] = field(default_factory=dict)
    killed: frozenset[str] = frozenset()
    restarting: Mapping[str, int] = field(default_factory=dict)
    over: Mapping[str, int] = field(default_factory=dict)
    restarted_at: Mapping[str, Instant] = field(default_factory=dict)
    checks: Mapping[str, Checks] = field(default_factory=dict)
    withdrawn: frozenset[str] = frozenset()
    sandboxes: Mapping[str, Sandbox] = field(default_factory=dict)
    first_starts: Mapping[str, Instant] = field(default_factory=dict)
    """When containers first started, as the clock has it now; only if it jumped since."""

    def first_start(self, name: str) -> Instant:
        """When the container first started, 0 when it never did."""
        return self.first_starts.get(name, self.container(name).started_at)

    def last_start(self, name: str) -> Instant:
        """When the container last started, 0 when it never did."""
        return self.restarted_at.get(name, self.container(name).started_at)

    def checks_of(self, name: str) -> Checks:
        """The container's checks."""
        return self.checks.get(name) or Checks(self.last_start(name))

    def sandbox(self, name: str) -> Sandbox:
        """The container's network; the host's while it has none."""
        return self.sandboxes.get(name, HOST)

    def container_spec(self, name: str) -> ContainerSpec:
        return next(spec for spec in self.spec.containers if spec.name == name)

    def container(self, name: str) -> ContainerState:
        for container in self.state.containers:
            if container.name == name:
                return container
        raise Bug(f"unit {self.spec.unit_id} has no container {name}", self)


def fresh(spec: UnitSpec) -> Held:
    """A unit that was just handed to this node: nothing of it runs yet."""
    containers = tuple(ContainerState(container.name, "pending") for container in spec.containers)
    return Held(spec, UnitState(spec.unit_id, "pending", containers))


def progress(held: Held) -> Progress:
    """What is to be written down of the unit beside its specification and state."""
    failures = {name: checks.failures for name, checks in held.checks.items() if checks.failures}
    return Progress(held.terminated, held.restarting, held.restarted_at, held.over, failures)


def resumed(spec: UnitSpec, state: UnitState, progress: Progress) -> Held:
    """The unit as an agent before this one left it. A health check that was under way is made again, and

    whom it killed is killed again: it may have died on the way to that.
    """
    held = Held(
        spec,
        state,
        terminated=progress.terminated,
        restarting=progress.restarting,
        over=progress.over,
        restarted_at=progress.restarted_at,
    )
    checks = {name: Checks(held.last_start(name), failures=n) for name, n in progress.failures.items()}
    return replace(held, checks=checks)


def asked(held: Held, name: str) -> Held:
    """The runner was asked to start that container."""
    return replace(held, asked=held.asked | {name})


def adopted(held: Held, name: str) -> Held:
    """The runner found that container started; unless it said so at once it will, and is not asked again."""
    unanswered = held.container(name).status == "pending" or name in held.restarting
    return asked(held, name) if unanswered else held


def withdrawn(held: Held, name: str) -> Held:
    """The runner was told that it need not start that container."""
    return replace(held, withdrawn=held.withdrawn | {name})


def pulling(held: Held, at: Instant) -> Held:
    """A registry is asked for an image of the unit; the first time counts (ECS: pullStartedAt)."""
    if held.state.pull_started_at:
        return held
    return replace(held, state=msgspec.structs.replace(held.state, pull_started_at=at))


def pulled(held: Held, name: str, digest: str, at: Instant) -> Held:
    """That container's image is here; the last one that a registry was asked for counts (pullStoppedAt)."""
    state = _with(held, msgspec.structs.replace(held.container(name), image_digest=digest)).state
    if state.pull_started_at:
        state = msgspec.structs.replace(state, pull_stopped_at=at)
    return replace(held, state=state)


def connected(held: Held, name: str, network: Connected) -> Held:
    """The container has its network. In mode bridge each has its own; the unit shows that of the first."""
    if network == Connected(HOST):
        return held
    container = msgspec.structs.replace(held.container(name), bindings=network.bindings)
    after = replace(_with(held, container), sandboxes={**held.sandboxes, name: network.sandbox})
    if after.state.network is None and network.state is not None:
        after = replace(after, state=msgspec.structs.replace(after.state, network=network.state))
    return after


def told_ports(held: Held, name: str) -> dict[str, str]:
    """What the container's environment says of the ports that it is to listen on (PortMapping.variable)."""
    shares_host = not held.sandbox(name).netns
    given = {binding.container_port: binding.host_port for binding in held.container(name).bindings}
    return {
        mapping.variable: str(given.get(mapping.container_port, mapping.container_port))
        if shares_host
        else str(mapping.container_port)
        for mapping in held.container_spec(name).ports
        if mapping.variable
    }


def started(held: Held, name: str, pid: int, at: Instant) -> Held:
    """It runs. A container that already stopped stays stopped: reports may come late."""
    container = held.container(name)
    if name in held.restarting:
        return _started_again(held, container, pid, at)
    if container.status != "pending":
        return held
    running = msgspec.structs.replace(container, status="running", pid=pid, started_at=at)
    return replace(_with(held, running), asked=held.asked - {name})


def ended(held: Held, name: str, exit_code: int | None, reason: str, at: Instant) -> Held:
    """It stopped, or never started (then `started_at` stays 0).

    One that was not started again after all, as nobody wants it any more, ended as it last did.
    """
    container = held.container(name)
    if container.status == "stopped":
        return held
    if exit_code is None and not reason:
        exit_code = held.restarting.get(name)
    stopped = msgspec.structs.replace(
        container, status="stopped", exit_code=exit_code, reason=reason, stopped_at=at
    )
    restarting = {n: code for n, code in held.restarting.items() if n != name}
    return replace(_with(held, stopped), asked=held.asked - {name}, restarting=restarting)


def restarting(held: Held, name: str, exit_code: int) -> Held:
    """It ended and is to start again: to everybody else it runs on, with one more restart."""
    container = held.container(name)
    if container.status != "running":
        return held
    between = msgspec.structs.replace(
        container, pid=0, health="UNKNOWN", restart_count=container.restart_count + 1
    )
    return replace(
        _with(held, between),
        restarting={**held.restarting, name: exit_code},
        over={**held.over, name: container.pid},
    )


def _started_again(held: Held, container: ContainerState, pid: int, at: Instant) -> Held:
    name = container.name
    return replace(
        _with(held, msgspec.structs.replace(container, pid=pid)),
        asked=held.asked - {name},
        restarting={n: code for n, code in held.restarting.items() if n != name},
        restarted_at={**held.restarted_at, name: at},
        checks={**held.checks, name: Checks(at)},
    )


def checking(held: Held, name: str, at: Instant) -> Held:
    """A health check began."""
    return replace(held, checks={**held.checks, name: replace(held.checks_of(name), began_at=at)})


def checked(held: Held, name: str, exit_code: int, at: Instant) -> Held:
    """A health check ended. Late ones, of a container that ended or started again meanwhile, say nothing."""
    container, checks = held.container(name), held.checks_of(name)
    check = held.container_spec(name).health_check
    if check is None or container.status != "running" or not checks.began_at:
        return held
    health, checks = judge(check, checks, container.health, exit_code, at)
    after = held if health == container.health else _with(held, _with_health(container, health))
    return replace(after, checks={**held.checks, name: checks})


def shifted(held: Held, by: Duration, now: Instant) -> Held:
    """The clock jumped by so much, to `now`: what is measured from goes along, what was reported does not.

    Nothing is later than now: what was noted since the jump has its time already.
    """

    def moved(at: Instant) -> Instant:
        return min(at + by, now) if at else 0

    begun = [container.name for container in held.state.containers if container.started_at]
    checks = {
        name: replace(
            c,
            started_at=moved(c.started_at),
            began_at=moved(c.began_at),
            ended_at=moved(c.ended_at),
        )
        for name, c in held.checks.items()
    }
    return replace(
        held,
        terminated={name: moved(at) for name, at in held.terminated.items()},
        first_starts={name: moved(held.first_start(name)) for name in begun},
        restarted_at={name: moved(held.last_start(name)) for name in begun},
        checks=checks,
    )


def terminated(held: Held, name: str, at: Instant) -> Held:
    """SIGTERM was sent to it."""
    return replace(held, terminated={**held.terminated, name: at})


def killed(held: Held, name: str) -> Held:
    """SIGKILL was sent to it."""
    return replace(held, killed=held.killed | {name})


def recovered(state: UnitState) -> Held:
    """A unit of an agent that died: all that is left of it is how it ended."""
    return Held(UnitSpec(state.unit_id, "task"), state)


def end(held: Held, reason: str, now: Instant) -> Held:
    """The node itself ends the unit; one that is ending already keeps its reason."""
    if held.state.stopping_at or held.state.status == "stopped":
        return held
    return replace(held, state=msgspec.structs.replace(held.state, stopping_at=now, reason=reason))


def refused(held: Held, reason: str, now: Instant) -> Held:
    """The node cannot run the unit at all."""
    state = msgspec.structs.replace(
        held.state, status="stopped", stop_code=TASK_FAILED_TO_START, reason=reason, stopped_at=now
    )
    return replace(held, state=state)


def reported(held: Held, state: UnitState) -> Held:
    """A function host's own report takes the place of what was seen before."""
    return replace(held, state=state)


def ending(want: Want | None, held: Held) -> tuple[str, str] | None:
    """Why the unit is to end: (stop code, reason), both "" when the plane asked for it; None: it goes on.

    An essential container's end, with whatever exit code, ends the task (ECS API reference,
    ContainerDefinition.essential); so does one that cannot start.
    """
    if held.state.stopping_at:
        return held.state.stop_code, held.state.reason
    stopped = {c.name: c for c in held.state.containers if c.status == "stopped"}
    essential = [stopped[c.name] for c in held.spec.containers if c.essential and c.name in stopped]
    if failed := [c.reason for c in essential if c.started_at == 0]:
        whole = [reason for reason in failed if reason.startswith(RESOURCE_INITIALIZATION_ERROR)]
        return TASK_FAILED_TO_START, whole[0] if whole else FAILED_TO_START_REASON
    if essential or (stopped and len(stopped) == len(held.state.containers)):
        return ESSENTIAL_CONTAINER_EXITED, ESSENTIAL_EXITED_REASON
    if want is None or not want.run:
        return "", ""
    return None


def observe(want: Want | None, held: Held, now: Instant) -> Held:
    """Write the unit-wide columns from the containers; the same object when nothing changed.

    The unit is as far as its least advanced container (ECS: a task's status is the minimum of its
    containers'), but "stopping" from the moment that its end is decided.
    """
    state = held.state
    if held.spec.kind == "function" or state.status == "stopped":
        return held
    end = ending(want, held)
    containers = state.containers
    if all(c.status == "stopped" for c in containers):
        status = "stopped"
    elif end is not None:
        status = "stopping"
    else:
        status = "pending" if any(c.status == "pending" for c in containers) else "running"
    essential = {c.name for c in held.spec.containers if c.essential}
    gone = [c.stopped_at for c in containers if c.name in essential and c.started_at and c.stopped_at]
    everything_ran = all(c.started_at for c in containers)
    after = msgspec.structs.replace(
        state,
        status=status,
        stop_code=end[0] if end else "",
        reason=end[1] if end else "",
        started_at=max((c.started_at for c in containers), default=0) if everything_ran else 0,
        stopping_at=state.stopping_at or (now if end else 0),
        execution_stopped_at=min(gone, default=0),
        stopped_at=now if status == "stopped" else 0,
    )
    return held if after == state else replace(held, state=after)


def _with_health(container: ContainerState, health: Health) -> ContainerState:
    return msgspec.structs.replace(container, health=health)


def _with(held: Held, container: ContainerState) -> Held:
    """The unit with that container's state in place of the old one."""
    containers = tuple(container if c.name == container.name else c for c in held.state.containers)
    return replace(held, state=msgspec.structs.replace(held.state, containers=containers))
