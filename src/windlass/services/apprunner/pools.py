"""How a service and its instances stand in the proxies' table. Pure.

A service is a frontend; the instances of a deployment are two pools: those that start, which get no requests
and are probed often, so that they serve as soon as they can; and those that are healthy. The requests go to
the healthy ones of the deployment that serves. Idle ones are on standby: they get a request when no active
one has room for it. Each instance takes MaxConcurrency requests at a time, and as many may wait for it; then
the answer is 429 (facts/apprunner.md, 5: the size of the queue and the time in it are ours). Sources: App
Runner Developer Guide, develop, manage-configure-healthcheck.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from msgspec.structs import replace

from windlass.fleet.model import Unit
from windlass.fleet.proxy_messages import (
    Check,
    Endpoint,
    Fixed,
    Forward,
    Frontend,
    Options,
    Pool,
    Rule,
    Share,
)
from windlass.kernel.clock import MILLISECOND, SECOND, Duration
from windlass.services.apprunner.instance_model import Instance, SetKey
from windlass.services.apprunner.model import Deployment, Service

REQUEST_LIMIT: Duration = 120 * SECOND
"""App Runner Developer Guide, "Developing application code": reading, running and answering together."""
START_PROBE: Duration = 250 * MILLISECOND
"""How often an instance that starts is probed at least; ours, as AWS does not say."""
NEVER = 1_000_000
"""Failed probes of an instance that starts: how long that may take is for replacing.py."""
CODES = ((200, 399),)
"""What a healthy instance answers; unverified (facts/apprunner.md, 3)."""
STARTING = "starting"
SERVING = "serving"
PAUSED = Fixed(503, "text/plain", "The service is not running.\n")

Place: TypeAlias = tuple[str, int, str]
"""Where an instance is dialed: host, port, network namespace."""


@dataclass(frozen=True, slots=True)
class Standing:
    """An instance, and where it is reached; None while its node has not said."""

    row: Instance
    place: Place | None


def pool_key(of: SetKey, kind: str) -> str:
    """The key of a deployment's pool.

    >>> pool_key(("arn:aws:apprunner:eu-west-1:1:service/web/0a", "5f"), "serving")
    'arn:aws:apprunner:eu-west-1:1:service/web/0a#5f#serving'
    """
    return "#".join((*of, kind))


def set_of(pool: str) -> SetKey | None:
    """The deployment whose pool it is; None for pools of others."""
    match pool.split("#"):
        case [service, deployment, kind] if kind in (STARTING, SERVING):
            return (service, deployment)
        case _:
            return None


def serving_set_of(pool: str) -> SetKey | None:
    """The deployment to whose healthy instances requests to that pool go; None for all other pools."""
    return set_of(pool) if pool.endswith(f"#{SERVING}") else None


def frontend(service: Service, hosts: Sequence[str]) -> Frontend:
    """The service: its requests go to the deployment that serves. Without one they are refused (AWS: 503)."""
    action: Forward | Fixed = PAUSED
    if service.serving:
        action = Forward((Share(pool_key((service.arn, service.serving), SERVING)),))
    return Frontend(
        key=service.arn,
        kind="apprunner",
        binds=(),
        hosts=tuple(hosts),
        scheme="http",
        rules=(Rule(service.arn, (), action),),
        options=Options(request_timeout=REQUEST_LIMIT, idle_timeout=REQUEST_LIMIT),
    )


def pools(
    deployment: Deployment, instances: Sequence[Standing], queue_wait: Duration, serving: str = ""
) -> tuple[Pool, Pool]:
    """The pools of a deployment: of the instances that start, and of those that serve.

    Each of those has `queue_wait` until a request that waits for it is answered 429. `serving`: the
    deployment that gets the requests of the service; what waits for instances of a former one is its too.
    """
    check, key = _check(deployment), (deployment.service, deployment.id)
    limit = deployment.scaling.max_concurrency
    placed = [(one.row, one.place) for one in instances if one.place is not None]
    healthy = tuple(_endpoint(row, place) for row, place in placed if row.healthy_at)
    starting = tuple(_endpoint(row, place) for row, place in placed if row.state == "starting")
    former = serving not in ("", deployment.id)
    impatient = replace(check, interval=min(check.interval, START_PROBE), unhealthy=NEVER)
    return (
        Pool(key=pool_key(key, STARTING), check=impatient, endpoints=starting),
        Pool(
            key=pool_key(key, SERVING),
            kind="queued",
            check=check,
            endpoints=healthy,
            concurrency=limit,
            queue=limit,
            queue_wait=queue_wait,
            heir=pool_key((deployment.service, serving), SERVING) if former else "",
        ),
    )


def port(unit: Unit) -> int | None:
    """Where the instance of that unit listens; None while it does not run.

    In a network of its own it is the service's port, else the one that its node gave it.
    """
    seen = unit.observed
    if unit.state != "running" or seen is None or not seen.containers:
        return None
    [mapping] = unit.spec.containers[0].ports
    bindings = seen.containers[0].bindings
    return bindings[0].host_port if bindings else mapping.container_port


def _endpoint(row: Instance, place: Place) -> Endpoint:
    host, port, netns = place
    return Endpoint(
        key=row.id,
        host=host,
        port=port,
        netns=netns,
        draining=row.state == "stopping",
        since=row.created_at,
        health="healthy" if row.healthy_at and not row.unhealthy else "initial",
        standby=row.state == "provisioned",
    )


def _check(deployment: Deployment) -> Check:
    wanted = deployment.health_check
    return Check(
        protocol=wanted["Protocol"],
        path=wanted.get("Path", "/"),
        interval=wanted["Interval"] * SECOND,
        timeout=wanted["Timeout"] * SECOND,
        healthy=wanted["HealthyThreshold"],
        unhealthy=wanted["UnhealthyThreshold"],
        codes=CODES,
    )
