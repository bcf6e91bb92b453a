"""The function host of a node: makes environments for units, hands events to them, ends them.

Asks once per runtime which interpreter runs it. Reports each unit's state to the agent. Knows nothing of
functions as such: a unit's spec is all it gets. Known gap: environments end with their agent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeAlias, TypeVar

import msgspec

from windlass.fleet.function_messages import Prepare, Prepared
from windlass.fleet.messages import FunctionSpec, Invoke, InvokeResult, UnitSpec, UnitState
from windlass.fleet.networks import Interface
from windlass.kernel.clock import MILLISECOND, SECOND, Duration
from windlass.node.function_code import BadCode
from windlass.node.function_environment import FunctionEnvironment
from windlass.node.function_images import FunctionImages
from windlass.node.function_interpreters import IMAGE, Runtime, find
from windlass.node.function_launcher import Interpreter, Launcher, Place, Sandbox
from windlass.node.function_networks import FunctionNetworks
from windlass.node.function_outcome import gone
from windlass.node.function_packages import Files, Packages, packages_of
from windlass.node.function_process import kill_marked
from windlass.node.images.store import Image
from windlass.node.runner import Seat
from windlass.node.sandbox import Sandbox as Network

T = TypeVar("T")
_Made: TypeAlias = tuple[Runtime, Files, Sandbox, Network]
NO_IMAGES = "this node runs no functions of container images: start Windlass with --runner oci"
SWEEP_AFTER: Duration = 20 * MILLISECOND
"""How soon after an environment's end its leftovers in other sessions are killed."""


class LambdaHost:
    """Implements `FunctionHost` with one process per environment."""

    def __init__(self, launcher: Launcher, images: FunctionImages | None = None) -> None:
        """`images` makes environments of container images; None where this node cannot."""
        self._launcher = launcher
        self._images = images
        self._seat: Seat | None = None
        self._environments: dict[str, FunctionEnvironment] = {}
        self._states: dict[str, UnitState] = {}
        self._runtimes: dict[str, asyncio.Future[Runtime]] = {}
        self._packages: Packages | None = None
        self._networks: FunctionNetworks | None = None
        self._ended_lately: set[str] = set()
        self._sweeping: asyncio.TimerHandle | None = None

    def attach(self, seat: Seat) -> None:
        self._seat = seat
        self._packages = Packages(seat.data, seat.clock.now)
        self._networks = FunctionNetworks(seat.networks)

    def start(self, spec: UnitSpec) -> None:
        """Make the environment; a unit that is there already is left alone."""
        if spec.unit_id in self._states:
            return
        ended = partial(self._ended, spec.unit_id)
        environment = FunctionEnvironment(spec, self._here, ended)
        self._environments[spec.unit_id] = environment
        self._states[spec.unit_id] = UnitState(spec.unit_id, "pending", pull_started_at=self._now())
        self._here.spawn.start(f"function {spec.unit_id}", self._begin(environment))

    def stop(self, unit_id: str) -> None:
        """End the environment; its extensions, if it has any, get their SHUTDOWN."""
        environment = self._environments.get(unit_id)
        if environment is not None:
            environment.end("stopped")
        elif unit_id in self._states:
            self._here.report(self._states[unit_id])
        else:
            self._here.report(UnitState(unit_id, "stopped", stopped_at=self._now()))

    def remove(self, unit_id: str) -> None:
        self._states.pop(unit_id, None)

    def keep_networks(self, interfaces: tuple[Interface, ...]) -> None:
        self._nets.keep(interfaces)

    async def invoke(self, invoke: Invoke) -> InvokeResult:
        environment = self._environments.get(invoke.unit_id)
        return gone(invoke) if environment is None else await environment.invoke(invoke)

    async def prepare(self, question: Prepare) -> Prepared:
        """Have the image here, or packages unpacked and their runtime found, before anybody waits."""
        try:
            if question.image:
                image = await self._image(question.image)
                return Prepared(question.request_id, digest=image.digest or image.id)
            if question.packages:
                await self._files.open(question.request_id, question.packages)
                self._files.close(question.request_id)
            runtime = await self._runtime(question.runtime)
        except BadCode as error:
            return Prepared(question.request_id, error=str(error))
        if question.packages:
            is_python = runtime.family == "python"
            self._launcher.expect(Interpreter(runtime.path, runtime.version) if is_python else None)
        told = (runtime.notice, runtime.path, runtime.version)
        return Prepared(question.request_id, "", "", *told)

    async def close(self) -> None:
        """Kill all environments and what they left."""
        for environment in list(self._environments.values()):
            environment.end("the agent ends", at_once=True)
        self._nets.keep(())
        if self._sweeping is not None:
            self._sweeping.cancel()
            kill_marked(self._ended_lately)
        await self._launcher.close()
        if self._images is not None:
            await self._images.close()

    async def _begin(self, environment: FunctionEnvironment) -> None:
        spec = environment.spec
        function = spec.function
        assert function is not None
        environment.enter("code")
        try:
            made = self._of_package if function.image is None else self._of_image
            runtime, files, sandbox, network = await made(environment, function)
            if spec.unit_id in self._environments:
                await environment.begin(runtime, files, sandbox, network)
                if function.ahead or function.snapshot:
                    await environment.initialised()
            else:
                sandbox.close()
        except (OSError, BadCode) as error:
            environment.end(f"the environment could not be started: {error}")
            return
        if spec.unit_id in self._environments:
            self._note(spec.unit_id, status="running", started_at=self._now())
            self._here.report(self._states[spec.unit_id])
        else:  # it was stopped meanwhile
            environment.end()
            self._files.close(spec.unit_id)

    async def _connect(self, environment: FunctionEnvironment) -> Network:
        """Its network. Raises OSError, also when it was stopped meanwhile."""
        if environment.spec.unit_id not in self._environments:
            raise OSError("it was stopped meanwhile")
        if environment.spec.network.interface is not None:
            environment.enter("network")
        return await self._nets.connect(environment.spec)

    async def _of_package(self, environment: FunctionEnvironment, function: FunctionSpec) -> _Made:
        """What an environment of a zip file and a runtime needs. Raises OSError, BadCode."""
        unit_id = environment.spec.unit_id
        files = await self._files.open(unit_id, packages_of(function))
        runtime = await self._runtime(function.runtime)
        self._note(unit_id, pull_stopped_at=self._now())
        network = await self._connect(environment)
        environment.enter("sandbox")
        netns = Path(network.netns) if network.netns else None
        sizes = function.memory_mib, function.ephemeral_mib
        place = Place(
            unit_id,
            files.task,
            files.layers,
            *sizes,
            network=netns,
            snapshot=function.snapshot,
            template=function.template,
        )
        return runtime, files, await self._launcher.open(place), network

    async def _of_image(self, environment: FunctionEnvironment, function: FunctionSpec) -> _Made:
        """What an environment of a container image needs. Raises OSError, BadCode."""
        unit_id = environment.spec.unit_id
        assert function.image is not None
        image = await self._image(function.image.reference)
        assert self._images is not None
        self._note(unit_id, pull_stopped_at=self._now())
        network = await self._connect(environment)
        environment.enter("sandbox")
        sandbox = self._images.open(unit_id, function, image, network)
        return IMAGE, Files(Path(sandbox.task_root)), sandbox, network

    async def _image(self, reference: str) -> Image:
        """Raises BadCode."""
        if self._images is None:
            raise BadCode(NO_IMAGES)
        return await self._images.fetch(reference)

    def _ended(self, unit_id: str, why: str) -> None:
        if self._environments.pop(unit_id, None) is None:
            return
        self._nets.leave(unit_id)
        self._files.close(unit_id)
        self._note(unit_id, status="stopped", reason=why, stopped_at=self._now())
        self._here.report(self._states[unit_id])
        self._ended_lately.add(unit_id)
        self._sweep_soon()

    def _sweep_soon(self) -> None:
        """One walk over our children for all environments that ended meanwhile."""
        if self._sweeping is None:
            wait = SWEEP_AFTER / SECOND
            self._sweeping = asyncio.get_running_loop().call_later(wait, self._sweep)

    def _sweep(self) -> None:
        self._sweeping = None
        if kill_marked(self._ended_lately):
            self._sweep_soon()
        else:
            self._ended_lately.clear()

    async def _runtime(self, name: str) -> Runtime:
        """What runs functions of that runtime; what is missing is looked for each time."""
        found = await self._once(self._runtimes, name, partial(find, name))
        if found.family == "nodejs" and not found.path:
            self._runtimes.pop(name, None)
        return found

    async def _once(self, answers: dict[str, asyncio.Future[T]], key: str, work: Callable[[], T]) -> T:
        """Do the blocking work once however many ask; a failure is not kept."""
        answer = answers.get(key)
        if answer is None:
            answer = answers[key] = asyncio.get_running_loop().run_in_executor(None, work)
        try:
            return await asyncio.shield(answer)
        except BaseException:
            answers.pop(key, None)
            raise

    def _note(self, unit_id: str, **columns: object) -> None:
        self._states[unit_id] = msgspec.structs.replace(self._states[unit_id], **columns)

    @property
    def _here(self) -> Seat:
        assert self._seat is not None, "attach comes first"
        return self._seat

    @property
    def _files(self) -> Packages:
        assert self._packages is not None, "attach comes first"
        return self._packages

    @property
    def _nets(self) -> FunctionNetworks:
        assert self._networks is not None, "attach comes first"
        return self._networks

    def _now(self) -> int:
        return self._here.clock.now()
