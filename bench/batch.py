"""Batch: an array of 10,000 `true` beside bare spawns and others, submits, and a million in virtual time.

The machine is shared as a rule, so the rate stands beside the CPU time that plane and agent spent on a job.
GNU parallel and Slurm are measured where they are installed (Debian: `parallel`, `slurm-wlm`).
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from bench import batch_world
from bench.planes import plane_command, server
from bench.result import Result
from tests import batch_build as build
from windlass.node import proc

SIZE = 10_000
COMMAND = ("true",)
SUBMITS = 50
"""In one second, of SIZE children each: half a million queued."""
PROMISED_CPUS = 64
ENDS_WITHIN_S = 1_800
WORLD_ARRAYS, SMALL_ARRAYS = 100, 5


def results() -> Iterator[Result]:
    yield from _real()
    yield from _queued()
    yield from _simulated()


def _real() -> Iterator[Result]:
    bare = _bare_spawns(SIZE // 10)
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch) / "data"
        with server(*plane_command(data)) as (endpoint, plane):
            agent = int((data / "agent" / "agent.pid").read_text())
            batch = _opened(endpoint, PROMISED_CPUS)
            cpu, began = _cpu_s((plane, agent)), time.monotonic()
            array = _submit(batch)
            submitted_ms = (time.monotonic() - began) * 1e3
            job = _ended(batch, array)
            wall_s, cpu_s = time.monotonic() - began, _cpu_s((plane, agent)) - cpu
    assert job["arrayProperties"]["statusSummary"]["SUCCEEDED"] == SIZE, job
    cost = f"{cpu_s / SIZE * 1e3:.2f} ms of CPU in plane and agent a job; bare: subprocess.Popen and wait"
    rate = SIZE / wall_s
    yield Result(f"Batch array of {SIZE:,} `true`", rate, "/s", promise=150, bare=bare, note=cost)
    yield Result("its submit, over HTTP", submitted_ms, "ms", promise=100, at_least=False)
    for name, found in (("GNU parallel", _gnu_parallel), ("Slurm's array", _slurm)):
        other = found()
        if other is not None:
            yield Result(f"Batch's rate over that of {name}", rate / other, "x", note=f"{other:.0f} jobs/s")


def _bare_spawns(count: int) -> float:
    """Processes a second from a plain loop that starts so many and waits for each."""
    began = time.perf_counter()
    for _ in range(count):
        subprocess.run(COMMAND, stdout=subprocess.DEVNULL, check=True)
    return count / (time.perf_counter() - began)


def _gnu_parallel() -> float | None:
    """Jobs a second of GNU parallel, as many at once as there are processors."""
    program = shutil.which("parallel")
    if program is None:
        print("no figures for GNU parallel: it is not installed")
        return None
    numbers = "\n".join(map(str, range(SIZE // 10)))
    began = time.perf_counter()
    subprocess.run([program, "--no-notice", "true", "#"], input=numbers, text=True, check=True)
    return SIZE // 10 / (time.perf_counter() - began)


def _slurm() -> float | None:
    """Jobs a second of an array of Slurm, where a cluster of it answers; its default is 1,000 at most."""
    program = shutil.which("sbatch")
    if program is None or subprocess.run(["sinfo"], capture_output=True, check=False).returncode:
        print("no figures for Slurm: no cluster answers")
        return None
    count = SIZE // 10
    began = time.perf_counter()
    asked = [program, "--wait", f"--array=0-{count - 1}", "--output=/dev/null", "--wrap=true"]
    subprocess.run(asked, check=True, stdout=subprocess.DEVNULL)
    return count / (time.perf_counter() - began)


def _queued() -> Iterator[Result]:
    """Nothing may run: what comes in stays."""
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch) / "data"
        with server(*plane_command(data)) as (endpoint, plane):
            batch = _opened(endpoint, PROMISED_CPUS)
            batch.update_compute_environment(computeEnvironment="ce", state="DISABLED")
            times, began = [], time.monotonic()
            for _ in range(SUBMITS):
                before = time.perf_counter()
                array = _submit(batch)
                times.append((time.perf_counter() - before) * 1e3)
            rate = SUBMITS / (time.monotonic() - began)
            build.reached(batch, array, "PENDING")
            found = proc.stat(plane)
    assert found is not None
    resident = found.resident_pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    note = f"one client, one call after the other; median {statistics.median(times):.1f} ms"
    yield Result(f"submits of arrays of {SIZE:,}", rate, "/s", promise=50, note=note)
    note = "all of the plane"
    queued = SUBMITS * SIZE
    yield Result(f"memory with {queued:,} queued", resident, "MB", promise=1_000, at_least=False, note=note)


def _simulated() -> Iterator[Result]:
    few = batch_world.play(SMALL_ARRAYS)
    apart = batch_world.play(SMALL_ARRAYS, apart=True)
    many = batch_world.play(WORLD_ARRAYS)
    note = f"{many.children:,} children of 60 s, {batch_world.VCPUS:,} vCPUs: {many.virtual_s:,.0f} s there"
    yield Result(
        "a million children in virtual time", many.wall_s, "s", promise=60, at_least=False, note=note
    )
    each = many.cpu_s / many.children * 1e6
    note = f"CPU; of {few.children:,} children {few.cpu_s / few.children * 1e6:.0f} µs"
    note += f", each ended at an instant of its own {apart.cpu_s / apart.children * 1e6:.0f} µs"
    yield Result("a child in it", each, "µs", note=note)
    note = "all of the world: plane, node, trace"
    memory = many.resident_mib * 2**20 / 1e6
    yield Result("memory of a million that ended", memory, "MB", promise=1_000, at_least=False, note=note)


def _opened(endpoint: str, vcpus: int) -> Any:
    """A client of an account with an environment `ce`, a queue `q` and a definition `job`."""
    batch, ec2 = (_client(endpoint, service) for service in ("batch", "ec2"))
    build.an_environment(batch, ec2, vcpus=vcpus)
    build.a_queue(batch)
    build.a_definition(batch, *COMMAND)
    return batch


def _client(endpoint: str, service: str) -> Any:
    session: Any = boto3.session.Session(aws_access_key_id="123456789012", aws_secret_access_key="test")
    config = Config(retries={"max_attempts": 0})
    return session.client(service, endpoint_url=endpoint, region_name="us-east-1", config=config)


def _submit(batch: Any) -> str:
    asked = {"jobName": "bench", "jobQueue": "q", "jobDefinition": "job"}
    return str(batch.submit_job(**asked, arrayProperties={"size": SIZE})["jobId"])


def _ended(batch: Any, array: str) -> dict[str, Any]:
    end = time.monotonic() + ENDS_WITHIN_S
    while time.monotonic() < end:
        job = build.described(batch, array)
        if job["status"] in ("SUCCEEDED", "FAILED"):
            return job
        time.sleep(0.1)
    raise RuntimeError("the array did not end")


def _cpu_s(pids: Sequence[int]) -> float:
    """CPU time of these processes and of their children that ended."""
    found = [stat for pid in pids if (stat := proc.stat(pid)) is not None]
    return sum(stat.user_ticks + stat.kernel_ticks for stat in found) / os.sysconf("SC_CLK_TCK")
