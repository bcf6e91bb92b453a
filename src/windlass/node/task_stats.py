"""What a task's containers use, in the shape of Docker's stats: for the metadata endpoint's `stats`.

A subset: CPU, memory and the number of processes, from /proc. One walk over /proc serves all containers, and
is good for a second, however many tasks ask; `precpu_stats` is the walk before. Not there: block I/O,
throttling. Memory is the sum of resident sizes, which counts shared pages several times; CPU time of a
process that ended unwaited for is lost. The shaping is pure; only `TaskStats` reads.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from windlass.fleet.messages import ContainerSpec
from windlass.kernel.clock import SECOND, Clock, Duration, Instant
from windlass.node import proc
from windlass.node.memory import trees
from windlass.node.task_metadata import iso

SAMPLE_KEPT: Duration = SECOND
MEBIBYTE = 2**20
_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICK: Duration = SECOND // os.sysconf("SC_CLK_TCK")

Document: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sample:
    """One container at one instant: CPU time in nanoseconds, its own and the whole host's; bytes."""

    at: Instant
    user: Duration
    kernel: Duration
    host: Duration
    memory: int
    processes: int


class TaskStats:
    """Samples of all containers; `leaders` gives the pids of those that run."""

    def __init__(self, clock: Clock, leaders: Callable[[], set[int]]) -> None:
        self._clock = clock
        self._leaders = leaders
        self._taken_at: Instant = 0
        self._samples: Mapping[int, Sample] = {}
        self._before: Mapping[int, Sample] = {}
        self._cpus = os.cpu_count() or 1
        self._host_memory = os.sysconf("SC_PHYS_PAGES") * _PAGE

    def of(self, container: ContainerSpec, pid: int, own_network: bool = False) -> Document | None:
        """The container's stats; None when nothing of it can be seen. Its network is shown if it has one."""
        now = self._clock.now()
        if not self._taken_at <= now < self._taken_at + SAMPLE_KEPT or pid not in self._samples:
            self._walk(now)
        sample = self._samples.get(pid)
        if sample is None:
            return None
        limit = self._host_memory if container.memory_mib is None else container.memory_mib * MEBIBYTE
        document = shown(container, sample, self._before.get(pid), limit, self._cpus)
        return document | {"networks": networks(proc.interfaces(pid))} if own_network else document

    def _walk(self, now: Instant) -> None:
        host = proc.host_ticks() * _TICK
        self._taken_at, self._before = now, self._samples
        self._samples = {
            leader: Sample(
                at=now,
                user=sum(stat.user_ticks for stat in members) * _TICK,
                kernel=sum(stat.kernel_ticks for stat in members) * _TICK,
                host=host,
                memory=sum(stat.resident_pages for stat in members) * _PAGE,
                processes=len(members),
            )
            for leader, members in trees(self._leaders()).items()
        }


def shown(container: ContainerSpec, sample: Sample, before: Sample | None, limit: int, cpus: int) -> Document:
    """A sample as Docker shows it. Without one before, `precpu_stats` is as empty as in Docker's first."""
    return {
        "name": container.name,
        "id": container.runtime_id,
        "read": iso(sample.at),
        "preread": "0001-01-01T00:00:00Z" if before is None else iso(before.at),
        "num_procs": 0,
        "pids_stats": {"current": sample.processes},
        "cpu_stats": _cpu(sample, cpus),
        "precpu_stats": _cpu(before, cpus),
        "memory_stats": {"usage": sample.memory, "limit": limit, "stats": {"rss": sample.memory}},
    }


def networks(interfaces: Mapping[str, Mapping[str, int]]) -> Document:
    """The counters of a container's own network; Docker shows no loopback."""
    return {name: dict(counters) for name, counters in interfaces.items() if name != "lo"}


def _cpu(sample: Sample | None, cpus: int) -> Document:
    if sample is None:
        return {"cpu_usage": {"total_usage": 0, "usage_in_kernelmode": 0, "usage_in_usermode": 0}}
    return {
        "cpu_usage": {
            "total_usage": sample.user + sample.kernel,
            "usage_in_kernelmode": sample.kernel,
            "usage_in_usermode": sample.user,
        },
        "system_cpu_usage": sample.host,
        "online_cpus": cpus,
    }
