"""Instances as units of the fleet, and as targets of proxies."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from tests.build import ACCOUNT, NOW, REGION
from windlass.aws.container_secrets import Read
from windlass.fleet.container_shapes import Surroundings
from windlass.fleet.messages import ContainerState, LogTarget, Mount, UnitState
from windlass.fleet.model import Unit
from windlass.fleet.networks import Binding, Network, PortMapping
from windlass.fleet.proxy_messages import Fixed, Forward
from windlass.kernel.clock import SECOND
from windlass.services.apprunner import pools
from windlass.services.apprunner import unit as units
from windlass.services.apprunner.instance_model import Instance
from windlass.services.apprunner.model import Deployment, Scaling, Service
from windlass.services.apprunner.pools import Standing

ID = "0123456789abcdef0123456789abcdef"
AROUND = Surroundings(ACCOUNT, REGION, ACCOUNT, "windlass")
HEALTH = {
    "Protocol": "TCP",
    "Path": "/",
    "Interval": 5,
    "Timeout": 2,
    "HealthyThreshold": 1,
    "UnhealthyThreshold": 5,
}
IMAGE = {
    "ImageRepository": {
        "ImageIdentifier": "public.ecr.aws/shop/web:1",
        "ImageConfiguration": {
            "StartCommand": "serve 'the shop'",
            "Port": "80",
            "RuntimeEnvironmentVariables": {"GREETING": "hello", "PORT": "1"},
            "RuntimeEnvironmentSecrets": {"TOKEN": "token"},
        },
    }
}
CODE: dict[str, Any] = {"CodeRepository": {"RepositoryUrl": "/srv/shop"}}
BUILT = {
    "Bundle": "/data/d1/source",
    "Node": "embedded",
    "Image": "public.ecr.aws/docker/library/python:3.11",
    "Command": "python3 app.py; true",
    "Port": "8000",
    "PortVariable": "WEB_PORT",
    "Variables": {"GREETING": "hello"},
    "Secrets": {},
    "Commit": "",
}


def a_service(**columns: Any) -> Service:
    given = {
        "source": IMAGE,
        "instance": {},
        "scaling_arn": "",
        "health_check": HEALTH,
        "network": {},
        **columns,
    }
    return Service(
        ACCOUNT, REGION, "shop", "0a" * 16, "abc", created_at=NOW, updated_at=NOW, status="RUNNING", **given
    )


def a_deployment(source: Any = IMAGE, **columns: Any) -> Deployment:
    instance = {"Cpu": "1024", "Memory": "2048", "InstanceRoleArn": f"arn:aws:iam::{ACCOUNT}:role/shop"}
    return Deployment(
        a_service().arn, "d1", 3, NOW, source, instance, Scaling(50, 1, 3), HEALTH, network={}, **columns
    )


def a_unit(deployment: Deployment, around: Surroundings = AROUND) -> Unit:
    return units.unit(a_service(), deployment, ID, around, Network("bridge"), NOW)


def test_an_instance_of_an_image() -> None:
    """Words of the command, its variables but for the port, its secrets, its log stream, its role."""
    around = replace_secrets("s3cret")
    unit = a_unit(a_deployment(), around)
    [container] = unit.spec.containers
    assert (unit.id, unit.owner, unit.cpu_units, unit.memory_mib, unit.bound_to) == (
        ID,
        "apprunner",
        1024,
        2048,
        "",
    )
    assert container.command == ("serve", "the shop")
    assert container.image == "public.ecr.aws/shop/web:1"
    told = dict(container.environment)
    assert (told["GREETING"], told["TOKEN"], told.get("PORT")) == ("hello", "s3cret", None)
    assert container.ports == (PortMapping(80, variable="PORT"),)
    group = f"/aws/apprunner/shop/{'0a' * 16}/application"
    assert container.log == LogTarget(ACCOUNT, REGION, group, f"instance/{ID}")
    assert unit.spec.task is not None
    assert (unit.spec.task.role_arn, unit.spec.task.revision) == (f"arn:aws:iam::{ACCOUNT}:role/shop", 3)


def replace_secrets(value: str) -> Surroundings:
    read = Read({units.CONTAINER: {"TOKEN": value}})
    return Surroundings(ACCOUNT, REGION, ACCOUNT, "windlass", secrets=read)


def test_an_instance_of_source_code() -> None:
    """The owner's command is a word of its own to the shell; the bundle is only read, where it is."""
    unit = a_unit(a_deployment(CODE, artefact=BUILT))
    [container] = unit.spec.containers
    assert container.command[:2] == ("/bin/sh", "-c")
    assert container.command[3:] == ("/bin/sh", "/data/d1/source", "python3 app.py; true")
    assert "python3" not in container.command[2]
    assert container.mounts == (Mount("host", "/data/d1/source", "/data/d1/source", read_only=True),)
    assert container.ports == (PortMapping(8000, variable="WEB_PORT"),)
    assert unit.bound_to == "embedded"


def running(unit: Unit, *bindings: Binding) -> Unit:
    seen = ContainerState(units.CONTAINER, "running", bindings=bindings)
    return replace(unit, state="running", observed=UnitState(ID, "running", (seen,)))


def test_where_it_is_dialed() -> None:
    """At the port that its node gave it; in a network of its own at the service's; before it runs nowhere."""
    unit = a_unit(a_deployment())
    assert pools.port(unit) is None
    assert pools.port(running(unit, Binding("0.0.0.0", 40_001, 80))) == 40_001
    assert pools.port(running(unit)) == 80


def an_instance(id: str, state: Any, **columns: Any) -> Instance:
    healthy = 0 if state == "starting" else NOW
    return Instance(
        id, a_service().arn, "d1", ACCOUNT, REGION, NOW, NOW, state=state, healthy_at=healthy, **columns
    )


def test_pools() -> None:
    """Who starts is probed often and gets no requests; who is idle is on standby; who stops drains."""
    rows = [an_instance("a", "active"), an_instance("b", "provisioned"), an_instance("c", "starting")]
    rows += [an_instance("d", "stopping"), an_instance("e", "active", unhealthy="timeout")]
    standing = [Standing(row, ("127.0.0.1", 40_000, "")) for row in rows]
    nowhere = Standing(an_instance("f", "starting"), None)
    starting, serving = pools.pools(a_deployment(), [*standing, nowhere], 30 * SECOND)
    assert [one.key for one in starting.endpoints] == ["c"]
    assert starting.check is not None and starting.check.interval == SECOND // 4
    assert [(one.key, one.health, one.standby, one.draining) for one in serving.endpoints] == [
        ("a", "healthy", False, False),
        ("b", "healthy", True, False),
        ("d", "healthy", False, True),
        ("e", "initial", False, False),
    ]
    assert (serving.kind, serving.concurrency, serving.queue, serving.queue_wait) == (
        "queued",
        50,
        50,
        30 * SECOND,
    )
    assert serving.check is not None and (serving.check.interval, serving.check.unhealthy) == (5 * SECOND, 5)
    assert {pools.set_of(pool.key) for pool in (starting, serving)} == {(a_service().arn, "d1")}
    assert pools.set_of("arn:aws:elasticloadbalancing:…:targetgroup/x/1") is None


def test_frontends() -> None:
    """To the deployment that serves; refused while none does."""
    serving = pools.frontend(a_service(serving="d1"), ["abc.eu-west-1.awsapprunner.localhost"])
    [rule] = serving.rules
    assert isinstance(rule.action, Forward)
    assert rule.action.shares[0].pool == pools.pool_key((a_service().arn, "d1"), pools.SERVING)
    [paused] = pools.frontend(a_service(), []).rules
    assert isinstance(paused.action, Fixed) and paused.action.status == 503
