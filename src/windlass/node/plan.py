"""What to do next for a unit: the difference between what the plane wants and what runs, as actions.

Decides the order of containers (dependsOn), what an end of one means for the others, when a health check is
due, which container starts again, and when patience with SIGTERM is over. Pure: time is an argument; knows
no process, no loop, no plane. Asked again after every action and every event, it returns nothing more once
the unit is as it should be.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from windlass.fleet.messages import Condition, ContainerSpec, ContainerState, Want
from windlass.kernel.clock import Duration, Instant, seconds
from windlass.node.health import is_to_restart, next_check
from windlass.node.held import Held, ending

EXIT_CODE_NEVER_STARTED = 143
"""What ECS reports for a container whose dependency failed; amazon-ecs-agent: engine/task_manager.go."""


@dataclass(frozen=True, slots=True)
class Start:
    """Start the container: all that it depends on is as far as it must be."""

    unit_id: str
    container: str


@dataclass(frozen=True, slots=True)
class Skip:
    """The container will never start, or not again: record it as stopped, with that exit code and reason."""

    unit_id: str
    container: str
    exit_code: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Check:
    """Run the container's health check."""

    unit_id: str
    container: str


@dataclass(frozen=True, slots=True)
class Terminate:
    """Send SIGTERM; the container has its stopTimeout from then on."""

    unit_id: str
    container: str


@dataclass(frozen=True, slots=True)
class Withdraw:
    """The container was to start, and is not wanted any more: its image need not be waited for."""

    unit_id: str
    container: str


@dataclass(frozen=True, slots=True)
class Kill:
    """Send SIGKILL: the container's stopTimeout is over."""

    unit_id: str
    container: str


@dataclass(frozen=True, slots=True)
class StartFunction:
    """Hand the unit to the function host."""

    unit_id: str


@dataclass(frozen=True, slots=True)
class StopFunction:
    """Have the function host end the environment."""

    unit_id: str


@dataclass(frozen=True, slots=True)
class Remove:
    """Forget the unit: it stopped, and the plane has taken that in."""

    unit_id: str


Action: TypeAlias = Start | Skip | Check | Withdraw | Terminate | Kill | StartFunction | StopFunction | Remove


@dataclass(frozen=True, slots=True)
class Plan:
    """Actions in their order, and when to ask again although nothing happened (None: no need)."""

    actions: tuple[Action, ...] = ()
    again: Instant | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """A dependency is not there yet; `until` is when its startTimeout is over."""

    until: Instant | None


@dataclass(frozen=True, slots=True)
class Never:
    """A dependency can no longer be met."""

    why: str


def plan(want: Want | None, held: Held, now: Instant, stop_timeout_max: Duration | None = None) -> Plan:
    """The next actions for one unit. `stop_timeout_max` shortens every stopTimeout (the agent shuts down).

    Two containers, b depends on a (START): pending, pending → Start(a); a running → Start(b);
    want stop → Terminate(b); b stopped → Terminate(a); a's stopTimeout over → Kill(a).
    """
    if held.spec.kind == "function":
        return _plan_function(want, held)
    if held.state.status == "stopped":
        return Plan((Remove(held.spec.unit_id),)) if want is None else Plan()
    if ending(want, held) is not None:
        return _plan_end(held, now, stop_timeout_max, want.stop_within if want is not None else 0)
    start, upkeep = _plan_start(held, now), _plan_upkeep(held, now)
    return Plan((*start.actions, *upkeep.actions), _earliest(start.again, upkeep.again))


def restarts(want: Want | None, held: Held, name: str, exit_code: int, now: Instant) -> bool:
    """Whether that container, which just exited, is to start again: its policy says so, its task goes on."""
    policy = held.container_spec(name).restart_policy
    return ending(want, held) is None and is_to_restart(policy, exit_code, held.last_start(name), now)


def _plan_function(want: Want | None, held: Held) -> Plan:
    """A function host answers by reports; asking it twice for the same is harmless, and avoided."""
    unit_id = held.spec.unit_id
    if held.state.status == "stopped":
        return Plan((Remove(unit_id),)) if want is None else Plan()
    if want is not None and want.run:
        return Plan() if held.asked else Plan((StartFunction(unit_id),))
    return Plan() if held.terminated else Plan((StopFunction(unit_id),))


def _plan_start(held: Held, now: Instant) -> Plan:
    """Start what can start; give up on what never will."""
    specs = {c.name: c for c in held.spec.containers}
    states = {c.name: c for c in held.state.containers}
    hopeless = _stuck(specs, states)
    actions: list[Action] = []
    again: Instant | None = None
    for spec in held.spec.containers:
        if states[spec.name].status != "pending" or spec.name in held.asked:
            continue
        if spec.cannot_start:
            actions.append(Skip(held.spec.unit_id, spec.name, None, spec.cannot_start))
            continue
        verdicts = [
            _verdict(held, specs, states, name, condition, now) for name, condition in spec.depends_on
        ]
        never = [v.why for v in verdicts if isinstance(v, Never)]
        if spec.name in hopeless:
            never.append("its dependencies wait for each other")
        if never:
            reason = f"CannotStartContainerError: container {spec.name} cannot start: {never[0]}"
            actions.append(Skip(held.spec.unit_id, spec.name, EXIT_CODE_NEVER_STARTED, reason))
        elif waits := [v for v in verdicts if isinstance(v, Wait)]:
            again = _earliest(again, *(w.until for w in waits))
        else:
            actions.append(Start(held.spec.unit_id, spec.name))
    return Plan(tuple(actions), again)


def _verdict(
    held: Held,
    specs: Mapping[str, ContainerSpec],
    states: Mapping[str, ContainerState],
    name: str,
    condition: Condition,
    now: Instant,
) -> Wait | Never | None:
    """Whether the dependency on `name` is met (None), may still be, or never will.

    The rules are the ECS agent's (agent/engine/dependencygraph/graph.go); startTimeout belongs to the
    dependency, runs from its start, and does not apply to START.
    """
    if name not in states:
        return Never(f"it depends on {name}, which is not in the task")
    dependency = states[name]
    if condition == "HEALTHY" and specs[name].health_check is None:
        return Never(f"it waits for {name} to be HEALTHY, which has no health check")
    if dependency.status == "stopped":
        return _verdict_stopped(dependency, condition)
    if condition == "START":
        return None if dependency.status == "running" else Wait(None)
    if condition == "HEALTHY" and dependency.health == "HEALTHY":
        return None
    timeout = specs[name].start_timeout_s
    if dependency.status == "pending" or not timeout:
        return Wait(None)
    deadline = held.first_start(name) + seconds(timeout)
    if now < deadline:
        return Wait(deadline)
    return Never(f"dependency {name} did not reach {condition} within its startTimeout of {timeout:g} s")


def _verdict_stopped(dependency: ContainerState, condition: Condition) -> Never | None:
    """What a stopped dependency means: a container that never started satisfies nothing."""
    if not dependency.started_at or dependency.exit_code is None:
        return Never(f"dependency {dependency.name} did not start")
    if condition == "HEALTHY":
        return Never(f"dependency {dependency.name} stopped before it was HEALTHY")
    if condition == "SUCCESS" and dependency.exit_code != 0:
        return Never(f"dependency {dependency.name} has failed with exit code {dependency.exit_code}")
    return None


def _plan_upkeep(held: Held, now: Instant) -> Plan:
    """Start again what is between two runs; check the health of what runs."""
    unit_id = held.spec.unit_id
    actions: list[Action] = []
    again: Instant | None = None
    for spec in held.spec.containers:
        if spec.name in held.restarting:
            if spec.name not in held.asked:
                actions.append(Start(unit_id, spec.name))
        elif spec.health_check is not None and held.container(spec.name).status == "running":
            due = next_check(spec.health_check, held.checks_of(spec.name))
            if due is not None and due <= now:
                actions.append(Check(unit_id, spec.name))
            else:
                again = _earliest(again, due)
    return Plan(tuple(actions), again)


def _stuck(specs: Mapping[str, ContainerSpec], states: Mapping[str, ContainerState]) -> set[str]:
    """Pending containers in a circle of dependencies, or behind one."""
    pending = {name for name, state in states.items() if state.status == "pending"}
    while free := {n for n in pending if not any(d in pending for d, _ in specs[n].depends_on)}:
        pending -= free
    return pending


def _plan_end(held: Held, now: Instant, stop_timeout_max: Duration | None, within: Duration) -> Plan:
    """Stop what runs, dependents first: SIGTERM, stopTimeout, SIGKILL. `within`: see Want.stop_within."""
    unit_id = held.spec.unit_id
    latest = held.state.stopping_at + within if within and held.state.stopping_at else None
    left = {c.name for c in held.state.containers if c.status == "running" or c.name in held.asked}
    actions: list[Action] = []
    again: Instant | None = None
    for spec in held.spec.containers:
        if held.container(spec.name).status == "pending" and spec.name not in left:
            actions.append(Skip(unit_id, spec.name, None, ""))
        if spec.name in held.asked - held.withdrawn:
            actions.append(Withdraw(unit_id, spec.name))
        if spec.name in held.restarting:  # nothing of it runs: its last exit is its end
            if spec.name not in held.asked:
                actions.append(Skip(unit_id, spec.name, held.restarting[spec.name], ""))
            continue
        if held.container(spec.name).status != "running" or spec.name in held.killed:
            continue
        if latest is not None and now >= latest:
            actions.append(Kill(unit_id, spec.name))
            continue
        again = _earliest(again, latest)
        if any(dependent in left for dependent in _dependents(held, spec.name)):
            continue
        sent_at = held.terminated.get(spec.name)
        if sent_at is None:
            actions.append(Terminate(unit_id, spec.name))
            continue
        grace = seconds(spec.stop_timeout_s)
        deadline = sent_at + (grace if stop_timeout_max is None else min(grace, stop_timeout_max))
        if now >= deadline:
            actions.append(Kill(unit_id, spec.name))
        else:
            again = _earliest(again, deadline)
    return Plan(tuple(actions), again)


def _dependents(held: Held, name: str) -> Iterator[str]:
    """Containers that depend on `name`, and so stop before it. In a circle nobody would stop: see _stuck."""
    return (c.name for c in held.spec.containers if any(on == name for on, _ in c.depends_on))


def _earliest(*instants: Instant | None) -> Instant | None:
    return min((at for at in instants if at is not None), default=None)
