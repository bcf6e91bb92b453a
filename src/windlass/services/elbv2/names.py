"""Names of load balancers: what may be one, and under which hosts clients reach them. Pure.

On AWS a load balancer is NAME-NUMBER.REGION.elb.amazonaws.com. Here DNSName is below `localhost`, which is
this machine (docs/decisions/0036, 0044), and AWS's name works as Host header too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from windlass.services.elbv2.limits import NAME_CHARS_MAX
from windlass.services.elbv2.model import Listener, LoadBalancer, Rule
from windlass.services.elbv2.refusals import invalid

DOMAIN = "elb.localhost"
AWS_DOMAIN = "elb.amazonaws.com"
_EXPRESS = re.compile(r"[a-z0-9-]+\.ecs\.[a-z0-9-]+\.(?:localhost|on\.aws)", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9\-]*[A-Za-z0-9])?", re.ASCII)


def checked(name: str, what: str) -> str:
    """The name, if it may be one (API reference, CreateLoadBalancer and CreateTargetGroup). Raises Fault."""
    if len(name) > NAME_CHARS_MAX:
        raise invalid(f"{what} name '{name}' cannot be longer than '{NAME_CHARS_MAX}' characters")
    if not _NAME.fullmatch(name):
        wrong = "begin or end with" if re.fullmatch(r"[A-Za-z0-9\-]+", name, re.ASCII) else ""
        how = f"cannot {wrong} '-'" if wrong else "can only contain characters that are alphanumeric or '-'"
        raise invalid(f"{what} name '{name}' {how}")
    if what == "Load balancer" and name.startswith("internal-"):
        raise invalid(f"Load balancer name '{name}' cannot begin with 'internal-'")
    return name


def dns_name(row: LoadBalancer, domain: str = DOMAIN) -> str:
    """Its DNS name: "web-1234567890.us-east-1.elb.localhost"; an internal one's begins with "internal-"."""
    prefix = "internal-" if row.internal else ""
    return f"{prefix}{row.name}-{row.number}.{row.region}.{domain}".lower()


def hosts(row: LoadBalancer, listener: Listener, first: bool) -> tuple[str, ...]:
    """Host names of that listener on the endpoint: with its port, and without if it is the first one."""
    names = [dns_name(row), dns_name(row, AWS_DOMAIN)]
    with_port = [f"{name}:{listener.port}" for name in names]
    return (*names, *with_port) if first else tuple(with_port)


def first_of(listeners: Sequence[Listener]) -> Listener | None:
    """The listener that a name without a port means: that of port 80, else the oldest."""
    at_80 = next((row for row in listeners if row.port == 80), None)
    return at_80 or min(listeners, key=lambda row: (row.created_at, row.port), default=None)


def express_hosts(rules: Sequence[Rule]) -> tuple[str, ...]:
    """Host names of ECS Express services among rules' conditions: they are reached at the endpoint too."""
    named = [
        value.lower()
        for rule in rules
        for condition in rule.conditions
        for value in condition.get("HostHeaderConfig", {}).get("Values", ())
    ]
    return tuple(dict.fromkeys(name for name in named if _EXPRESS.fullmatch(name)))
