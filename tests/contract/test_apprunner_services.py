"""App Runner with boto3: services that really run, from their creation to their deletion."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests import apprunner_build as build
from tests.fault.waiting import until

Client = Callable[..., Any]
CRASHES = "sh -c 'echo no config; exit 3'"
DONE = ("SUCCEEDED", "FAILED", "ROLLBACK_SUCCEEDED")
SERVICE_CHANGE = "AppRunner Service Status Change"


class App:
    """One service of the test's account, and the way to it."""

    def __init__(self, apprunner: Any, endpoint: str, source: dict[str, Any], **members: Any) -> None:
        self.apprunner = apprunner
        self.endpoint = endpoint
        made = apprunner.create_service(ServiceName="web-app", SourceConfiguration=source, **members)
        self.arn = made["Service"]["ServiceArn"]
        self.url = made["Service"].get("ServiceUrl", "")

    def described(self) -> dict[str, Any]:
        return dict(self.apprunner.describe_service(ServiceArn=self.arn)["Service"])

    def status(self) -> str:
        return str(self.described()["Status"])

    def operations(self) -> list[tuple[str, str]]:
        """Type and status, newest first."""
        found = self.apprunner.list_operations(ServiceArn=self.arn)["OperationSummaryList"]
        return [(one["Type"], one["Status"]) for one in found]

    def settled(self, *answers: str) -> str:
        """The status when the operation is over; until then each request has one of these answers."""

        def over() -> bool:
            if answers:
                status, body = self.get()
                assert status == 200 and body in answers
            return self.status() != "OPERATION_IN_PROGRESS"

        until(over, "the operation is over")
        assert self.operations()[0][1] in DONE
        return self.status()

    def get(self) -> tuple[int, str]:
        """What the service's URL answers: status and body."""
        try:
            with urlopen(Request(self.endpoint, headers={"Host": self.url}), timeout=30) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            return error.code, error.read().decode()

    def do(self, operation: str, **params: Any) -> dict[str, Any]:
        return dict(getattr(self.apprunner, operation)(ServiceArn=self.arn, **params))


@pytest.fixture
def apprunner(client: Client) -> Any:
    return client("apprunner", parameter_validation=False)


def heard(sqs: Any, queue: str) -> list[dict[str, Any]]:
    """The events that have come, oldest first, each once."""
    found = []
    while got := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        found += [json.loads(one["Body"]) for one in got]
    return sorted(found, key=lambda event: str(event["time"]))


def a_listener(client: Client) -> str:
    """A queue that gets all events of App Runner."""
    sqs, events = client("sqs"), client("events")
    queue = sqs.create_queue(QueueName="heard")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name="all", EventPattern=json.dumps({"source": ["aws.apprunner"]}))
    events.put_targets(Rule="all", Targets=[{"Id": "queue", "Arn": arn}])
    return str(queue)


def test_the_life_of_a_service(apprunner: Any, client: Client, endpoint: str) -> None:
    """Up, updated, broken and rolled back, paused, resumed, deleted; told on the event bus and in its log."""
    queue = a_listener(client)
    app = App(apprunner, endpoint, build.serving("one"))
    with build.refused("InvalidStateException", "It is OPERATION_IN_PROGRESS"):
        app.do("update_service")
    with build.refused("InvalidRequestException", "It is OPERATION_IN_PROGRESS"):
        app.do("start_deployment")
    assert app.settled() == "RUNNING"
    assert app.get() == (200, "one")

    changed = app.do("update_service", SourceConfiguration=build.serving("two"))
    assert changed["Service"]["Status"] == "OPERATION_IN_PROGRESS"
    assert app.settled("one", "two") == "RUNNING"
    assert app.get() == (200, "two")

    app.do("update_service", SourceConfiguration=build.an_image(CRASHES))
    assert app.settled("two") == "RUNNING"
    assert app.operations()[0] == ("UPDATE_SERVICE", "ROLLBACK_SUCCEEDED")
    assert app.get() == (200, "two")
    source = app.described()["SourceConfiguration"]
    assert source["ImageRepository"]["ImageConfiguration"]["StartCommand"] == build.server("two")

    app.do("pause_service")
    assert app.settled() == "PAUSED"
    assert app.get()[0] == 503
    for refused in ("update_service", "pause_service"):
        with build.refused("InvalidStateException", "It is PAUSED"):
            app.do(refused)
    assert app.do("resume_service")["OperationId"]
    assert app.settled() == "RUNNING"
    assert app.get() == (200, "two")

    operation = app.do("start_deployment")["OperationId"]
    assert app.settled() == "RUNNING"
    [newest] = app.do("list_operations", MaxResults=1)["OperationSummaryList"]
    assert (newest["Id"], newest["Type"]) == (operation, "START_DEPLOYMENT")
    assert newest["EndedAt"] >= newest["StartedAt"]

    app.do("delete_service")
    assert app.settled() == "DELETED"
    assert apprunner.list_services()["ServiceSummaryList"] == []
    assert len(app.operations()) == 7
    with build.refused("ResourceNotFoundException"):
        app.do("pause_service")

    events = heard(client("sqs"), queue)
    statuses = [one["detail"]["CurrentStatus"] for one in events if one["detail-type"] == SERVICE_CHANGE]
    assert statuses.count("RUNNING") == 5 and statuses.count("OPERATION_IN_PROGRESS") == 7
    outcomes = {one["detail"].get("operationStatus") for one in events}
    assert {"CreateServiceCompletedSuccessfully", "UpdateServiceFailed", "DeploymentStarted"} <= outcomes
    assert {tuple(one["resources"]) for one in events} == {(app.arn,)}
    check_log(client("logs"), app)


def check_log(logs: Any, app: App) -> None:
    """Its status in one stream, each operation that brought something up in one of its own."""
    group = "/aws/apprunner/" + app.arn.rpartition(":service/")[2] + "/service"

    def lines() -> str:
        found = logs.filter_log_events(logGroupName=group)["events"]
        return "\n".join(one["message"] for one in found)

    until(lambda: "Service status is set to DELETED" in lines(), "the last line is there")
    text = lines()
    assert "[AppRunner] Service creation completed successfully." in text
    assert "[AppRunner] Health check is successful. Routing traffic to application." in text
    assert "Container exit code: 3" in text
    streams = logs.describe_log_streams(logGroupName=group)["logStreams"]
    names = {one["logStreamName"].partition("/")[0] for one in streams}
    assert names == {"events", "deployment"} and len(streams) == 6


def test_a_service_that_never_comes_up(apprunner: Any, endpoint: str) -> None:
    """CREATE_FAILED: neither paused nor deployed to, but mended by an update."""
    app = App(apprunner, endpoint, build.an_image(CRASHES))
    assert app.settled() == "CREATE_FAILED"
    assert app.operations() == [("CREATE_SERVICE", "FAILED")]
    with build.refused("InvalidStateException", "must be RUNNING to be paused. It is CREATE_FAILED"):
        app.do("pause_service")
    with build.refused("InvalidRequestException", "must be RUNNING to be deployed to"):
        app.do("start_deployment")
    with build.refused("InvalidRequestException", "from code to image"):
        app.do("update_service", SourceConfiguration=build.some_code())
    app.do("update_service", SourceConfiguration=build.serving("mended"))
    assert app.settled() == "RUNNING"
    assert app.get() == (200, "mended")
    app.do("delete_service")
    assert app.settled() == "DELETED"


def test_custom_domains_and_vpc_ingress_connections(apprunner: Any, endpoint: str) -> None:
    """Both are of a service that is up; they are stored, with what AWS would have one do."""
    private = {"IngressConfiguration": {"IsPubliclyAccessible": False}}
    app = App(apprunner, endpoint, build.serving("hidden"), NetworkConfiguration=private)
    assert app.url == ""
    with build.refused("InvalidStateException", "must be RUNNING"):
        app.do("associate_custom_domain", DomainName="example.com")
    assert app.settled() == "RUNNING"
    check_domains(app)

    create = apprunner.create_vpc_ingress_connection
    vpc = {"VpcId": "vpc-1", "VpcEndpointId": "vpce-1"}
    asked = {"ServiceArn": app.arn, "IngressVpcConfiguration": vpc}
    made = create(VpcIngressConnectionName="inside", **asked)["VpcIngressConnection"]
    assert (made["Status"], made["ServiceArn"]) == ("AVAILABLE", app.arn)
    arn = made["VpcIngressConnectionArn"]
    assert (
        apprunner.describe_vpc_ingress_connection(VpcIngressConnectionArn=arn)["VpcIngressConnection"] == made
    )
    with build.refused("InvalidRequestException", "already exists: inside"):
        create(VpcIngressConnectionName="inside", **asked)
    with build.refused("InvalidRequestException", "VpcEndpointId"):
        create(VpcIngressConnectionName="other", ServiceArn=app.arn, IngressVpcConfiguration={"VpcId": "v"})
    with build.refused("InvalidStateException", "VPC ingress connection"):
        app.do("delete_service")
    target = {"VpcIngressConnectionArn": arn, "VpcId": "vpc-1", "DomainName": made["DomainName"]}
    assert app.do("describe_custom_domains")["VpcDNSTargets"] == [target]
    other = {"VpcId": "vpc-1", "VpcEndpointId": "vpce-2"}
    apprunner.update_vpc_ingress_connection(VpcIngressConnectionArn=arn, IngressVpcConfiguration=other)
    for wanted, found in (({"VpcEndpointId": "vpce-2"}, 1), ({"VpcEndpointId": "vpce-1"}, 0)):
        listed = apprunner.list_vpc_ingress_connections(Filter=wanted)["VpcIngressConnectionSummaryList"]
        assert len(listed) == found
    delete = apprunner.delete_vpc_ingress_connection
    assert delete(VpcIngressConnectionArn=arn)["VpcIngressConnection"]["Status"] == "DELETED"
    with build.refused("InvalidStateException", "deleted"):
        delete(VpcIngressConnectionArn=arn)
    app.do("delete_service")
    assert app.settled() == "DELETED"


def check_domains(app: App) -> None:
    made = app.do("associate_custom_domain", DomainName="Example.com")
    domain = made["CustomDomain"]
    assert (domain["DomainName"], domain["EnableWWWSubdomain"]) == ("example.com", True)
    assert domain["Status"] == "PENDING_CERTIFICATE_DNS_VALIDATION"
    assert {record["Type"] for record in domain["CertificateValidationRecords"]} == {"CNAME"}
    assert len(domain["CertificateValidationRecords"]) == 2
    assert ".awsapprunner." in made["DNSTarget"]
    for name, why in (
        ("example.com", "already associated"),
        ("no-domain", "isn't valid"),
        ("a..com", "isn't valid"),
        ("*.*.com", "isn't valid"),
    ):
        with build.refused("InvalidRequestException", why):
            app.do("associate_custom_domain", DomainName=name)
    with build.refused("InvalidRequestException", "wildcard"):
        app.do("associate_custom_domain", DomainName="*.example.com", EnableWWWSubdomain=True)
    app.do("associate_custom_domain", DomainName="*.example.com")
    for number in range(3):
        app.do("associate_custom_domain", DomainName=f"{number}.example.com", EnableWWWSubdomain=False)
    with build.refused("InvalidRequestException", "at most 5 custom domains"):
        app.do("associate_custom_domain", DomainName="more.example.com")
    page = app.do("describe_custom_domains", MaxResults=4)
    rest = app.do("describe_custom_domains", MaxResults=4, NextToken=page["NextToken"])
    assert [len(page["CustomDomains"]), len(rest["CustomDomains"])] == [4, 1]
    gone = app.do("disassociate_custom_domain", DomainName="*.example.com")
    assert gone["CustomDomain"]["Status"] == "DELETING"
    with build.refused("ResourceNotFoundException"):
        app.do("disassociate_custom_domain", DomainName="*.example.com")
