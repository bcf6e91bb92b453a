"""Environments of functions that are container images: made by the OCI runtime, one container each.

Implements the sandbox of function_launcher.py: starting the program makes the container, whose first process
becomes a child of the agent (the runtime ends, and the agent adopts what it leaves) and is watched like any
other. It has the network of its function, or the host's; a read-only root; a /tmp of its own on the node's
disk; a hard memory limit. The image's USER counts for nothing, as on AWS.
What an agent that was killed leaves is taken away by the OCI runner of the next one (OciRunner.recall), in
whose directories all of this is. Known gaps: extensions in images do not run; /tmp has no size; the share of
CPU is a weight, not a limit; the docker runner runs no functions of images.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from windlass.fleet.messages import ContainerSpec, FunctionSpec, Mount
from windlass.kernel.clock import MILLISECOND, SECOND, Clock
from windlass.kernel.spawn import Spawn
from windlass.node import mounts, oci_monitor
from windlass.node.cgroups import parent_group
from windlass.node.function_code import BadCode
from windlass.node.function_launcher import Process, Program
from windlass.node.function_programs import NoProgram
from windlass.node.images.faults import BadImage, CannotPull, Withdrawn
from windlass.node.images.pulls import Pulls
from windlass.node.images.store import Image, ImageStore
from windlass.node.oci_bundle import Bundle, bundle_of, inside, lay_out
from windlass.node.oci_command import OciCommand
from windlass.node.oci_host import OciHost
from windlass.node.oci_reason import EXPECTED, reason
from windlass.node.oci_spec import Limits, working_directory
from windlass.node.runner import Watch
from windlass.node.sandbox import Sandbox as Network
from windlass.node.task_groups import TaskGroups
from windlass.node.task_room import Level

T = TypeVar("T")
USER = "993:990"
"""The user of functions, sbx_user1051 on AWS; its number is ours."""
MEMORY_MIB_PER_VCPU = 1_769
"""Lambda quotas: at 1,769 MB a function has one vCPU."""
INVALID_DIRECTORY = "Runtime.InvalidWorkingDir"
GONE_WITHIN = 5 * SECOND
"""How long a killed container is waited for."""
_LOOK = 10 * MILLISECOND


class FunctionImages:
    """Fetches images and makes sandboxes of them. `data` is the agent's directory. Lives on one loop."""

    def __init__(
        self,
        data: Path,
        host: OciHost,
        store: ImageStore,
        pulls: Pulls,
        clock: Clock,
        spawn: Spawn,
        watch: Watch,
        *,
        freezes: bool = True,
    ) -> None:
        """`freezes`: between events nothing in a container runs, where there are control groups for it."""
        self.host = host
        self.store = store
        self.clock = clock
        self.freezes = freezes
        self.units = data / "oci" / "units"
        self.state = data / "oci" / "state"
        self.commands = OciCommand(host, self.state, watch)
        self.limits = Limits(host.cgroups.swap, host.init, host.capabilities, host.rootless)
        self.groups = TaskGroups(host.cgroups, parent_group(data))
        self._ending: set[asyncio.Task[None]] = set()
        self._pulls = pulls
        self._spawn = spawn

    async def fetch(self, reference: str) -> Image:
        """The image: one that is here, or one from a registry. Raises BadCode."""
        try:
            return await self._pulls.want(reference)
        except (CannotPull, BadImage, Withdrawn) as error:
            why = str(error).removeprefix("CannotPullContainerError: ")  # as ECS says it
            raise BadCode(f"The image {reference} could not be fetched: {why}") from error

    def open(self, unit_id: str, function: FunctionSpec, image: Image, network: Network) -> ImageSandbox:
        """The place of one environment; its container is made when its program is started."""
        return ImageSandbox(self, unit_id, function, image, network)

    async def close(self) -> None:
        """Wait until what was closed is gone."""
        if self._ending:
            await asyncio.wait(self._ending)

    def end(self, unit_id: str, course: Coroutine[Any, Any, None]) -> None:
        """Have that done beside the loop, and waited for when all ends."""
        ending = self._spawn.start(f"end of function {unit_id}", course)
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)


class ImageSandbox:
    """Implements `Sandbox` with a container."""

    task_root = "/var/task"
    opt = "/opt"
    runtime_root = "/var/runtime"
    restores = False

    def __init__(
        self, images: FunctionImages, unit_id: str, function: FunctionSpec, image: Image, network: Network
    ) -> None:
        self._images = images
        self._unit_id = unit_id
        self._function = function
        self._image = image
        self._network = network
        self._loop = asyncio.get_running_loop()
        self._level = Level(unit_id, 0, 0, max(2, function.memory_mib * 1024 // MEMORY_MIB_PER_VCPU))
        self._bundles: list[Bundle] = []
        self._pid = 0
        self._process = -1
        """A pidfd of the container's first process: whoever has its number later is not meant."""

    async def start(self, program: Program) -> Process:
        """Make the container and let it run. A second start makes another, with the same /tmp.

        Raises OSError, and NoProgram for a working directory that the image does not have.
        """
        if program.argv:
            raise OSError("extensions of container images do not run on Windlass")
        group = self._images.groups.group([self._level])
        name = f"function-{len(self._bundles)}"
        bundle = bundle_of(self._images.units, group, self._unit_id, name)
        self._bundles.append(bundle)
        spec = self._container(name, program)
        reader, writer = os.pipe2(os.O_CLOEXEC)
        try:
            await self._aside(partial(self._lay_out, bundle, spec))
            await self._create(bundle, spec, writer)
        except EXPECTED as error:
            os.close(reader)
            raise OSError(reason(error)) from error
        except BaseException:
            os.close(reader)
            raise
        finally:
            os.close(writer)
        return Process(self._pid, reader)

    def memory_mib(self) -> int:
        """The kernel keeps the container within its limit."""
        return 0

    async def clear(self) -> None:
        """Kill the container; its /tmp stays for the next one."""
        self._kill()
        for bundle in self._bundles:
            await self._empty(bundle)

    def keep_snapshot(self) -> None:
        """There are none of containers."""

    def freeze(self) -> bool:
        """Freeze the container's group; what the image's processes do beside events waits."""
        if not self._images.freezes:
            return False
        try:
            self._images.host.cgroups.set_frozen(self._bundles[-1].group, True)
        except OSError:  # no such hierarchy, or it has just ended
            return False
        return True

    def thaw(self) -> None:
        with suppress(OSError):
            self._images.host.cgroups.set_frozen(self._bundles[-1].group, False)

    def close(self) -> None:
        """Kill it now; its files go as soon as it is gone."""
        self._kill()
        self._images.end(self._unit_id, self._take_away())

    def _container(self, name: str, program: Program) -> ContainerSpec:
        run, config = self._function.image, self._image.config
        assert run is not None, "only functions of images come here"
        command = run.command or (() if run.entry_point else config.command)
        environment = {**program.environment, "_HANDLER": command[0] if command else ""}
        temporary = Mount("host", str(self._images.units / self._unit_id / "volumes" / "tmp"), "/tmp")
        return ContainerSpec(
            name=name,
            image=run.reference,
            entry_point=run.entry_point,
            command=run.command,
            environment=tuple(environment.items()),
            working_directory=run.working_directory,
            user="0" if self._images.host.rootless else USER,
            memory_mib=self._function.memory_mib,
            cpu_units=self._level.shares,
            mounts=(temporary,),
            read_only_root=True,
            capabilities_drop=("ALL",),
        )

    def _lay_out(self, bundle: Bundle, spec: ContainerSpec) -> None:
        images = self._images
        images.groups.make([self._level])
        temporary = Path(spec.mounts[0].source)
        temporary.mkdir(mode=0o755, parents=True, exist_ok=True)
        temporary.chmod(0o1777)
        claim = partial(images.store.claim, self._image)
        lay_out(bundle, self._unit_id, spec, self._image, claim, {}, images.limits, self._network)

    def _check_directory(self, bundle: Bundle, spec: ContainerSpec) -> None:
        """The OCI runtime would make one that is not there; AWS's agent does not."""
        directory = working_directory(spec, self._image.config)
        if not inside(bundle.root, directory).is_dir():
            raise NoProgram(f"chdir {directory}: no such file or directory", INVALID_DIRECTORY)

    async def _create(self, bundle: Bundle, spec: ContainerSpec, output: int) -> None:
        """Have it made with that output, then started."""
        options = ("--log", str(bundle.log), "--log-format", "json")
        words = ("create", "--bundle", str(bundle.directory), "--pid-file", str(bundle.pid_file), bundle.id)
        try:
            await self._aside(partial(self._check_directory, bundle, spec))
            made = await self._images.commands.run(*options, *words, output=output)
        finally:
            await self._aside(partial(mounts.detach, bundle.root))
        if made == 0:
            self._pid = int(bundle.pid_file.read_text())
            self._forget_process()
            self._process = os.pidfd_open(self._pid)
            if await self._images.commands.run(*options, "start", bundle.id) == 0:
                return
        raise OSError(await self._aside(lambda: oci_monitor.complaint(bundle.log)))

    def _kill(self) -> None:
        """The first process: with it the kernel ends all others in its pid namespace, frozen or not."""
        if self._process >= 0:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._process, signal.SIGKILL)
        if self._bundles:
            self.thaw()

    def _forget_process(self) -> None:
        if self._process >= 0:
            os.close(self._process)
            self._process = -1

    async def _empty(self, bundle: Bundle) -> None:
        images, deadline = self._images, self._images.clock.now() + GONE_WITHIN
        while images.host.cgroups.kill(bundle.group) and images.clock.now() < deadline:
            await images.clock.sleep(_LOOK)

    async def _take_away(self) -> None:
        images = self._images
        self._forget_process()
        for bundle in self._bundles:
            await self._empty(bundle)
            with suppress(OSError):
                await images.commands.run("delete", "--force", bundle.id)
            await self._aside(partial(shutil.rmtree, images.state / bundle.id, ignore_errors=True))
        await self._aside(partial(images.groups.remove, images.groups.group([self._level])))
        await self._aside(partial(shutil.rmtree, images.units / self._unit_id, ignore_errors=True))

    async def _aside(self, work: Callable[[], T]) -> T:
        return await self._loop.run_in_executor(None, work)
