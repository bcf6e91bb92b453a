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
    "apprunner": "AWS App Runner",
    "batch": "AWS Batch",
    "ecs": "Amazon Elastic Container Service (Amazon ECS)",
    "elasticloadbalancing": "Elastic Load Balancing (ELB)",
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
    Quota("apprunner", own_code("apprunner.services"), "Services", "apprunner.services"),
    Quota("apprunner", own_code("apprunner.connections"), "Connections", "apprunner.connections"),
    Quota(
        "apprunner",
        own_code("apprunner.auto_scaling_configurations"),
        "Auto scaling configuration names",
        "apprunner.auto_scaling_configurations",
    ),
    Quota(
        "apprunner",
        own_code("apprunner.observability_configurations"),
        "Observability configuration names",
        "apprunner.observability_configurations",
    ),
    Quota("apprunner", own_code("apprunner.vpc_connectors"), "VPC connectors", "apprunner.vpc_connectors"),
    Quota(
        "apprunner",
        own_code("apprunner.vpc_ingress_connections"),
        "VPC ingress connections",
        "apprunner.vpc_ingress_connections",
    ),
    Quota(
        "apprunner",
        own_code("apprunner.instances_per_service"),
        "Instances per service",
        "apprunner.instances_per_service",
    ),
    Quota(
        "batch",
        own_code("batch.compute_environments"),
        "Maximum number of compute environments",
        "batch.compute_environments",
    ),
    Quota("batch", own_code("batch.job_queues"), "Maximum number of job queues", "batch.job_queues"),
    Quota(
        "batch",
        own_code("batch.scheduling_policies"),
        "Maximum number of scheduling policies",
        "batch.scheduling_policies",
    ),
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
    Quota("lambda", "L-2ACBD22F", "Function and layer storage", "lambda.code_storage_gb"),
    Quota(
        "lambda",
        own_code("lambda.interfaces_per_vpc"),
        "Elastic network interfaces per VPC",
        "lambda.interfaces_per_vpc",
    ),
    Quota(
        "lambda",
        own_code("lambda.mapping_filters"),
        "Filters of an event source mapping",
        "lambda.mapping_filters",
    ),
    Quota(
        "lambda",
        own_code("lambda.requests_per_concurrency_s"),
        "Invocation requests per second for each unit of concurrency",
        "lambda.requests_per_concurrency_s",
    ),
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
_LOAD_BALANCING = (
    ("L-53DA6B97", "load_balancers", "Application Load Balancers per Region"),
    ("", "certificates_per_load_balancer", "Certificates per Application Load Balancer"),
    ("L-B6DF7632", "listeners_per_load_balancer", "Listeners per Application Load Balancer"),
    ("L-7EED9B64", "rules_per_load_balancer", "Rules per Application Load Balancer"),
    ("", "groups_per_load_balancer", "Target Groups per Application Load Balancer"),
    ("L-B22855CB", "target_groups", "Target Groups per Region"),
    ("L-7E6692B2", "targets_per_load_balancer", "Targets per Application Load Balancer"),
    ("", "targets_per_group", "Targets per Target Group per Region"),
)
"""Code, or nothing; what follows "elbv2." in the profile; name."""
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
    ("lambda", "lambda.environment_starts", "per_second", "{} rate of environments started by a function"),
    (
        "lambda",
        "lambda.account_environment_starts",
        "per_minute",
        "{} rate of environments started by all functions",
    ),
    (
        "lambda",
        "lambda.provisioned_starts",
        "per_minute",
        "{} rate of provisioned environments started by a function",
    ),
    ("lambda", "lambda.stream_bytes", "per_second", "{} bandwidth of a streamed response"),
    ("batch", "batch.submit_job", "per_second", "{} rate of SubmitJob API requests"),
    ("lambda", "lambda.control_plane", "per_second", "{} rate of control plane API requests"),
    ("lambda", "lambda.get_function", "per_second", "{} rate of GetFunction API requests"),
    ("lambda", "lambda.get_policy", "per_second", "{} rate of GetPolicy API requests"),
)
"""Service, bucket, in what time it refills, and the name with a place for Burst or Sustained."""
_ECS_FAMILIES = (
    "agent modify", "capacity provider modify", "capacity provider read", "cluster modify", "cluster read",
    "cluster resource modify", "cluster resource read", "cluster service resource read", "service deployment",
    "service modify", "service read", "service revision", "setting modify", "setting read", "tag modify",
    "tag read", "task definition delete", "task definition modify", "task definition read", "task protection",
)  # fmt: skip
"""ECS's families of API actions; services/ecs/families.py says which action is in which."""
_AWS_CODES = {"fargate.spot.per_second": "L-FAA52651"}
_PERIODS = {"per_second": "SECOND", "per_minute": "MINUTE"}


def _of_rate(service: str, bucket: str, refill: str, name: str) -> Iterator[Quota]:
    for part, word in (("burst", "Burst"), (refill, "Sustained")):
        key = f"{bucket}.{part}"
        code = _AWS_CODES.get(key) or own_code(key)
        yield Quota(service, code, name.format(word), key, part, _PERIODS.get(part, ""))


def _of_load_balancing(code: str, key: str, name: str) -> Quota:
    key = f"elbv2.{key}"
    return Quota("elasticloadbalancing", code or own_code(key), name, key)


def _of_family(family: str) -> Iterator[Quota]:
    bucket = "ecs." + family.replace(" ", "_")
    return _of_rate("ecs", bucket, "per_second", f"{{}} rate of {family} actions")


QUOTAS: tuple[Quota, ...] = tuple(
    sorted(
        (
            *_NUMBERS,
            *(_of_load_balancing(*number) for number in _LOAD_BALANCING),
            *(quota for rate in _RATES for quota in _of_rate(*rate)),
            *(quota for family in _ECS_FAMILIES for quota in _of_family(family)),
        ),
        key=lambda quota: (quota.service, quota.name, quota.code),
    )
)
BY_CODE: Mapping[tuple[str, str], Quota] = {(quota.service, quota.code): quota for quota in QUOTAS}


def of_service(service: str) -> list[Quota]:
    """Its quotas by name."""
    return [quota for quota in QUOTAS if quota.service == service]
