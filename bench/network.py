"""Networks of tasks: what a sandbox costs, with the pool and without, and launches into them."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import boto3

from bench.load import ACCOUNT, REGION, call, json_request
from bench.planes import plane_command, server
from bench.result import Result
from windlass.fleet.networks import Interface, Rule, SecurityGroup
from windlass.node.network import names, namespaces
from windlass.node.network.fabric import Fabric
from windlass.node.network.jobs import Connect, Disconnect, Groups
from windlass.node.network.opening import why_not

SANDBOXES = 100
LAUNCHES = 40
TARGET = "AmazonEC2ContainerServiceV20141113"
ENDS_WITHIN_S = 60
OWN = names.tag(f"bench {os.getpid()}")
GROUP = SecurityGroup("sg-1", (Rule("egress", ranges=("0.0.0.0/0",)),))


def results() -> Iterator[Result]:
    if why := why_not():
        print(f"no figures for networks: {why}")
        return
    with tempfile.TemporaryDirectory() as scratch:
        yield from _sandboxes(Path(scratch))
        cold = _launches(Path(scratch) / "cold", pool=0)
        warm = _launches(Path(scratch) / "warm", pool=8)
    note = f"{LAUNCHES} tasks one after the other, RunTask to RUNNING, process runner, awsvpc; median"
    yield Result("launch into a network, without the pool", cold, "ms", note=note)
    yield Result("launch into a network, with the pool", warm, "ms", bare=cold, note="bare: without")


def _sandboxes(data: Path) -> Iterator[Result]:
    """The part of a launch that is about the network, in the thread that does it."""
    cold = _connects(Fabric(OWN, data, namespaces.mounts(), 0))
    warm = _connects(Fabric(OWN, data, namespaces.mounts(), 1))
    note = f"median of {SANDBOXES}: namespace, interfaces, address, rules"
    yield Result("sandbox made on demand", median(cold), "ms", note=note)
    yield Result("sandbox out of the pool", median(warm), "ms", bare=median(cold), note="bare: on demand")


def _connects(fabric: Fabric) -> list[float]:
    """Milliseconds for each of many tasks; the router is there before."""
    fabric.work([Groups((GROUP,)), Connect(("first", ""), _interface(5))])
    took = []
    for number in range(SANDBOXES):
        while fabric.refill():
            pass
        began = time.perf_counter()
        fabric.work([Connect((f"u{number}", ""), _interface(6 + number))])
        took.append((time.perf_counter() - began) * 1000)
    fabric.work([Disconnect(f"u{number}") for number in range(SANDBOXES)])
    fabric.remove()
    for _, listener in fabric.new_listeners():
        listener.close()
    return took


def _interface(last: int) -> Interface:
    address, mac = f"10.251.0.{last}", f"02:00:00:00:00:{last:02x}"
    subnet = "10.251.0.0/24"
    return Interface("eni", mac, address, "subnet-1", subnet, "vpc-1", "10.251.0.0/16", ("sg-1",))


def _launches(data: Path, pool: int) -> float:
    """Median milliseconds from RunTask to RUNNING by AWS's own timestamp, one launch at a time."""
    profile = data.with_suffix(".toml")
    text = f'[quotas]\n"fleet.pool_size" = {{ value = {pool}, unit = "", source = "", date = "" }}\n'
    profile.write_text(text)
    with server(*plane_command(data, "--profile", str(profile), "--runner", "process")) as (endpoint, _):
        return asyncio.run(_one_by_one(endpoint))


async def _one_by_one(endpoint: str) -> float:
    definition: dict[str, object] = {
        "family": "bench",
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
        "containerDefinitions": [{"name": "c", "image": "-", "command": ["sleep", "600"]}],
    }
    ec2: Any = boto3.client(
        "ec2", REGION, endpoint_url=endpoint, aws_access_key_id=ACCOUNT, aws_secret_access_key="-"
    )
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    await call(endpoint, _ecs(endpoint, "CreateCluster", {}))
    await call(endpoint, _ecs(endpoint, "RegisterTaskDefinition", definition))
    network: dict[str, object] = {"awsvpcConfiguration": {"subnets": [subnet]}}
    took: list[float] = []
    for _ in range(LAUNCHES + 1):  # the first makes the router, and is not counted
        began = time.time()
        asked: dict[str, object] = {
            "taskDefinition": "bench",
            "launchType": "FARGATE",
            "networkConfiguration": network,
        }
        _, body = await call(endpoint, _ecs(endpoint, "RunTask", asked))
        arn = json.loads(body)["tasks"][0]["taskArn"]
        took.append(((await _running(endpoint, arn))["startedAt"] - began) * 1000)
    return median(took[1:])


async def _running(endpoint: str, arn: str) -> dict[str, Any]:
    deadline = time.monotonic() + ENDS_WITHIN_S
    while time.monotonic() < deadline:
        _, body = await call(endpoint, _ecs(endpoint, "DescribeTasks", {"tasks": [arn]}))
        task: dict[str, Any] = json.loads(body)["tasks"][0]
        if task["lastStatus"] == "RUNNING":
            await asyncio.sleep(0.1)  # the pool is filled again, as between launches in life
            return task
        await asyncio.sleep(0.01)
    raise RuntimeError(f"{arn} did not become RUNNING")


def _ecs(endpoint: str, operation: str, body: dict[str, object]) -> bytes:
    return json_request(endpoint, "ecs", f"{TARGET}.{operation}", "1.1", body)
