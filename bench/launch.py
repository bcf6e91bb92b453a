"""Launching tasks, RunTask to RUNNING: process beside bare spawns, oci beside crun, docker beside docker."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.bare_docker import bare_docker_runs, image_of_store
from bench.bare_oci import bare_containers
from bench.load import call, json_request, run
from bench.planes import plane_command, server
from bench.result import Result
from windlass.node import docker_host, oci_host
from windlass.node.docker_runner import STARTS_AT_ONCE as DOCKER_STARTS_AT_ONCE
from windlass.node.faults import NotCapable
from windlass.node.images import host_image
from windlass.node.images.places import open_store
from windlass.node.oci_runner import STARTS_AT_ONCE

TASKS = 300
DOCKER_TASKS = 60
COMMAND = ["sleep", "600"]
IMAGE = "windlass/bench"
TARGET = "AmazonEC2ContainerServiceV20141113"
ENDS_WITHIN_S = 120


def results() -> Iterator[Result]:
    bare = bare_spawns(TASKS)
    with (
        tempfile.TemporaryDirectory() as scratch,
        server(*plane_command(Path(scratch) / "data")) as (endpoint, _),
    ):
        rate = asyncio.run(_launch(endpoint))
    note = f"{TASKS} tasks of {' '.join(COMMAND)}; bare: subprocess.Popen of it"
    yield Result("tasks launched to RUNNING", rate, "/s", promise=100, bare=bare, note=note)
    yield Result("launch rate over bare spawn rate", rate / bare, "x", promise=0.25)
    rates: dict[str, float] = {}
    yield from _oci_results(rates)
    yield from _docker_results(rates)


def _oci_results(rates: dict[str, float]) -> Iterator[Result]:
    """Containers, where this host can make them."""
    try:
        host = oci_host.check()
    except NotCapable as error:
        print(f"no figures for oci: {error}")
        return
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch) / "data"
        image = host_image.add(open_store(data), IMAGE, ())
        bare = bare_containers(image, Path(scratch), TASKS, STARTS_AT_ONCE)
        with server(*plane_command(data, "--runner", "oci")) as (endpoint, _):
            rate = asyncio.run(_launch(endpoint))
    note = (
        f"{TASKS} containers; bare: {STARTS_AT_ONCE} loops of mount, `{Path(host.runtime).name} run --detach`"
    )
    yield Result("oci tasks launched to RUNNING", rate, "/s", bare=bare, note=note)
    yield Result("oci launch rate over bare runtime's", rate / bare, "x", promise=0.4)
    rates["oci"] = rate


def _docker_results(rates: dict[str, float]) -> Iterator[Result]:
    """The same by a Docker daemon, where one answers; and how much faster oci is than it."""
    try:
        docker_host.check(os.environ)
    except NotCapable as error:
        print(f"no figures for docker: {error}")
        return
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch) / "data"
        host_image.add(open_store(data), IMAGE, ())
        with server(*plane_command(data, "--runner", "docker")) as (endpoint, _):
            rate = asyncio.run(_launch(endpoint, DOCKER_TASKS))
    bare = bare_docker_runs(image_of_store(), COMMAND, DOCKER_TASKS, DOCKER_STARTS_AT_ONCE)
    loops = f"{DOCKER_STARTS_AT_ONCE} loops of `docker run --detach`"
    note = f"{DOCKER_TASKS} containers, and the image is loaded; bare: {loops}"
    yield Result("docker tasks launched to RUNNING", rate, "/s", bare=bare, note=note)
    yield Result("docker launch rate over docker run's", rate / bare, "x")
    if "oci" in rates:
        yield Result("oci launch rate over docker run's", rates["oci"] / bare, "x", promise=10)


def bare_spawns(count: int) -> float:
    """Processes a second from a plain Python loop that starts so many."""
    began = time.perf_counter()
    children = [
        subprocess.Popen(COMMAND, stdout=subprocess.DEVNULL, start_new_session=True) for _ in range(count)
    ]
    took = time.perf_counter() - began
    for child in children:
        child.kill()
    for child in children:
        child.wait()
    return count / took


def _ecs(endpoint: str, operation: str, body: dict[str, object]) -> bytes:
    return json_request(endpoint, "ecs", f"{TARGET}.{operation}", "1.1", body)


async def _launch(endpoint: str, count: int = TASKS) -> float:
    """Tasks a second from the first RunTask call to the last task RUNNING, by AWS's own timestamps."""
    definition: dict[str, object] = {
        "family": "bench",
        "networkMode": "host",
        "containerDefinitions": [{"name": "c", "image": IMAGE, "command": COMMAND, "memory": 64, "cpu": 1}],
    }  # with networks of their own: bench/network.py
    await call(endpoint, _ecs(endpoint, "CreateCluster", {"clusterName": "default"}))
    await call(endpoint, _ecs(endpoint, "RegisterTaskDefinition", definition))
    request = _ecs(endpoint, "RunTask", {"taskDefinition": "bench", "count": 10})
    began = time.time()
    load = await run(endpoint, lambda number: request, count // 10, 4)
    assert not load.failed
    tasks = await _all_running(endpoint, count)
    rate: float = len(tasks) / (max(task["startedAt"] for task in tasks) - began)
    for task in tasks:
        await call(endpoint, _ecs(endpoint, "StopTask", {"task": task["taskArn"]}))
    return rate


async def _all_running(endpoint: str, count: int) -> list[dict[str, Any]]:
    deadline = time.monotonic() + ENDS_WITHIN_S
    while time.monotonic() < deadline:
        arns: list[str] = []
        token: dict[str, object] = {}
        while True:
            _, body = await call(endpoint, _ecs(endpoint, "ListTasks", dict(token)))
            page = json.loads(body)
            arns += page["taskArns"]
            if not page.get("nextToken"):
                break
            token = {"nextToken": page["nextToken"]}
        tasks: list[dict[str, Any]] = []
        for start in range(0, len(arns), 100):
            _, body = await call(
                endpoint, _ecs(endpoint, "DescribeTasks", {"tasks": arns[start : start + 100]})
            )
            tasks += json.loads(body)["tasks"]
        if len(tasks) == count and all(task["lastStatus"] == "RUNNING" for task in tasks):
            return tasks
        await asyncio.sleep(0.2)
    raise RuntimeError("not all tasks became RUNNING")
