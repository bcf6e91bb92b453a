"""The agent's plan for one unit: tables of situations, and lives of random tasks from start to end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.fleet.messages import (
    Condition,
    ContainerSpec,
    FunctionSpec,
    HealthCheck,
    RestartPolicy,
    UnitSpec,
    UnitState,
    Want,
)
from windlass.kernel.clock import HOUR, SECOND
from windlass.node import held as moves
from windlass.node.held import Held, fresh, observe
from windlass.node.plan import (
    Action,
    Check,
    Kill,
    Plan,
    Remove,
    Skip,
    Start,
    StartFunction,
    StopFunction,
    Terminate,
    Withdraw,
    plan,
    restarts,
)

NOW = 1_800_000_000 * SECOND
U = "u1"


def a_task(*containers: ContainerSpec) -> Want:
    return Want(UnitSpec(U, "task", containers), run=True)


def c(name: str, *depends_on: tuple[str, Condition], **fields: Any) -> ContainerSpec:
    return ContainerSpec(name=name, command=("true",), depends_on=depends_on, **fields)


def a_held(want: Want, **states: object) -> Held:
    """A unit with containers in these states: "running", an exit code, or None (could not start)."""
    held = fresh(want.spec)
    for name, state in states.items():
        if state is None:
            held = moves.ended(held, name, None, "CannotStartContainerError: no", NOW)
            continue
        held = moves.started(moves.asked(held, name), name, 42, NOW)
        if state != "running":
            assert isinstance(state, int)
            held = moves.ended(held, name, state, "", NOW)
    return held


def actions(want: Want | None, held: Held, now: int = NOW) -> list[Action]:
    return list(plan(want, observe(want, held, now), now).actions)


ONE = a_task(c("a"))
TWO = a_task(c("a"), c("b", ("a", "START")))
INIT = a_task(c("init", essential=False), c("app", ("init", "SUCCESS")))


@pytest.mark.parametrize(
    ("want", "states", "expected"),
    [
        (ONE, {}, [Start(U, "a")]),
        (ONE, {"a": "running"}, []),
        (TWO, {}, [Start(U, "a")]),
        (TWO, {"a": "running"}, [Start(U, "b")]),
        (TWO, {"a": "running", "b": "running"}, []),
        (TWO, {"a": "running", "b": 0}, [Terminate(U, "a")]),
        (TWO, {"a": 1, "b": "running"}, [Terminate(U, "b")]),
        (TWO, {"a": None}, [Skip(U, "b", None, "")]),
        (INIT, {}, [Start(U, "init")]),
        (INIT, {"init": "running"}, []),
        (INIT, {"init": 0}, [Start(U, "app")]),
        (
            INIT,
            {"init": 3},
            [
                Skip(
                    U,
                    "app",
                    143,
                    "CannotStartContainerError: container app cannot start: "
                    "dependency init has failed with exit code 3",
                )
            ],
        ),
        (
            INIT,
            {"init": None},
            [
                Skip(
                    U,
                    "app",
                    143,
                    "CannotStartContainerError: container app cannot start: dependency init did not start",
                )
            ],
        ),
        (a_task(c("i", essential=False), c("a", ("i", "COMPLETE"))), {"i": 3}, [Start(U, "a")]),
        (a_task(c("i", essential=False), c("a", ("i", "START"))), {"i": 3}, [Start(U, "a")]),
        (a_task(c("a"), c("side", essential=False)), {"a": "running", "side": 1}, []),
        (a_task(c("a"), c("side", essential=False)), {"a": "running", "side": None}, []),
    ],
)
def test_next_actions(want: Want, states: dict[str, object], expected: list[Action]) -> None:
    """A unit in that situation, and what is done next."""
    assert actions(want, a_held(want, **states)) == expected


@pytest.mark.parametrize(
    ("want", "why"),
    [
        (a_task(c("a", ("a", "START"))), "its dependencies wait for each other"),
        (a_task(c("a", ("b", "SUCCESS")), c("b", ("a", "START"))), "its dependencies wait for each other"),
        (a_task(c("a", ("x", "START"))), "it depends on x, which is not in the task"),
        (
            a_task(c("a"), c("b", ("a", "HEALTHY"))),
            "it waits for a to be HEALTHY, which has no health check",
        ),
    ],
)
def test_what_can_never_start(want: Want, why: str) -> None:
    """Dependencies that nothing can satisfy fail at once, with the reason, instead of waiting for ever."""
    skips = [a for a in actions(want, fresh(want.spec)) if isinstance(a, Skip)]
    assert skips[0].reason == f"CannotStartContainerError: container {skips[0].container} cannot start: {why}"


CHECK = HealthCheck(("true",), interval_s=5.0, retries=1)
CHECKED = a_task(c("db", health_check=CHECK, start_timeout_s=60.0), c("app", ("db", "HEALTHY")))


def test_checks_and_who_waits_for_them() -> None:
    """1. An interval after the start: a check. 2. It fails: app waits. 3. The next succeeds: app starts."""
    held = a_held(CHECKED, db="running")
    assert plan(CHECKED, held, NOW) == Plan((), again=NOW + 5 * SECOND)
    assert plan(CHECKED, held, NOW + 5 * SECOND).actions == (Check(U, "db"),)
    held = moves.checking(held, "db", NOW + 5 * SECOND)
    assert plan(CHECKED, held, NOW + 6 * SECOND) == Plan((), again=NOW + 60 * SECOND)
    held = moves.checked(held, "db", 1, NOW + 6 * SECOND)
    assert held.container("db").health == "UNHEALTHY"
    assert plan(CHECKED, held, NOW + 6 * SECOND) == Plan((), again=NOW + 11 * SECOND)
    held = moves.checked(moves.checking(held, "db", NOW + 11 * SECOND), "db", 0, NOW + 12 * SECOND)
    assert plan(CHECKED, held, NOW + 12 * SECOND).actions == (Start(U, "app"),)


def test_a_check_that_ends_after_its_container() -> None:
    """Nothing is checked once the task ends, and a late result says nothing."""
    held = moves.checking(a_held(CHECKED, db="running"), "db", NOW)
    held = moves.ended(held, "db", 0, "", NOW)
    assert moves.checked(held, "db", 0, NOW) is held
    stopping = Want(CHECKED.spec, run=False)
    due = actions(stopping, a_held(CHECKED, db="running"), NOW + 9 * SECOND)
    assert due == [Terminate(U, "db"), Skip(U, "app", None, "")]


@pytest.mark.parametrize(
    ("held", "now", "why"),
    [
        (
            a_held(CHECKED, db="running"),
            NOW + 60 * SECOND,
            "did not reach HEALTHY within its startTimeout of 60 s",
        ),
        (
            a_held(a_task(c("db", essential=False, health_check=CHECK), CHECKED.spec.containers[1]), db=0),
            NOW,
            "dependency db stopped before it was HEALTHY",
        ),
    ],
)
def test_dependencies_that_do_not_become_healthy(held: Held, now: int, why: str) -> None:
    """Too late, or never any more: who waits for them never starts."""
    want = Want(held.spec, run=True)
    [skip] = [action for action in actions(want, held, now) if isinstance(action, Skip)]
    assert skip.container == "app" and skip.reason.endswith(why)


AGAIN = a_task(c("a", restart_policy=RestartPolicy((0,), 60.0), health_check=CHECK, stop_timeout_s=0.0))


def test_a_container_starts_again() -> None:
    """1. It exits late enough. 2. It runs on for everybody else. 3. Started again, its periods begin anew."""
    held = moves.checked(moves.checking(a_held(AGAIN, a="running"), "a", NOW), "a", 0, NOW)
    exited_at = NOW + 60 * SECOND
    assert restarts(AGAIN, held, "a", 3, exited_at)
    assert not restarts(AGAIN, held, "a", 0, exited_at)
    assert not restarts(AGAIN, held, "a", 3, exited_at - 1)
    assert not restarts(Want(AGAIN.spec, run=False), held, "a", 3, exited_at)
    held = moves.restarting(held, "a", 3)
    state = held.container("a")
    assert (state.status, state.pid, state.restart_count, state.health) == ("running", 0, 1, "UNKNOWN")
    assert actions(AGAIN, held, exited_at) == [Start(U, "a")]
    held = moves.asked(held, "a")
    assert actions(AGAIN, held, exited_at) == []
    held = moves.started(held, "a", 43, exited_at)
    assert (held.container("a").pid, held.container("a").started_at) == (43, NOW)
    assert plan(AGAIN, held, exited_at) == Plan((), again=exited_at + 5 * SECOND)
    assert not restarts(AGAIN, held, "a", 3, exited_at + 59 * SECOND)
    assert restarts(AGAIN, held, "a", 3, exited_at + 60 * SECOND)


def test_a_stop_between_two_runs() -> None:
    """What was about to start again ends with its last exit code; a start under way is withdrawn."""
    stop = Want(AGAIN.spec, run=False)
    between = moves.restarting(a_held(AGAIN, a="running"), "a", 3)
    assert actions(stop, between) == [Skip(U, "a", 3, "")]
    asked = moves.asked(between, "a")
    assert actions(stop, asked) == [Withdraw(U, "a")]
    asked = moves.withdrawn(asked, "a")
    assert actions(stop, asked) == []
    assert moves.ended(asked, "a", None, "", NOW).container("a").exit_code == 3, "it was in time"
    assert actions(stop, moves.started(asked, "a", 43, NOW)) == [Terminate(U, "a")], "it was too late"
    failed = moves.ended(asked, "a", None, "CannotStartContainerError: no", NOW)
    assert observe(AGAIN, failed, NOW).state.stop_code == "EssentialContainerExited"


def test_start_timeout() -> None:
    """A dependency that does not complete within its startTimeout fails whoever waits for it."""
    want = a_task(c("slow", essential=False, start_timeout_s=2.0), c("app", ("slow", "COMPLETE")))
    held = a_held(want, slow="running")
    assert plan(want, held, NOW) == Plan((), again=NOW + 2 * SECOND)
    (skip,) = plan(want, held, NOW + 2 * SECOND).actions
    assert isinstance(skip, Skip)
    assert skip.reason.endswith("dependency slow did not reach COMPLETE within its startTimeout of 2 s")


def test_stop_takes_its_time() -> None:
    """SIGTERM, then SIGKILL when the stopTimeout is over, then nothing; a cap shortens it."""
    want = Want(a_task(c("a", stop_timeout_s=5.0)).spec, run=False)
    held = observe(want, a_held(want, a="running"), NOW)
    assert held.state.status == "stopping"
    assert plan(want, held, NOW).actions == (Terminate(U, "a"),)
    held = moves.terminated(held, "a", NOW)
    assert plan(want, held, NOW) == Plan((), again=NOW + 5 * SECOND)
    assert plan(want, held, NOW, stop_timeout_max=SECOND) == Plan((), again=NOW + SECOND)
    assert plan(want, held, NOW + 5 * SECOND).actions == (Kill(U, "a"),)
    killed = moves.killed(held, "a")
    assert plan(want, killed, NOW + 6 * SECOND) == Plan()
    next_agents = moves.resumed(want.spec, killed.state, moves.progress(killed))
    assert plan(want, next_agents, NOW + 6 * SECOND).actions == (Kill(U, "a"),), "it may never have been sent"


def test_a_container_found_by_the_next_agent_is_not_started_again() -> None:
    """The runner has found it started, and says so a moment later."""
    want = a_task(c("a"), c("b"))
    held = moves.adopted(a_held(want, b="running"), "a")
    assert plan(want, held, NOW) == Plan()
    assert moves.adopted(held, "b") == held
    held = moves.started(held, "a", 7, NOW)
    assert (plan(want, held, NOW), held.container("a").status) == (Plan(), "running")
    between = moves.adopted(moves.restarting(held, "a", 1), "a")
    assert plan(want, between, NOW) == Plan()


def test_a_stop_that_has_to_be_over_by_then() -> None:
    """`stop_within` ends the whole unit: what its stopTimeout let go on, and what waits for a dependent."""
    spec = a_task(c("a", stop_timeout_s=5.0), c("b", ("a", "START"), stop_timeout_s=5.0)).spec
    want = Want(spec, run=False, stop_within=7 * SECOND)
    held = observe(want, a_held(want, a="running", b="running"), NOW)
    assert plan(want, held, NOW) == Plan((Terminate(U, "b"),), again=NOW + 7 * SECOND)
    stuck = moves.terminated(held, "b", NOW + 3 * SECOND)
    assert plan(want, stuck, NOW + 6 * SECOND) == Plan((), again=NOW + 7 * SECOND)
    assert plan(want, stuck, NOW + 7 * SECOND).actions == (Kill(U, "a"), Kill(U, "b"))
    obedient = moves.terminated(moves.ended(held, "b", 143, "", NOW + SECOND), "a", NOW + SECOND)
    assert plan(want, obedient, NOW + SECOND) == Plan((), again=NOW + 6 * SECOND)


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_all_that_is_measured_goes_along_with_a_clock_that_jumps(jump: int) -> None:
    """startTimeout, stopTimeout and the next health check are as far away as before."""
    check = HealthCheck(("true",), interval_s=9.0)
    want = a_task(
        c("slow", essential=False, start_timeout_s=20.0, health_check=check), c("app", ("slow", "COMPLETE"))
    )
    held = moves.shifted(a_held(want, slow="running"), jump, NOW + SECOND + jump)
    assert plan(want, held, NOW + SECOND + jump) == Plan((), again=NOW + 9 * SECOND + jump)
    held = moves.checking(held, "slow", NOW + 9 * SECOND + jump)
    assert plan(want, held, NOW + 9 * SECOND + jump) == Plan((), again=NOW + 20 * SECOND + jump)
    stop = Want(a_task(c("a", stop_timeout_s=5.0)).spec, run=False)
    told = moves.terminated(observe(stop, a_held(stop, a="running"), NOW), "a", NOW)
    told = moves.shifted(told, jump, NOW + SECOND + jump)
    assert plan(stop, told, NOW + SECOND + jump) == Plan((), again=NOW + 5 * SECOND + jump)


def test_a_start_without_answer_is_waited_for() -> None:
    """A container that the runner was asked to start is neither started again nor skipped when all ends."""
    held = moves.asked(fresh(ONE.spec), "a")
    assert plan(ONE, held, NOW) == Plan()
    stop = Want(ONE.spec, run=False)
    assert plan(stop, held, NOW) == Plan((Withdraw(U, "a"),))
    assert plan(stop, moves.withdrawn(held, "a"), NOW) == Plan()


@pytest.mark.parametrize(
    ("want", "states", "code", "reason"),
    [
        (ONE, {"a": 0}, "EssentialContainerExited", "Essential container in task exited"),
        (ONE, {"a": 137}, "EssentialContainerExited", "Essential container in task exited"),
        (ONE, {"a": None}, "TaskFailedToStart", "Task failed to start"),
        (Want(ONE.spec, run=False), {}, "", ""),
        (Want(ONE.spec, run=False), {"a": "running"}, "", ""),
        (ONE, {"a": "running"}, "", ""),
    ],
)
def test_why_it_stops(want: Want, states: dict[str, object], code: str, reason: str) -> None:
    """The stop code and reason that ECS shows."""
    state = observe(want, a_held(want, **states), NOW).state
    assert (state.stop_code, state.reason) == (code, reason)


def test_a_stop_that_was_asked_for_stays_one() -> None:
    """The end of an essential container after StopTask does not become the reason of the stop."""
    want = Want(ONE.spec, run=False)
    held = observe(want, a_held(want, a="running"), NOW)
    held = observe(want, moves.ended(held, "a", 143, "", NOW + SECOND), NOW + SECOND)
    assert (held.state.status, held.state.stop_code, held.state.reason) == ("stopped", "", "")
    assert (held.state.stopping_at, held.state.execution_stopped_at) == (NOW, NOW + SECOND)


def test_remove() -> None:
    """A stopped unit is kept until the plane wants it no more; a running one is stopped first."""
    done = observe(ONE, a_held(ONE, a=0), NOW)
    assert actions(ONE, done) == []
    assert actions(Want(ONE.spec, run=False), done) == []
    assert actions(None, done) == [Remove(U)]
    assert actions(None, a_held(ONE, a="running")) == [Terminate(U, "a")]


def test_functions_are_their_hosts() -> None:
    """A function unit is started once, stopped once, and removed when its host says that it stopped."""
    function = FunctionSpec("sha", "/code", "m.f", "python3.12", 128, 3.0, 10.0)
    want = Want(UnitSpec(U, "function", function=function), run=True)
    held = fresh(want.spec)
    assert actions(want, held) == [StartFunction(U)]
    held = moves.asked(held, "")
    assert actions(want, held) == []
    assert actions(None, held) == [StopFunction(U)]
    held = moves.terminated(held, "", NOW)
    assert actions(None, held) == []
    held = moves.reported(held, UnitState(U, "stopped"))
    assert actions(want, held) == []
    assert actions(None, held) == [Remove(U)]


# lives of random tasks


@st.composite
def tasks(draw: st.DrawFn) -> Want:
    """Up to five containers that depend on earlier ones, at least one of them essential."""
    names = ["a", "b", "c", "d", "e"][: draw(st.integers(1, 5))]
    conditions: st.SearchStrategy[Condition] = st.sampled_from(["START", "COMPLETE", "SUCCESS", "HEALTHY"])
    specs = []
    for i, name in enumerate(names):
        on = draw(st.lists(st.sampled_from(names[:i]), unique=True, max_size=2)) if i else []
        specs.append(
            c(
                name,
                *((dependency, draw(conditions)) for dependency in on),
                essential=draw(st.booleans()),
                stop_timeout_s=draw(st.sampled_from([0.0, 2.0, 30.0])),
                start_timeout_s=draw(st.sampled_from([None, 5.0])),
                health_check=draw(st.sampled_from([None, HealthCheck(("true",), 3.0, retries=2)])),
                restart_policy=draw(st.sampled_from([None, RestartPolicy((0,), 4.0)])),
            )
        )
    specs[-1] = msgspec.structs.replace(specs[-1], essential=True)
    return a_task(*specs)


def check_start(held: Held, name: str) -> None:
    """Everything that the container depends on is as far as it must be."""
    spec = next(s for s in held.spec.containers if s.name == name)
    for dependency, condition in spec.depends_on:
        state = held.container(dependency)
        if condition == "START":
            assert state.started_at
        elif condition == "HEALTHY":
            assert (state.status, state.health) == ("running", "HEALTHY")
        elif condition == "COMPLETE":
            assert state.status == "stopped" and state.exit_code is not None
        else:
            assert state.exit_code == 0


def check_stop(held: Held, name: str) -> None:
    """Nobody who depends on the container still runs."""
    for spec in held.spec.containers:
        if any(on == name for on, _ in spec.depends_on):
            assert held.container(spec.name).status != "running"


def act(held: Held, action: Action, now: int, data: st.DataObject) -> Held:
    """What a runner might answer."""
    match action:
        case Start(_, name):
            assert name not in held.asked
            if name not in held.restarting:
                check_start(held, name)
            held = moves.asked(held, name)
            if data.draw(st.integers(0, 9)) == 0:
                return moves.ended(held, name, None, "CannotStartContainerError: no", now)
            return moves.started(held, name, 42, now)
        case Skip(_, name, exit_code, reason):
            assert held.container(name).status == "pending" or name in held.restarting
            return moves.ended(held, name, exit_code, reason, now)
        case Check(_, name):
            assert held.container(name).status == "running" and name not in held.restarting
            held = moves.checking(held, name, now)
            return moves.checked(held, name, data.draw(st.integers(0, 1)), now)
        case Terminate(_, name):
            check_stop(held, name)
            assert name not in held.terminated
            held = moves.terminated(held, name, now)
            ignores = data.draw(st.booleans())
            return held if ignores else moves.ended(held, name, 143, "", now)
        case Kill(_, name):
            assert name in held.terminated and name not in held.killed
            return moves.ended(moves.killed(held, name), name, 137, "", now)
    raise AssertionError(action)


@given(tasks(), st.data())
def test_a_life(want: Want, data: st.DataObject) -> None:
    """From any task, with any exits: order is kept, it always settles, and then there is nothing to do."""
    now = NOW
    held = observe(want, fresh(want.spec), now)
    asked_to_stop = data.draw(st.one_of(st.none(), st.integers(0, 10)))
    if any(spec.restart_policy or spec.health_check for spec in want.spec.containers):
        asked_to_stop = asked_to_stop or 20  # it could live for ever
    for step in range(200):
        if step == asked_to_stop:
            want = Want(want.spec, run=False)
        held = observe(want, held, now)
        todo = plan(want, held, now)
        assert plan(want, held, now) == todo
        for action in todo.actions:
            held = act(held, action, now, data)
        if todo.actions:
            continue
        if held.state.status == "stopped":
            break
        running = [s.name for s in held.state.containers if s.status == "running"]
        assert running, "nothing runs, nothing is to do, and it has not stopped"
        if todo.again is not None and (held.terminated or data.draw(st.booleans())):
            assert todo.again > now
            now = todo.again
        else:
            now += SECOND
            name, exit_code = data.draw(st.sampled_from(running)), data.draw(st.integers(0, 2))
            if restarts(want, held, name, exit_code, now):
                held = moves.restarting(held, name, exit_code)
            else:
                held = moves.ended(held, name, exit_code, "", now)
    assert held.state.status == "stopped"
    assert plan(want, held, now) == Plan()
    assert observe(want, held, now) is held
    assert plan(None, held, now).actions == (Remove(U),)
    assert all(s.status == "stopped" for s in held.state.containers)
    assert held.state.stopped_at >= held.state.stopping_at > 0


@given(tasks())
def test_held_rows_do_not_change(want: Want) -> None:
    """Moves return new rows; the old one stays as it was."""
    held = fresh(want.spec)
    before = replace(held)
    moves.started(moves.asked(held, held.spec.containers[0].name), held.spec.containers[0].name, 1, NOW)
    assert held == before
