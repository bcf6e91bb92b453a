"""What an account has: asks AWS, or a plane, with boto3, and changes nothing.

Each call is in reads.py, or it is a bug. What the caller may not see is told and left out; throttled calls
are tried again by botocore. Knows nothing of scenarios. Known gap: one Region at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from windlass.planner.live.found import Found, Row, launch_template, one_line
from windlass.planner.live.images import images_of, in_registry
from windlass.planner.live.reads import READS
from windlass.planner.live.traffic import HOUR_S, Measured, measured

if TYPE_CHECKING:
    from datetime import datetime

    from botocore.client import BaseClient

DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError")
NOT_THERE = 501
"""HTTP status with which a plane refuses services and operations that it does not have."""
WRONG_CREDENTIALS = ("InvalidClientTokenId", "ExpiredToken", "ExpiredTokenException", "SignatureDoesNotMatch",
                     "UnrecognizedClientException", "InvalidSignatureException")  # fmt: skip
QUOTA_SERVICES = ("ecs", "elasticloadbalancing", "fargate", "lambda", "vpc")
"""Whose quotas are asked for, by the names of Service Quotas."""
OF_BATCH = "AWSBatch-"
"""How the clusters begin that Batch makes by itself."""
_CHUNKS = {"DescribeServices": 10}
_CHUNK = 100
"""Names that one Describe call takes; ECS and Batch API references."""
_PAGE_SIZES = {"ListQueues": 1_000, "ListServices": 100, "ListContainerInstances": 100}
"""Where a page is small, or all there is, unless one asks."""


class CannotSurvey(Exception):
    """Why nothing can be read at all: one line for people."""


class Survey:
    """One account and Region. `client` makes a boto3 client of a service; `tell` gets a line of progress.

    `hours`: from when to when traffic is asked for; None: not at all.
    """

    def __init__(
        self,
        client: Callable[[str], BaseClient],
        tell: Callable[[str], None],
        hours: tuple[datetime, datetime] | None = None,
    ) -> None:
        self._client = client
        self._tell = tell
        self._hours = hours
        self._clients: dict[str, BaseClient] = {}
        self._denied: set[tuple[str, str]] = set()
        """Operations that failed once: it is said once."""

    def read(self) -> Found:
        """Everything that a scenario may need. Raises CannotSurvey."""
        try:
            identity = self._call("sts", "GetCallerIdentity", {})
        except _failures() as error:
            raise CannotSurvey(f"no answer from AWS: {one_line(str(error))}") from error
        region = self._clients["sts"].meta.region_name
        self._found = found = Found(identity["Account"], region)
        chapters = (self._ecs, self._machines, self._balancers, self._functions, self._queues, self._events,
                    self._scaling, self._batch, self._app_runner, self._images, self._quotas,
                    self._traffic)  # fmt: skip
        for read in chapters:
            before = {kind: len(rows) for kind, rows in found.rows.items()}
            read()
            counts = [
                f"{len(rows)} {kind.partition('.')[2].replace('_', ' ')}"
                for kind, rows in found.rows.items()
                if len(rows) > before.get(kind, 0)
            ]
            if counts:
                self._tell(", ".join(counts))
        return found

    # services

    def _ecs(self) -> None:
        arns = [one for one in self._rows("ecs", "ListClusters") if f"cluster/{OF_BATCH}" not in one]
        self._keep("ecs.clusters", self._many("ecs", "DescribeClusters", "clusters", arns))
        self._keep("ecs.capacity_providers", self._rows("ecs", "DescribeCapacityProviders"))
        for cluster in arns:
            names = self._rows("ecs", "ListServices", cluster=cluster)
            told = self._many("ecs", "DescribeServices", "services", names, cluster=cluster)
            self._keep("ecs.services", told)
            names = self._rows("ecs", "ListContainerInstances", cluster=cluster)
            told = self._many(
                "ecs", "DescribeContainerInstances", "containerInstances", names, cluster=cluster
            )
            self._keep("ecs.instances", [{**one, "clusterArn": cluster} for one in told])
        services = self._found.of("ecs.services")
        sets = [one for service in services for one in service.get("taskSets", ())]
        for arn in sorted({one.get("taskDefinition", "") for one in (*services, *sets)} - {""}):
            self._definition(arn)

    def _definition(self, arn: str) -> None:
        known = {one["taskDefinitionArn"] for one in self._found.of("ecs.task_definitions")}
        if arn not in known:
            self._keep("ecs.task_definitions", self._one("ecs", "DescribeTaskDefinition", taskDefinition=arn))

    def _machines(self) -> None:
        self._keep("ec2.subnets", self._rows("ec2", "DescribeSubnets"))
        groups = self._rows("autoscaling", "DescribeAutoScalingGroups")
        self._keep("autoscaling.groups", groups)
        names = sorted({one.get("LaunchConfigurationName", "") for one in groups} - {""})
        if names:
            self._keep(
                "autoscaling.launch_configurations",
                self._rows("autoscaling", "DescribeLaunchConfigurations", LaunchConfigurationNames=names),
            )
        for group in groups:
            template = launch_template(group)
            if template:
                named = "LaunchTemplateId" if "LaunchTemplateId" in template else "LaunchTemplateName"
                asked = {named: template[named], "Versions": [template.get("Version", "$Default")]}
                told = self._rows("ec2", "DescribeLaunchTemplateVersions", **asked)
                arn = group["AutoScalingGroupARN"]
                self._keep("ec2.launch_template_versions", [{**one, "group": arn} for one in told])

    def _balancers(self) -> None:
        balancers = self._rows("elbv2", "DescribeLoadBalancers")
        self._keep("elbv2.load_balancers", balancers)
        groups = self._rows("elbv2", "DescribeTargetGroups")
        for group in groups:
            arn = group["TargetGroupArn"]
            attributes = self._rows("elbv2", "DescribeTargetGroupAttributes", TargetGroupArn=arn)
            targets = [] if group.get("TargetType") != "lambda" else self._rows(
                "elbv2", "DescribeTargetHealth", TargetGroupArn=arn
            )  # fmt: skip
            told = {one["Key"]: one.get("Value", "") for one in attributes}
            ids = [one["Target"]["Id"] for one in targets]
            self._keep("elbv2.target_groups", [{**group, "Attributes": told, "Targets": ids}])
        for balancer in balancers:
            arn = balancer["LoadBalancerArn"]
            for listener in self._rows("elbv2", "DescribeListeners", LoadBalancerArn=arn):
                self._keep("elbv2.listeners", [listener])
                named = {"ListenerArn": listener["ListenerArn"]}
                rules = self._rows("elbv2", "DescribeRules", **named)
                self._keep("elbv2.rules", [{**one, **named} for one in rules if not one.get("IsDefault")])

    def _functions(self) -> None:
        for function in self._rows("lambda", "ListFunctions"):
            name = function["FunctionName"]
            reserved = self._one("lambda", "GetFunctionConcurrency", FunctionName=name)
            more = {"Reserved": reserved[0]} if reserved and reserved[0] is not None else {}
            self._keep("lambda.functions", [{**function, **more}])
            rows = self._rows("lambda", "ListAliases", FunctionName=name)
            self._keep("lambda.aliases", [{**one, "FunctionName": name} for one in rows])
            rows = self._rows("lambda", "ListProvisionedConcurrencyConfigs", FunctionName=name)
            self._keep("lambda.provisioned", [{**one, "FunctionName": name} for one in rows])
        self._keep("lambda.mappings", self._rows("lambda", "ListEventSourceMappings"))

    def _queues(self) -> None:
        for url in self._rows("sqs", "ListQueues"):
            told = self._one("sqs", "GetQueueAttributes", QueueUrl=url, AttributeNames=["All"])
            self._keep("sqs.queues", [{"QueueUrl": url, "Attributes": one} for one in told if one])

    def _events(self) -> None:
        for bus in self._rows("events", "ListEventBuses"):
            for rule in self._rows("events", "ListRules", EventBusName=bus["Name"]):
                named = {"Rule": rule["Name"], "EventBusName": bus["Name"]}
                targets = self._rows("events", "ListTargetsByRule", **named)
                self._keep("events.rules", [{**rule, "Targets": targets}])
                for target in targets:
                    if "EcsParameters" in target:
                        self._definition(target["EcsParameters"]["TaskDefinitionArn"])
        self._keep("scheduler.schedules", self._rows("scheduler", "ListSchedules"))

    def _scaling(self) -> None:
        for namespace in ("ecs", "lambda"):
            for kind, operation in (
                ("targets", "DescribeScalableTargets"),
                ("policies", "DescribeScalingPolicies"),
                ("scheduled_actions", "DescribeScheduledActions"),
            ):
                rows = self._rows("application-autoscaling", operation, ServiceNamespace=namespace)
                self._keep(f"application-autoscaling.{kind}", rows)
        alarms = self._rows("cloudwatch", "DescribeAlarms", AlarmTypes=["MetricAlarm"])
        self._keep("cloudwatch.alarms", alarms)

    def _batch(self) -> None:
        self._keep("batch.compute_environments", self._rows("batch", "DescribeComputeEnvironments"))
        arns = [one["arn"] for one in self._rows("batch", "ListSchedulingPolicies")]
        self._keep(
            "batch.scheduling_policies",
            self._many("batch", "DescribeSchedulingPolicies", "arns", arns) if arns else [],
        )
        self._keep("batch.job_queues", self._rows("batch", "DescribeJobQueues"))
        self._keep("batch.job_definitions", self._rows("batch", "DescribeJobDefinitions", status="ACTIVE"))

    def _app_runner(self) -> None:
        for one in self._rows("apprunner", "ListServices"):
            told = self._one("apprunner", "DescribeService", ServiceArn=one["ServiceArn"])
            self._keep("apprunner.services", told)
        wanted = {
            one["AutoScalingConfigurationSummary"]["AutoScalingConfigurationArn"]
            for one in self._found.of("apprunner.services")
            if "AutoScalingConfigurationSummary" in one
        }
        for arn in sorted(wanted):
            asked = {"AutoScalingConfigurationArn": arn}
            self._keep(
                "apprunner.scaling_configurations",
                self._one("apprunner", "DescribeAutoScalingConfiguration", **asked),
            )

    def _images(self) -> None:
        for image in sorted(images_of(self._found)):
            place = in_registry(image)
            if place is None or place.region != self._found.region:
                continue
            asked: dict[str, Any] = {"registryId": place.account, "repositoryName": place.repository}
            asked["imageIds"] = [{"imageDigest" if place.digest else "imageTag": place.version}]
            told = self._rows("ecr", "DescribeImages", **asked)
            self._keep("ecr.images", [{"image": image, "bytes": one.get("imageSizeInBytes")} for one in told])

    def _traffic(self) -> None:
        if self._hours is None:
            return
        begin, end = self._hours
        over = round((end - begin).total_seconds() / HOUR_S)
        for one in measured(self._found):
            sums = self._statistics(one, one.requests, Statistics=["Sum"])
            hours = {_hour(row): row["Sum"] for row in sums if row["Sum"] > 0}
            if not hours:
                continue
            told = self._statistics(one, one.time, ExtendedStatistics=["p50", "p99"]) if one.time else []
            times = {_hour(row): _percentiles(row, one.scale) for row in told}
            row = {"of": one, "hours": hours, "times": times, "over_h": over}
            self._keep("cloudwatch.traffic", [row])

    def _statistics(self, one: Measured, metric: str, **asked: Any) -> list[Any]:
        """Hour by hour."""
        assert self._hours is not None
        dimensions = [{"Name": name, "Value": value} for name, value in one.dimensions.items()]
        return self._rows(
            "cloudwatch",
            "GetMetricStatistics",
            Namespace=one.namespace,
            MetricName=metric,
            Dimensions=dimensions,
            StartTime=self._hours[0],
            EndTime=self._hours[1],
            Period=HOUR_S,
            **asked,
        )

    def _quotas(self) -> None:
        for service in QUOTA_SERVICES:
            told = self._rows("service-quotas", "ListServiceQuotas", ServiceCode=service)
            self._keep("service-quotas.quotas", told)

    # calls

    def _keep(self, kind: str, rows: Iterable[Row | None]) -> None:
        self._found.rows.setdefault(kind, []).extend(one for one in rows if one is not None)

    def _many(
        self, service: str, operation: str, parameter: str, names: list[Any], **asked: Any
    ) -> list[Row]:
        """What is described of these, so many at a time."""
        size = _CHUNKS.get(operation, _CHUNK)
        pieces = [names[start : start + size] for start in range(0, len(names), size)]
        answers = [self._rows(service, operation, **{parameter: piece}, **asked) for piece in pieces]
        return [row for answer in answers for row in answer]

    def _one(self, service: str, operation: str, **asked: Any) -> list[Any]:
        """The member of the answer; nothing when it may not be seen."""
        try:
            return [self._call(service, operation, asked).get(READS[service][operation])]
        except _failures() as error:
            self._untold(service, operation, error)
            return []

    def _rows(self, service: str, operation: str, **asked: Any) -> list[Any]:
        """All pages; as far as they may be seen."""
        found: list[Any] = []
        try:
            for page in self._pages(service, operation, asked):
                found += page.get(READS[service][operation]) or ()
        except _failures() as error:
            self._untold(service, operation, error)
        return found

    def _pages(self, service: str, operation: str, asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Page by page; as botocore knows how, else by NextToken."""
        from botocore import xform_name

        client, name = self._of(service), xform_name(operation)
        if client.can_paginate(name):
            size = {"PageSize": _PAGE_SIZES[operation]} if operation in _PAGE_SIZES else {}
            yield from client.get_paginator(name).paginate(**asked, PaginationConfig=size)
            return
        while True:
            page = self._call(service, operation, asked)
            yield page
            if not page.get("NextToken"):
                return
            asked = {**asked, "NextToken": page["NextToken"]}

    def _call(self, service: str, operation: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        from botocore import xform_name

        answer: dict[str, Any] = getattr(self._of(service), xform_name(operation))(**asked)
        return answer

    def _of(self, service: str) -> BaseClient:
        if service not in self._clients:
            self._clients[service] = self._client(service)
        return self._clients[service]

    def _untold(self, service: str, operation: str, error: Exception) -> None:
        """What is not seen, said once; whoever is not let in at all reads nothing. Raises CannotSurvey."""
        from botocore.exceptions import ClientError

        if (service, operation) in self._denied:
            return
        self._denied.add((service, operation))
        code, said = type(error).__name__, one_line(str(error))
        if isinstance(error, ClientError):
            code, why = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == NOT_THERE:
                return
            said = "you may not call it" if code in DENIED else one_line(why)
        sentence = f"{service}.{operation}: {code}: {said}"
        if code in WRONG_CREDENTIALS:
            raise CannotSurvey(sentence) from error
        self._found.untold.append(sentence)
        self._tell(sentence)


def _hour(point: Row) -> str:
    at: datetime = point["Timestamp"]
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _percentiles(point: Row, scale: float) -> tuple[float, float]:
    """The median and the 99th, in seconds."""
    found: Row = point["ExtendedStatistics"]
    return found.get("p50", 0.0) * scale, found.get("p99", 0.0) * scale


def _failures() -> tuple[type[Exception], ...]:
    """How a call fails: no answer, no credentials, an error, an answer of something that is not AWS."""
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    return BotoCoreError, ClientError, ResponseParserError
