"""Which quotas there are: their codes and names at AWS, and the numbers of the profile that they are.

Codes that begin with `L-` are AWS's, read in stored listings of the API's answers
(docs/aws/service-quotas.md). Where AWS has a quota whose code we have not seen, or has none, ours begin with
`W-` and say the profile's name: they stay what they are. Quotas that nothing here enforces are not in the
list. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from windlass.kernel.bucket import Rate

UNLIMITED = 10_000_000_000.0
"""What a quota shows that the profile does not limit.

The largest value that the API can tell (BM, QuotaValue).
"""

SERVICES: Mapping[str, str] = {
    "ecs": "Amazon Elastic Container Service (Amazon ECS)",
    "fargate": "AWS Fargate",
    "lambda": "AWS Lambda",
    "sqs": "Amazon Simple Queue Service (Amazon SQS)",
    "vpc": "Amazon Virtual Private Cloud (Amazon VPC)",
}
"""Service code → name."""


@dataclass(frozen=True, slots=True)
class Quota:
    """One quota. `key` is its name in the profile, with the part of a rate behind it.

    "fargate.spot.burst".
    """

    service: str
    code: str
    name: str
    key: str
    part: str = ""
    """Which part of a rate it is: burst, per_second or per_minute; empty for a plain number."""
    period: str = ""
    """Unit of time of a rate: SECOND or MINUTE."""


def value(quota: Quota, numbers: Mapping[str, float], rates: Mapping[str, Rate]) -> float:
    """The value of that quota under a profile; UNLIMITED where it lists none."""
    if not quota.part:
        return numbers.get(quota.key, UNLIMITED)
    rate = rates.get(quota.key.removesuffix(f".{quota.part}"))
    return UNLIMITED if rate is None else float(getattr(rate, quota.part))


def own_code(key: str) -> str:
    """The code of a quota that has none of AWS's: "W-fargate-spot-burst"."""
    return "W-" + key.replace(".", "-").replace("_", "-")


_NUMBERS = (
    Quota("ecs", "L-21C621EB", "Clusters per account", "ecs.clusters"),
    Quota("ecs", "L-9EF96962", "Services per cluster", "ecs.services_per_cluster"),
    Quota("ecs", own_code("ecs.tasks_per_service"), "Tasks per service", "ecs.tasks_per_service"),
    Quota(
        "ecs",
        own_code("ecs.provisioning_tasks"),
        "Tasks in the PROVISIONING state per cluster",
        "ecs.provisioning_tasks",
    ),
    Quota("fargate", "L-790AF391", "Fargate On-Demand resource count", "fargate.on_demand.tasks"),
    Quota(
        "fargate",
        own_code("fargate.spot.tasks"),
        "Fargate Spot resource count",
        "fargate.spot.tasks",
    ),
    Quota("lambda", "L-B99A9384", "Concurrent executions", "lambda.concurrent_executions"),
    Quota(
        "sqs", own_code("sqs.in_flight_messages"), "In-flight messages per queue", "sqs.in_flight_messages"
    ),
    Quota("vpc", "L-F678F1CE", "VPCs per Region", "ec2.vpcs"),
    Quota("vpc", "L-407747CB", "Subnets per VPC", "ec2.subnets_per_vpc"),
    Quota("vpc", "L-E79EC296", "VPC security groups per Region", "ec2.security_groups"),
    Quota(
        "vpc", "L-0EA8095F", "Inbound or outbound rules per security group", "ec2.rules_per_security_group"
    ),
    Quota("vpc", "L-DF5E4CA3", "Network interfaces per Region", "ec2.network_interfaces"),
)
_RATES: tuple[tuple[str, str, str, str], ...] = (
    ("fargate", "fargate.on_demand", "per_second", "Fargate On-Demand {} Launch Rate"),
    ("fargate", "fargate.spot", "per_second", "Fargate Spot {} Launch Rate"),
    ("ecs", "ecs.deployment.fargate", "per_minute", "{} rate of tasks launched by a service on AWS Fargate"),
    (
        "ecs",
        "ecs.deployment.ec2",
        "per_minute",
        "{} rate of tasks launched by a service on an Amazon EC2 or External instance",
    ),
    ("ecs", "ecs.cluster_modify", "per_second", "{} rate of cluster modify actions"),
    ("ecs", "ecs.cluster_read", "per_second", "{} rate of cluster read actions"),
    ("ecs", "ecs.task_definition_modify", "per_second", "{} rate of task definition modify actions"),
    ("ecs", "ecs.task_definition_read", "per_second", "{} rate of task definition read actions"),
    ("ecs", "ecs.task_definition_delete", "per_second", "{} rate of task definition deletion actions"),
    ("ecs", "ecs.capacity_provider_modify", "per_second", "{} rate of capacity provider modify actions"),
    ("ecs", "ecs.capacity_provider_read", "per_second", "{} rate of capacity provider read actions"),
    ("ecs", "ecs.tag_modify", "per_second", "{} rate of tag modify actions"),
    ("ecs", "ecs.tag_read", "per_second", "{} rate of tag read actions"),
    ("ecs", "ecs.setting_modify", "per_second", "{} rate of setting modify actions"),
    ("ecs", "ecs.setting_read", "per_second", "{} rate of setting read actions"),
    (
        "ecs",
        "ecs.cluster_resource_modify",
        "per_second",
        "{} rate of cluster resource modify actions, RunTask among them",
    ),
    ("ecs", "ecs.cluster_resource_read", "per_second", "{} rate of cluster resource read actions"),
    ("ecs", "ecs.agent_modify", "per_second", "{} rate of agent modify actions"),
    ("ecs", "ecs.service_modify", "per_second", "{} rate of service modify actions"),
    ("ecs", "ecs.service_read", "per_second", "{} rate of service read actions"),
    ("ecs", "ecs.service_deployment", "per_second", "{} rate of service deployment actions"),
    ("ecs", "ecs.service_revision", "per_second", "{} rate of service revision actions"),
    ("ecs", "ecs.task_protection", "per_second", "{} rate of task protection actions"),
    (
        "ecs",
        "ecs.cluster_service_resource_read",
        "per_second",
        "{} rate of cluster service resource read actions",
    ),
    ("lambda", "lambda.environment_starts", "per_second", "{} rate of environments started by a function"),
)
"""Service, bucket, in what time it refills, and the name with a place for Burst or Sustained."""
_AWS_CODES = {"fargate.spot.per_second": "L-FAA52651"}
_PERIODS = {"per_second": "SECOND", "per_minute": "MINUTE"}


def _of_rate(service: str, bucket: str, refill: str, name: str) -> Iterator[Quota]:
    for part, word in (("burst", "Burst"), (refill, "Sustained")):
        key = f"{bucket}.{part}"
        code = _AWS_CODES.get(key) or own_code(key)
        yield Quota(service, code, name.format(word), key, part, _PERIODS.get(part, ""))


QUOTAS: tuple[Quota, ...] = tuple(
    sorted(
        (*_NUMBERS, *(quota for rate in _RATES for quota in _of_rate(*rate))),
        key=lambda quota: (quota.service, quota.name, quota.code),
    )
)
BY_CODE: Mapping[tuple[str, str], Quota] = {(quota.service, quota.code): quota for quota in QUOTAS}


def of_service(service: str) -> list[Quota]:
    """Its quotas by name."""
    return [quota for quota in QUOTAS if quota.service == service]
