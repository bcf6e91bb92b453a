"""The agent: makes what runs on this node what the plane wants, and reports what it sees.

Holds the desired set and the units; asks plan.py about each unit that something happened to, and hands the
actions to the runner or the function host. Everything that happens in one turn of the loop is worked off
together: one ledger write, one report. Knows the messages of the link, but no socket: session.py does.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeAlias

from windlass.fleet.messages import (
    ContainerSpec,
    ContainerState,
    Desired,
    Hello,
    Invoke,
    InvokeResult,
    UnitSpec,
    UnitState,
    Want,
)
from windlass.fleet.networks import PoolCounts, SecurityGroup
from windlass.kernel.clock import SECOND, Clock, Duration, Instant, Jumps, seconds
from windlass.kernel.spawn import Spawn
from windlass.node import held as moves
from windlass.node.exec_sessions import ExecSessions
from windlass.node.held import Held, Progress
from windlass.node.identity import Identity
from windlass.node.ledger import Ledger
from windlass.node.logs import Logs
from windlass.node.network.plain import PlainNetworks
from windlass.node.outbox import Outbox
from windlass.node.plan import (
    Action,
    Check,
    Kill,
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
from windlass.node.response_streams import ResponseStreams
from windlass.node.runner import FunctionHost, Networks, Runner, Seat, Step, Watch, no_step
from windlass.node.sandbox import Connected, NotConnected
from windlass.node.task_metadata import labelled
from windlass.node.task_questions import TaskQuestions

STARTS_PER_TURN = 8
"""A start takes about a millisecond; so often the loop gets to its pipes, ends and messages meanwhile."""
SHUTDOWN_GRACE_MAX: Duration = seconds(10)
"""When the agent itself ends, no stopTimeout is longer."""
SHUTDOWN_REASON = "Host agent stopped"
LOST_REASON = "Host agent restarted"
"""Of a container that ran under an agent before this one, and of which nothing is left."""

Surroundings: TypeAlias = Callable[[Held, str], Mapping[str, str]]
"""(unit, container name) → what its environment says of the endpoints that it may ask."""

log = logging.getLogger("windlass.agent")


class Agent:
    """Implements runner.RunnerEvents. Without `host_functions`, units of kind "function" are refused."""

    def __init__(
        self,
        identity: Identity,
        clock: Clock,
        runner: Runner,
        ledger: Ledger,
        networks: Networks | None = None,
        step: Step = no_step,
    ) -> None:
        self._identity = identity
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._jumps = Jumps(clock.now(), self._loop.time())
        self._runner = runner
        self._networks: Networks = PlainNetworks() if networks is None else networks
        self.functions: FunctionHost | None = None
        self._ledger = ledger
        self._step = step
        self.outbox = Outbox()
        self.logs = Logs(self._loop, self.outbox)
        self.generation = 0
        self.endpoint = ""
        """The plane's base URL, from its last Welcome."""
        self._wants: dict[str, Want] = {}
        self._held: dict[str, Held] = {}
        self._reported: dict[str, UnitState] = {}
        self._woken: dict[str, None] = {}
        self._turn: asyncio.Handle | None = None
        self._queued: dict[str, None] = {}
        """Units with something to start, first come, first served: see STARTS_PER_TURN."""
        self._budget = 0
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._ending: asyncio.Future[None] | None = None
        self.surroundings: Surroundings = lambda held, container: {}
        self.questions = TaskQuestions(self._loop, clock)
        self.execs = ExecSessions(runner, self._to_exec)
        self.streams = ResponseStreams()
        self._told = True
        """False while adopted units wait for the plane to say what it wants: nothing new is started then."""
        runner.attach(self, self.logs)

    def reach_plane(self, endpoint: str) -> None:
        """That is the plane's URL now, for all that starts from now on."""
        self.endpoint = endpoint
        self._networks.reach_plane(endpoint)

    def keep_spares(self, count: int, tell: Callable[[PoolCounts], bool]) -> None:
        """A plane wants so many sandboxes made ahead, and takes what comes of it by `tell`."""
        self._networks.keep_spares(count, tell)

    def take_groups(self, groups: tuple[SecurityGroup, ...]) -> None:
        """These are the security groups of the tasks of this node now."""
        self._networks.take_groups(groups)

    def host_functions(self, host: FunctionHost, spawn: Spawn, data: Path, watch: Watch) -> None:
        """Let that host run functions. `data` is its own directory, `watch` is Children.watch."""
        self.functions = host
        told = (self.reported, self.logs, self._clock, spawn, data, lambda: self.endpoint)
        host.attach(Seat(*told, self._networks, watch, self.streams))

    @property
    def node_id(self) -> str:
        return self._identity.node_id

    # what the plane says

    def hello(self) -> Hello:
        """Opens a session: everything that is held here."""
        me = self._identity
        units = tuple(held.state for held in self._held.values())
        return Hello(me.node_id, me.token, me.cpu_units, me.memory_mib, self.generation, units, me.run)

    def take_secret(self, secret: str) -> bool:
        """Show that secret from now on. False: it could not be kept, so the old one stays in use."""
        if self._identity.keep is None:
            return False
        try:
            self._identity.keep(secret)
        except OSError as error:
            log.error("the new secret cannot be written: %s", error)
            return False
        self._identity = replace(self._identity, token=secret)
        return True

    def accept(self, desired: Desired) -> bool:
        """Take a desired set. False: it is not built on what is held here, so the whole set is needed.

        An older generation than the one held is ignored; a set that comes twice changes nothing. Raises
        OSError, with nothing taken, when it cannot be written down.
        """
        if desired.is_behind(self.generation) or self._ending is not None:
            return True
        if desired.since not in (-1, self.generation):
            return False
        self._hold([want for want in desired.changed if want.spec.unit_id not in self._held])
        if desired.since == -1:
            touched = dict.fromkeys((*self._wants, *self._held))
            self._wants.clear()
        else:
            touched = dict.fromkeys(desired.gone)
            for unit_id in desired.gone:
                self._wants.pop(unit_id, None)
        self._wants.update((want.spec.unit_id, want) for want in desired.changed)
        self.generation = desired.generation
        self._told = True
        self._wake(*touched, *(want.spec.unit_id for want in desired.changed))
        return True

    async def invoke(self, invoke: Invoke) -> InvokeResult:
        """Hand an event to its environment."""
        if self.functions is None:
            payload = b'{"errorMessage":"this node runs no functions"}'
            return InvokeResult(invoke.request_id, invoke.unit_id, payload, "Unhandled", usable=False)
        return await self.functions.invoke(invoke)

    def recover(self, states: Iterable[UnitState]) -> None:
        """Hold what an agent before this one ran, as it ended. Before the first session, after `adopt`."""
        for state in states:
            self._held[state.unit_id] = moves.recovered(state)
            self._reported[state.unit_id] = state
        self._networks.settle()

    def adopt(self, spec: UnitSpec, state: UnitState, progress: Progress) -> None:
        """Go on with a task of an agent before this one; nothing is started before the plane has spoken."""
        unit_id = spec.unit_id
        self._told = False
        self._held[unit_id] = moves.resumed(spec, state, progress)
        self._reported[unit_id] = state
        self._wants[unit_id] = Want(spec, run=True)
        for container in spec.containers:
            status, name = self._held[unit_id].container(container.name).status, container.name
            if status != "stopped" and self._runner.adopt(unit_id, container, progress.over.get(name, 0)):
                self._held[unit_id] = moves.adopted(self._held[unit_id], name)
            elif status == "running" and name not in progress.restarting:
                self.exited(unit_id, name, None, LOST_REASON, self._clock.now())
        self._networks.adopt(spec, self._held[unit_id].state, partial(self._reconnected, unit_id))
        self._wake(unit_id)

    def look_up(self, unit_id: str) -> Held | None:
        """The unit as it is now, if this node holds it."""
        return self._held.get(unit_id)

    def _to_exec(self, unit_id: str, name: str) -> tuple[ContainerSpec, Mapping[str, str]] | None:
        """A container that runs, and the defaults of its environment."""
        held = self._held.get(unit_id)
        running = held is not None and any(c.name == name and _runs(c) for c in held.state.containers)
        return (held.container_spec(name), self._defaults(held, name)) if held and running else None

    def processes(self) -> dict[int, str]:
        """The pids of all containers that run, with the unit of each."""
        return {c.pid: id for id, held in self._held.items() for c in held.state.containers if _runs(c)}

    async def shut_down(self) -> None:
        """Stop everything, with at most ten seconds of grace; returns when all units have stopped."""
        if self._ending is None:
            self._ending = self._loop.create_future()
            now = self._clock.now()
            for unit_id, held in self._held.items():
                self._held[unit_id] = moves.end(held, SHUTDOWN_REASON, now)
            self._wake(*self._held)
        self._look_for_end()
        await asyncio.shield(self._ending)
        self.logs.flush()

    async def close(self) -> None:
        """Let go of everything; what still runs goes on."""
        for timer in self._timers.values():
            timer.cancel()
        self.questions.close()
        self.execs.hang_up()
        if self._turn is not None:
            self._turn.cancel()
        if self.functions is not None:
            await self.functions.close()
        await self._runner.close()
        await self._networks.close()
        self.logs.close()

    # what runners say

    def started(self, unit_id: str, container: str, pid: int, at: Instant) -> None:
        if (held := self._held.get(unit_id)) is not None:
            self._set(moves.started(held, container, pid, at))

    def pulling(self, unit_id: str, container: str, at: Instant) -> None:
        if (held := self._held.get(unit_id)) is not None:
            self._set(moves.pulling(held, at))

    def pulled(self, unit_id: str, container: str, digest: str, at: Instant) -> None:
        if (held := self._held.get(unit_id)) is not None:
            self._set(moves.pulled(held, container, digest, at))

    def failed(self, unit_id: str, container: str, reason: str, at: Instant) -> None:
        if (held := self._held.get(unit_id)) is not None:
            self._set(moves.ended(held, container, None, reason, at))

    def exited(self, unit_id: str, container: str, exit_code: int | None, reason: str, at: Instant) -> None:
        if (held := self._held.get(unit_id)) is None:
            return
        if exit_code is not None and restarts(self._want(unit_id), held, container, exit_code, at):
            self._set(held := moves.restarting(held, container, exit_code))
            # Now, not after the turn: the next run is started in it, and must not be taken for this one.
            self._write(partial(self._ledger.note, [held.state], {unit_id: moves.progress(held)}))
        else:
            self._set(moves.ended(held, container, exit_code, reason, at))

    def checked(self, unit_id: str, container: str, exit_code: int, at: Instant) -> None:
        if (held := self._held.get(unit_id)) is not None:
            self._set(moves.checked(held, container, exit_code, at))

    def reported(self, state: UnitState) -> None:
        """A function host tells how a unit is."""
        held = self._held.get(state.unit_id)
        if held is not None and held.state.status != "stopped":
            self._set(moves.reported(held, state))

    # the loop

    def _hold(self, wants: list[Want]) -> None:
        """Write units down before the plane hears that they are held here."""
        units = [moves.fresh(want.spec) for want in wants]
        if units:
            self._ledger.hold((unit.spec, unit.state) for unit in units)
            self._held.update((unit.spec.unit_id, unit) for unit in units)

    def _set(self, held: Held) -> None:
        self._held[held.spec.unit_id] = held
        self._wake(held.spec.unit_id)

    def _wake(self, *unit_ids: str) -> None:
        """Look at these units in the next turn of the loop."""
        self._woken.update(dict.fromkeys(unit_ids))
        if self._turn is None and self._woken:
            self._turn = self._loop.call_soon(self._work)

    def _work(self) -> None:
        """One turn: plan and act for every woken unit, then write down and report what changed."""
        now = self._clock.now()
        if jump := self._jumps.look(now, self._loop.time()):
            self._go_along(jump, now)
        self._budget = STARTS_PER_TURN
        looked_at = list(self._queued)[:STARTS_PER_TURN]
        looked_at += [unit_id for unit_id in self._woken if unit_id not in self._queued]
        self._woken.clear()
        removed = [unit_id for unit_id in looked_at if unit_id in self._held and self._settle(unit_id, now)]
        self._turn = None
        self._report(looked_at)
        if removed:
            self._write(partial(self._ledger.remove, removed))
        if self._queued or self._woken:
            self._turn = self._loop.call_soon(self._work)
        self._look_for_end()

    def _go_along(self, jump: Duration, now: Instant) -> None:
        """The host's clock was set: stop timeouts, health checks and the like last as long as ever."""
        log.warning("the clock jumped by %g s", jump / SECOND)
        self._held = {unit_id: moves.shifted(held, jump, now) for unit_id, held in self._held.items()}
        self._woken.update(dict.fromkeys(self._held))

    def _settle(self, unit_id: str, now: Instant) -> bool:
        """Act for one unit until there is nothing to do now. True: it is forgotten."""
        cap = None if self._ending is None else SHUTDOWN_GRACE_MAX
        self._queued.pop(unit_id, None)
        while True:
            want = self._want(unit_id)
            self._held[unit_id] = moves.observe(want, self._held[unit_id], now)
            todo = plan(want, self._held[unit_id], now, cap)
            for action in todo.actions:
                if isinstance(action, Start) and not self._told:
                    return False  # `accept` wakes it
                if isinstance(action, Start | Check) and not self._budget:
                    self._queued[unit_id] = None
                    return False
                self._act(action, now)
                if isinstance(action, Remove):
                    return True
            if not todo.actions:
                self._woken.pop(unit_id, None)  # whatever was told during the actions is worked off
                self._set_timer(unit_id, todo.again, now)
                return False

    def _want(self, unit_id: str) -> Want | None:
        """What the plane wants of the unit; nothing shall run once the agent itself ends."""
        if self._ending is not None:
            return Want(self._held[unit_id].spec, run=False)
        return self._wants.get(unit_id)

    def _act(self, action: Action, now: Instant) -> None:
        held = self._held[action.unit_id]
        match action:
            case Start(unit_id, name):
                self._budget -= 1
                self._held[unit_id] = moves.asked(held, name)
                self._networks.connect(held.spec, name, partial(self._connected, unit_id, name))
            case Check(unit_id, name):
                self._budget -= 1
                self._held[unit_id] = moves.checking(held, name, now)
                self._runner.check(unit_id, held.container_spec(name), self._defaults(held, name))
            case Skip(unit_id, name, exit_code, reason):
                self._held[unit_id] = moves.ended(held, name, exit_code, reason, now)
            case Withdraw(unit_id, name):
                self._held[unit_id] = moves.withdrawn(held, name)
                self._runner.withdraw(unit_id, name)
            case Terminate(unit_id, name):
                self._held[unit_id] = moves.terminated(held, name, now)
                self._runner.terminate(unit_id, name)
            case Kill(unit_id, name):
                self._held[unit_id] = moves.killed(held, name)
                self._runner.kill(unit_id, name)
            case Remove(unit_id):
                self._forget(held)
            case _:
                self._act_on_function(action, held, now)

    def _connected(self, unit_id: str, name: str, network: Connected | NotConnected) -> None:
        """The container's network is there: start it, unless its unit is to end by now."""
        held, now = self._held.get(unit_id), self._clock.now()
        if held is None or name not in held.asked:
            return
        if isinstance(network, NotConnected):
            self.failed(unit_id, name, network.reason, now)
        elif moves.ending(self._want(unit_id), held) is not None:
            self._set(moves.ended(held, name, None, "", now))
        else:
            held = moves.connected(held, name, network)
            self._set(held)
            defaults = self._defaults(held, name)
            self._runner.start(held.spec, labelled(held, name), defaults, network.sandbox)

    def _reconnected(self, unit_id: str, name: str, network: Connected | NotConnected) -> None:
        """The network of an adopted container was found. When it was not, the container goes on as it is."""
        if isinstance(network, NotConnected):
            log.warning("unit %s, container %s: %s", unit_id, name, network.reason)
        elif (held := self._held.get(unit_id)) is not None:
            self._set(moves.connected(held, name, network))

    def _defaults(self, held: Held, name: str) -> dict[str, str]:
        """What the container's environment has unless its definition says otherwise."""
        sandbox = held.sandbox(name)
        endpoint = sandbox.endpoint or self.endpoint
        told = {"AWS_ENDPOINT_URL": endpoint} if endpoint else {}
        if sandbox.address:
            told["WINDLASS_TASK_ADDRESS"] = sandbox.address
        return {**told, **moves.told_ports(held, name), **self.surroundings(held, name)}

    def _act_on_function(self, action: StartFunction | StopFunction, held: Held, now: Instant) -> None:
        """Functions are their host's; without one the unit ends with a reason."""
        unit_id = action.unit_id
        if self.functions is None:
            self._held[unit_id] = moves.refused(held, "this node runs no functions", now)
        elif isinstance(action, StartFunction):
            self._held[unit_id] = moves.asked(held, "")
            self.functions.start(held.spec)
        else:
            self._held[unit_id] = moves.terminated(held, "", now)
            self.functions.stop(unit_id)

    def _forget(self, held: Held) -> None:
        unit_id = held.spec.unit_id
        last = self._reported.pop(unit_id, None)
        if held.spec.kind == "function" and self.functions is not None:
            self.functions.remove(unit_id)
        elif last is None or last.status != "stopped":  # else its files are gone already
            self._end_task(unit_id)
        del self._held[unit_id]
        self._set_timer(unit_id, None, 0)

    def _report(self, unit_ids: Iterable[str]) -> None:
        """Tell the plane and the ledger what changed; then files of what stopped are not needed any more."""
        changed: list[UnitState] = []
        stopped: list[Held] = []
        for unit_id in unit_ids:
            held = self._held.get(unit_id)
            if held is None or self._reported.get(unit_id) == held.state:
                continue
            changed.append(held.state)
            self._reported[unit_id] = held.state
            if held.state.status == "stopped":
                stopped.append(held)
        if not changed:
            return
        self._step("before report")
        progress = {state.unit_id: moves.progress(self._held[state.unit_id]) for state in changed}
        self._write(partial(self._ledger.note, changed, progress))
        self.outbox.put_states(changed)
        for held in stopped:
            self.questions.credentials.forget(held.spec.unit_id)
            self._set_timer(held.spec.unit_id, None, 0)
            if held.spec.kind == "task":
                self._end_task(held.spec.unit_id)

    def _end_task(self, unit_id: str) -> None:
        """Nothing of it runs any more: its files and networks are not needed."""
        self._runner.remove(unit_id)
        self._networks.disconnect(unit_id)

    def _write(self, write: Callable[[], None]) -> None:
        """A ledger that cannot be written stops no task; only the next agent would know too little."""
        try:
            write()
        except OSError as error:
            log.error("the ledger cannot be written: %s", error)

    def _set_timer(self, unit_id: str, at: Instant | None, now: Instant) -> None:
        """Look at the unit again at that instant, and at no other."""
        timer = self._timers.pop(unit_id, None)
        if timer is not None:
            timer.cancel()
        if at is not None:
            self._timers[unit_id] = self._loop.call_later(max(0, at - now) / SECOND, self._wake, unit_id)

    def _look_for_end(self) -> None:
        """Whether a shutdown is complete."""
        if self._ending is None or self._ending.done():
            return
        if all(held.state.status == "stopped" for held in self._held.values()):
            self._ending.set_result(None)


def _runs(container: ContainerState) -> bool:
    return container.status == "running" and container.pid > 0
