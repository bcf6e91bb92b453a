"""What requests and instances come to in CloudWatch."""

from __future__ import annotations

from windlass.aws.metric_points import Summary, one
from windlass.fleet.proxy_messages import Count
from windlass.kernel.clock import SECOND
from windlass.services.apprunner import metering
from windlass.services.apprunner.metering import Period, Subject
from windlass.services.apprunner.scaling import Bill

WEB = Subject("1" * 12, "eu-west-1", "web", "0a")


def test_requests() -> None:
    """Each counts; what the proxy refuses itself is one of the 4xx; latencies are in milliseconds."""
    count = Count("arn", requests=10, target_2xx=7, target_4xx=1, elb_4xx=2, times=((0.01, 7), (0.5, 1)))
    values = dict(metering.of_requests(count))
    assert {name: summary.total for name, summary in values.items() if name != "RequestLatency"} == {
        "Requests": 10,
        "2xxStatusResponses": 7,
        "4xxStatusResponses": 3,
    }
    assert values["RequestLatency"] == Summary(8, 570, 10, 500, {10: 7, 500: 1})


def test_a_period() -> None:
    """Values of one subject and metric are joined; instances have a dimension of their own."""
    period = Period()
    period.add(WEB, metering.of_level("ActiveInstances", 1))
    period.add(WEB, metering.of_level("ActiveInstances", 3))
    period.add(WEB._replace(instance="ab"), metering.of_usage(256, 512, 1024, 2048))
    points = {(subject, name): summary for subject, name, summary in period.points()}
    assert points[WEB, "ActiveInstances"].most == 3
    assert points[WEB._replace(instance="ab"), "CPUUtilization"] == one(25.0)
    assert WEB.dimensions == (("ServiceID", "0a"), ("ServiceName", "web"))
    assert WEB._replace(instance="ab").dimensions[0] == ("Instance", "ab")
    assert {name for _, name in points} <= set(metering.UNITS)


def test_a_bill() -> None:
    """What is paid for is told under a namespace of our own."""
    before, after = Bill(10 * SECOND, 2 * SECOND), Bill(70 * SECOND, 5 * SECOND)
    told = dict(metering.of_bill(before, after))
    assert told == {"ProvisionedInstanceTime": one(60.0), "ActiveInstanceTime": one(3.0)}
    assert {metering.where(name) for name in told} == {("Windlass/AppRunner", "Seconds")}
    assert metering.where("Requests") == ("AWS/AppRunner", "Count")
