"""Puts the docker runner together: daemon, images, places, leftovers of an agent before this one.

Imported by agents of that runner only, so that no other pays for it.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from windlass.kernel.clock import MILLISECOND, Clock, seconds
from windlass.kernel.spawn import Spawn
from windlass.node import docker_host
from windlass.node.docker_api import DaemonGone, Refused
from windlass.node.docker_host import DockerHost
from windlass.node.docker_images import DockerImages
from windlass.node.docker_network import DockerNetworks
from windlass.node.docker_places import Places
from windlass.node.docker_runner import DockerRunner
from windlass.node.docker_spec import Home
from windlass.node.faults import NotCapable
from windlass.node.images.places import store_of_agent
from windlass.node.images.settings import ImageSettings
from windlass.node.runner import Step, no_step
from windlass.node.tenancy import home

DAEMON_WITHIN = seconds(20)
"""An agent is started again when it dies; a daemon that dies with it is waited for."""
LOOK = 500 * MILLISECOND
THREADS_MAX = 2


async def open_runner(
    loop: asyncio.AbstractEventLoop,
    clock: Clock,
    spawn: Spawn,
    data: Path,
    settings: ImageSettings,
    environment: Mapping[str, str],
    step: Step = no_step,
) -> DockerRunner:
    """The runner, listening to its daemon. Raises NotCapable when none answers."""
    host = await _wait_for_daemon(clock, environment)
    folder = data / "docker"
    me = Home(f"{os.uname().nodename}:{home(data)}", str(data))
    threads = ThreadPoolExecutor(THREADS_MAX, "docker")
    shutil.rmtree(folder / "load", ignore_errors=True)
    images = DockerImages(host.engine, store_of_agent(data), settings, spawn, threads, folder / "load")
    networks = DockerNetworks(host.engine, clock, me, threads, folder / "files")
    places = Places(loop, folder / "places")
    runner = DockerRunner(loop, clock, spawn, host.engine, images, networks, places, me, step)
    try:
        await runner.open()
    except (DaemonGone, Refused, TimeoutError) as error:
        raise NotCapable(f"the Docker daemon cannot be asked for its containers: {error}") from error
    return runner


async def _wait_for_daemon(clock: Clock, environment: Mapping[str, str]) -> DockerHost:
    deadline = clock.now() + DAEMON_WITHIN
    while True:
        try:
            return await docker_host.find(environment)
        except NotCapable:
            if clock.now() > deadline:
                raise
        await clock.sleep(LOOK)
