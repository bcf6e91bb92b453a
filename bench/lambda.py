"""Lambda: warm events, cold starts, bursts, and what an idle environment costs. Plain HTTP, one plane.

A cold start is measured as its caller sees it: an invocation that finds no environment, request to response.
"""

from __future__ import annotations

import asyncio
import io
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

from bench.load import ACCOUNT, DAY, REGION, Load, run
from bench.planes import plane_command, server
from bench.result import Result
from windlass.node import proc

RUNTIME = f"python{sys.version_info[0]}.{sys.version_info[1]}"
SNAP_START_RUNTIME = "python3.12"
"""The first that can have it; what runs is the nearest that is here."""
EMPTY = "def handler(event, context): return event\n"
BOTO3 = "import boto3\n" + EMPTY
SLEEPER = "import time\ndef handler(event, context): time.sleep(1)\n"
BRIEF = "import time\ndef handler(event, context): time.sleep(event)\n"
WARM = 3_000
BUSY = 8_000
COLD = 40
APART_S = 0.3
"""Between cold starts: by then the environment before has gone and another place is ready."""
NEW = 100
SLEEPERS = 100


def results() -> Iterator[Result]:
    with (
        tempfile.TemporaryDirectory() as scratch,
        server(*plane_command(Path(scratch) / "data")) as (endpoint, _),
    ):
        functions = Functions(endpoint)
        functions.create("first", EMPTY)
        functions.invoke("first", 1, 1)  # the runtime's own start is not a function's
        yield from _cold(functions)
        yield from _idle_memory(functions, Path(scratch) / "data")
        yield from _warm(functions)
        yield from _bursts(functions)


class Functions:
    """Functions of one plane."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._client: Any = boto3.client(
            "lambda",
            endpoint_url=endpoint,
            region_name=REGION,
            aws_access_key_id=ACCOUNT,
            aws_secret_access_key="bench",
            config=Config(retries={"max_attempts": 0}),
        )

    def create(self, name: str, source: str, **settings: Any) -> None:
        package = io.BytesIO()
        with zipfile.ZipFile(package, "w") as archive:
            archive.writestr("app.py", source)
        self._client.create_function(
            FunctionName=name,
            Role=f"arn:aws:iam::{ACCOUNT}:role/bench",
            Handler="app.handler",
            Timeout=60,
            MemorySize=256,
            Code={"ZipFile": package.getvalue()},
            **{"Runtime": RUNTIME, **settings},
        )
        self._client.get_waiter("function_active_v2").wait(FunctionName=name)

    def renew(self, name: str) -> None:
        """The next event finds no environment: those of the old settings are of no use."""
        self._client.update_function_configuration(FunctionName=name, Description=str(time.time_ns()))
        self._client.get_waiter("function_updated_v2").wait(FunctionName=name)

    def publish(self, name: str) -> str:
        """Another version of it, once it is Active."""
        self.renew(name)
        version: str = self._client.publish_version(FunctionName=name)["Version"]
        waiter = self._client.get_waiter("published_version_active")
        waiter.wait(FunctionName=name, Qualifier=version, WaiterConfig={"Delay": 1})
        return version

    def invoke(
        self, name: str, count: int, connections: int, event: bytes = b"{}", version: str = ""
    ) -> Load:
        request = _request(self._endpoint, name, event, version)
        load = asyncio.run(run(self._endpoint, lambda number: request, count, connections))
        if load.failed:
            raise RuntimeError(f"{load.failed} of {count} invocations of {name} failed")
        return load


def _request(endpoint: str, name: str, event: bytes, version: str = "") -> bytes:
    credential = f"Credential={ACCOUNT}/{DAY}/{REGION}/lambda/aws4_request"
    head = (
        f"POST /2015-03-31/functions/{name}/invocations{'?Qualifier=' * bool(version)}{version} HTTP/1.1\r\n"
        f"Host: {urlsplit(endpoint).netloc}\r\n"
        f"X-Amz-Date: {DAY}T000000Z\r\n"
        f"Authorization: AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature={'0' * 64}\r\n"
        f"Content-Length: {len(event)}\r\n\r\n"
    )
    return head.encode() + event


def _cold(functions: Functions) -> Iterator[Result]:
    """Functions one after the other, each invoked for the first time, beside the bare interpreter."""
    empty = _cold_times(functions, "empty", EMPTY, COLD)
    close = _cold_times(functions, "close", EMPTY, COLD, apart_s=0)
    boto = _cold_times(functions, "boto", BOTO3, COLD // 4)
    bare = [_timed("-c", "pass") for _ in range(COLD // 4)]
    bare_boto = [_timed("-c", "import boto3") for _ in range(COLD // 4)]
    note = f"p90 {_part(empty, 90):.1f} ms; bare: a new interpreter that does nothing"
    yield Result(
        "cold start p50, empty handler", _part(empty, 50), "ms", 15, False, _part(bare, 50), note=note
    )
    note = "each while the environment before it is taken away"
    yield Result("cold start p50, back to back", _part(close, 50), "ms", note=note)
    note = "bare: a new interpreter that imports boto3"
    yield Result("cold start p50, import boto3", _part(boto, 50), "ms", bare=_part(bare_boto, 50), note=note)
    restored = _restored_times(functions, "restored", BOTO3, COLD // 4)
    note = "with SnapStart; bare: the same without"
    yield Result("restore p50, import boto3", _part(restored, 50), "ms", bare=_part(boto, 50), note=note)
    ratio = _part(boto, 50) / _part(bare_boto, 50)
    yield Result("cold start over bare import of boto3", ratio, "x", 2, False)


def _cold_times(
    functions: Functions, name: str, source: str, count: int, apart_s: float = APART_S
) -> list[float]:
    """Milliseconds. Each time the environment of the time before is of no use any more."""
    functions.create(name, source)
    functions.invoke(name, 1, 1)  # unpacks the code
    found = []
    for _ in range(count):
        functions.renew(name)
        time.sleep(apart_s)
        found.append(functions.invoke(name, 1, 1).p50_ms)
    return sorted(found)


def _restored_times(functions: Functions, name: str, source: str, count: int) -> list[float]:
    """Milliseconds. Each time the first event of a version that has just been published."""
    functions.create(name, source, Runtime=SNAP_START_RUNTIME, SnapStart={"ApplyOn": "PublishedVersions"})
    found = []
    for _ in range(count):
        version = functions.publish(name)
        time.sleep(APART_S)
        found.append(functions.invoke(name, 1, 1, version=version).p50_ms)
    return sorted(found)


def _timed(*arguments: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, start_new_session=True)
    return (time.perf_counter() - began) * 1e3


def _part(values: list[float], percent: int) -> float:
    return sorted(values)[len(values) * percent // 100]


def _idle_memory(functions: Functions, data: Path) -> Iterator[Result]:
    functions.create("idle", EMPTY)
    functions.invoke("idle", 1, 1)
    found = [private for pid in proc.everyone() if (private := _private_mb(pid, "idle")) is not None]
    yield Result("idle environment, private memory", sum(found), "MB", 15, False)


def _private_mb(pid: int, name: str) -> float | None:
    """Of a process of that function; None for all else."""
    try:
        if f"AWS_LAMBDA_FUNCTION_NAME={name}\0".encode() not in Path(f"/proc/{pid}/environ").read_bytes():
            return None
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return None
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


def _warm(functions: Functions) -> Iterator[Result]:
    functions.create("warm", EMPTY)
    functions.invoke("warm", 20, 1)
    one = functions.invoke("warm", WARM, 1)
    yield Result("warm invoke p50, one client", one.p50_ms, "ms", 2, False)
    yield Result("warm invoke p99, one client", one.p99_ms, "ms", 10, False)
    functions.invoke("warm", 80, 8)
    eight = functions.invoke("warm", BUSY, 8)
    note = f"p50 {eight.p50_ms:.1f} ms, p99 {eight.p99_ms:.1f} ms; {os.cpu_count()} cores, client on them too"
    yield Result("warm invokes, 8 environments", eight.per_second, "/s", 2_000, note=note)


def _bursts(functions: Functions) -> Iterator[Result]:
    functions.create("brief", BRIEF)
    functions.invoke("brief", 1, 1, b"0")
    functions.renew("brief")
    began = time.perf_counter()
    functions.invoke("brief", NEW, NEW, b"0.5")
    rate = NEW / (time.perf_counter() - began - 0.5)
    yield Result("new environments", rate, "/s", 100, note=f"{NEW} at once, each busy for 0.5 s, counted off")
    functions.create("sleeper", SLEEPER)
    began = time.perf_counter()
    functions.invoke("sleeper", SLEEPERS, SLEEPERS)
    took = time.perf_counter() - began
    yield Result(
        "concurrent invokes of a 1 s sleeper, cold", took, "s", 2.5, False, note=f"{SLEEPERS} of them"
    )
