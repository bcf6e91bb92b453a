"""The commands of a build as a unit of the fleet. Pure.

They run one after the other in one shell, in the source directory, each line shown before it runs; the first
that fails ends the build. Their output is the deployment's log, each line behind "[Build] " (App Runner
Developer Guide, monitor-cwl). How much CPU and memory a build has AWS does not say: ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from windlass.fleet.messages import ContainerSpec, LogTarget, Mount, UnitSpec
from windlass.fleet.model import Unit
from windlass.fleet.networks import Network
from windlass.kernel.clock import Instant
from windlass.services.apprunner.model import OWNER, Service
from windlass.services.apprunner.unit import SHELL, log_group

CONTAINER = "build"
PREFIX = "[Build] "
CPU_UNITS = 1024
MEMORY_MIB = 3072
STOP_S = 2.0
EACH = 'for line; do printf "%s\\n" "+ $line"; eval "$line" || exit $?; done'
"""Runs each of its words as a line. They are the owner's; none of them is part of this text."""


def unit(
    service: Service,
    deployment: str,
    unit_id: str,
    lines: Sequence[str],
    *,
    image: str,
    directory: str,
    root: str,
    variables: Mapping[str, str],
    node: str,
    now: Instant,
) -> Unit:
    """`directory` is where the lines run; all of `root` may be written. Both are paths of that node."""
    log = LogTarget(
        service.account,
        service.region,
        log_group(service, "service"),
        f"deployment/{deployment}",
        prefix=PREFIX,
    )
    container = ContainerSpec(
        name=CONTAINER,
        image=image,
        command=(SHELL, "-c", EACH, SHELL, *lines),
        environment=tuple(sorted(variables.items())),
        working_directory=directory,
        stop_timeout_s=STOP_S,
        memory_mib=MEMORY_MIB,
        cpu_units=CPU_UNITS,
        log=log,
        mounts=(Mount("host", root, root),),
    )
    return Unit(
        id=unit_id,
        owner=OWNER,
        account=service.account,
        region=service.region,
        spec=UnitSpec(unit_id, "task", (container,), network=Network("host")),
        cpu_units=CPU_UNITS,
        memory_mib=MEMORY_MIB,
        created_at=now,
        bound_to=node,
    )
