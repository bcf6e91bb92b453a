"""The built-in proxy beside nginx and HAProxy, before the same target in the same run.

Throughput is requests for each second of CPU that the proxy's process spent: one core's worth, also on a
machine that others use. The target is nginx with a constant answer, and wrk asks (both in C: neither is what
is measured); the proxies take turns. Added latency is the median of one connection through the proxy less
that of one to the target itself. HAProxy is there twice: bare, and as `--proxy haproxy` drives it, where the
CPU of the driving process counts too. Needs Debian's nginx-light, haproxy and wrk; without, there is nothing.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench.planes import server
from bench.result import Result

NEEDED = ("nginx", "wrk")
CONNECTIONS = 32
ROUNDS, ROUND_S = 3, 3
RATIO_MIN = 0.25
DRIVEN_RATIO_MIN = 0.9
"""Of HAProxy that is driven, over the bare one."""
DRIVEN = "driven haproxy"
ADDED_MS_MAX = 1.0
STARTS_WITHIN_S = 10.0
_NGINX = """
daemon off; master_process off; worker_processes 1; pid {scratch}/pid; error_log {scratch}/error;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000; client_body_temp_path {scratch}; proxy_temp_path {scratch};
  fastcgi_temp_path {scratch}; uwsgi_temp_path {scratch}; scgi_temp_path {scratch};
  {inside}
}}
"""
_TARGET = 'server {{ listen 127.0.0.1:{port}; location / {{ return 200 "{body}"; }} }}'
_PROXY = """
  upstream target {{ server 127.0.0.1:{target}; keepalive 128; keepalive_requests 1000000000; }}
  server {{ listen 127.0.0.1:{port}; location / {{
    proxy_pass http://target; proxy_http_version 1.1; proxy_set_header Connection "";
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme;
  }} }}
"""
_HAPROXY = """
global
  nbthread 1
defaults
  mode http
  option forwardfor
  timeout connect 10s
  timeout client 60s
  timeout server 60s
frontend front
  bind 127.0.0.1:{port}
  default_backend target
backend target
  http-reuse always
  server one 127.0.0.1:{target}
"""
BODY = "x" * 50


@dataclass
class Measured:
    """One proxy."""

    pid: int
    port: int
    requests: int = 0
    cpu_ns: int = 0
    wall_s: float = 0.0
    medians_us: list[float] = field(default_factory=list)

    @property
    def per_core(self) -> float:
        """Requests for each second of CPU."""
        return self.requests / (self.cpu_ns / 1e9) if self.cpu_ns else 0.0


def results() -> Iterator[Result]:
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing:
        print(f"no {', '.join(missing)}: apt-get install nginx-light haproxy wrk", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        target = stack.enter_context(_nginx(Path(scratch), "target", _TARGET, 0))
        proxies = {"nginx": stack.enter_context(_nginx(Path(scratch), "nginx", _PROXY, target.port))}
        if shutil.which("haproxy"):
            proxies["haproxy"] = stack.enter_context(_haproxy(Path(scratch), target.port))
            proxies[DRIVEN] = _of(stack.enter_context(server("bench.proxy", str(target.port), "haproxy")))
        proxies["windlass"] = _of(stack.enter_context(server("bench.proxy", str(target.port))))
        for _ in range(ROUNDS):
            for one in (target, *proxies.values()):
                _load(one)
                one.medians_us.append(_median_us(one.port))
    yield from _said(target, proxies)


def _said(target: Measured, proxies: dict[str, Measured]) -> Iterator[Result]:
    ours, direct = proxies["windlass"], median(target.medians_us)
    rate = ours.requests / ours.wall_s
    if DRIVEN in proxies:
        driven, bare = proxies.pop(DRIVEN), proxies["haproxy"]
        note = f"{driven.per_core:,.0f} and {bare.per_core:,.0f} a second of CPU"
        ratio = driven.per_core / bare.per_core
        yield Result("requests per core, driven haproxy over bare", ratio, "x", DRIVEN_RATIO_MIN, note=note)
    for name, other in proxies.items():
        if other is not ours:
            ratio = ours.per_core / other.per_core
            promise = RATIO_MIN if name == "nginx" else None
            note = (
                f"{ours.per_core:,.0f} and {other.per_core:,.0f} a second of CPU; {rate:,.0f} /s of wall time"
            )
            yield Result(f"proxied requests per core over {name}", ratio, "x", promise, note=note)
    for name, one in proxies.items():
        added = (median(one.medians_us) - direct) / 1000
        promise = ADDED_MS_MAX if one is ours else None
        note = f"the target itself: {direct / 1000:.2f} ms"
        yield Result(f"latency added by {name}, p50", added, "ms", promise, at_least=False, note=note)


def _of(served: tuple[str, int]) -> Measured:
    """A proxy of ours, and what serves for it."""
    endpoint, pid = served
    return Measured(pid, int(endpoint.rpartition(":")[2]))


def _load(one: Measured) -> None:
    before, began = _cpu_ns(one.pid), time.monotonic()
    said = _wrk(one.port, CONNECTIONS, ROUND_S)
    one.cpu_ns += _cpu_ns(one.pid) - before
    one.wall_s += time.monotonic() - began
    found = re.search(r"(\d+) requests in", said)
    assert found and "Non-2xx" not in said and "Socket errors" not in said, said
    one.requests += int(found[1])


def _median_us(port: int) -> float:
    found = re.search(r"50%\s+([\d.]+)(us|ms|s)", _wrk(port, 1, 1))
    assert found
    return float(found[1]) * {"us": 1, "ms": 1e3, "s": 1e6}[found[2]]


def _wrk(port: int, connections: int, seconds: int) -> str:
    command = [
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{seconds}",
        "--latency",
        f"http://127.0.0.1:{port}/bench",
    ]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _cpu_ns(pid: int) -> int:
    """Time on a CPU of a process and its children; finer than the ticks of /proc/PID/stat."""
    tasks = [*Path(f"/proc/{pid}/task").iterdir()]
    own = sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)
    return own + sum(
        _cpu_ns(int(child)) for task in tasks for child in (task / "children").read_text().split()
    )


@contextmanager
def _nginx(scratch: Path, name: str, inside: str, target: int) -> Iterator[Measured]:
    place = scratch / name
    place.mkdir()
    port = _free_port()
    text = inside.format(port=port, target=target, body=BODY)
    (place / "conf").write_text(_NGINX.format(scratch=place, inside=text))
    with _running(["nginx", "-e", f"{place}/error", "-c", f"{place}/conf"], port) as measured:
        yield measured


@contextmanager
def _haproxy(scratch: Path, target: int) -> Iterator[Measured]:
    port = _free_port()
    (scratch / "haproxy").write_text(_HAPROXY.format(port=port, target=target))
    with _running(["haproxy", "-db", "-q", "-f", f"{scratch}/haproxy"], port) as measured:
        yield measured


@contextmanager
def _running(command: list[str], port: int) -> Iterator[Measured]:
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + STARTS_WITHIN_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
        yield Measured(process.pid, port)
    finally:
        process.terminate()
        process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port
