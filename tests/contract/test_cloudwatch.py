"""CloudWatch over the wire with boto3: metrics put and read, listed, refused."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract import raw
from tests.contract.raw import authorization
from tests.contract.test_lambda_invoke import deploy
from tests.fault.waiting import until
from tests.process import PlaneProcess
from tests.sqs_queue import Queue

Client = Callable[..., Any]
WEB = [{"Name": "Service", "Value": "web"}, {"Name": "Zone", "Value": "a"}]


def refusal(call: Callable[..., Any], **params: Any) -> str:
    """The code of the error that the call must end with."""
    with pytest.raises(ClientError) as refused:
        call(**params)
    return str(refused.value.response["Error"]["Code"])


@pytest.fixture
def cloudwatch(client: Client) -> Any:
    return client("cloudwatch")


def minute(ago: int) -> datetime:
    """The beginning of a minute."""
    return datetime.fromtimestamp(time.time() // 60 * 60 - 60 * ago, UTC)


def read(cloudwatch: Any, name: str, *statistics: str, **params: Any) -> list[dict[str, Any]]:
    """The points of the last quarter of an hour, oldest first."""
    chosen: dict[str, Any] = {"Namespace": "App", "MetricName": name, "Period": 60}
    chosen |= {"StartTime": minute(15), "EndTime": minute(-1)}
    kind = "ExtendedStatistics" if statistics[0].startswith("p") else "Statistics"
    answer = cloudwatch.get_metric_statistics(**(chosen | {kind: list(statistics)} | params))
    return sorted(answer["Datapoints"], key=lambda point: point["Timestamp"])


def test_what_is_put_is_read(cloudwatch: Any) -> None:
    """Values, values with counts and statistic sets come to periods, by unit and dimension."""
    cloudwatch.put_metric_data(
        Namespace="App",
        MetricData=[
            {"MetricName": "Latency", "Value": 3, "Unit": "Seconds", "Timestamp": minute(3)},
            {
                "MetricName": "Latency",
                "Values": [1.0, 2.0],
                "Counts": [3, 1],
                "Unit": "Seconds",
                "Timestamp": minute(3),
            },
            {"MetricName": "Latency", "Value": 8, "Timestamp": minute(2)},
            {
                "MetricName": "Latency",
                "StatisticValues": {"SampleCount": 2, "Sum": 30, "Minimum": 10, "Maximum": 20},
                "Dimensions": WEB,
            },
        ],
    )
    first, second = read(cloudwatch, "Latency", "Sum", "SampleCount", "Average", "Minimum", "Maximum")
    assert first == {
        "Timestamp": minute(3),
        "Unit": "Seconds",
        "Sum": 8.0,
        "SampleCount": 5.0,
        "Average": 1.6,
        "Minimum": 1.0,
        "Maximum": 3.0,
    }
    assert (second["Unit"], second["Sum"]) == ("None", 8.0)
    assert [point["Sum"] for point in read(cloudwatch, "Latency", "Sum", Period=300, Unit="Seconds")] == [8.0]
    [point] = read(cloudwatch, "Latency", "p50", "p99", Unit="Seconds")
    assert point["ExtendedStatistics"] == {"p50": 1.0, "p99": 3.0}
    [point] = read(cloudwatch, "Latency", "Maximum", Dimensions=list(reversed(WEB)))
    assert point["Maximum"] == 20.0
    assert read(cloudwatch, "Latency", "p50", Dimensions=WEB) == []
    assert read(cloudwatch, "Latency", "Sum", Dimensions=WEB[:1]) == []


def test_metrics_are_listed_by_what_they_are(cloudwatch: Any) -> None:
    """By namespace, name and dimensions; all of them once, through pages; others' not."""
    data = [{"MetricName": f"m{number:03}", "Value": 1} for number in range(510)]
    data += [{"MetricName": "m000", "Value": 1, "Dimensions": WEB, "Timestamp": minute(600)}]
    cloudwatch.put_metric_data(Namespace="App", MetricData=data)
    cloudwatch.put_metric_data(Namespace="Other", MetricData=data[:1])

    def listed(**chosen: Any) -> list[tuple[str, str, int]]:
        pages = cloudwatch.get_paginator("list_metrics").paginate(**chosen)
        return [
            (row["Namespace"], row["MetricName"], len(row["Dimensions"]))
            for page in pages
            for row in page["Metrics"]
        ]

    assert len(listed()) == len(set(listed())) == 512
    assert listed(Namespace="Other") == [("Other", "m000", 0)]
    assert listed(Namespace="App", MetricName="m000") == [("App", "m000", 0), ("App", "m000", 2)]
    assert listed(Dimensions=[{"Name": "Zone"}]) == [("App", "m000", 2)]
    assert listed(Dimensions=[{"Name": "Zone", "Value": "b"}]) == []
    assert listed(MetricName="m000", RecentlyActive="PT3H") == [("App", "m000", 0), ("Other", "m000", 0)]
    assert refusal(cloudwatch.list_metrics, NextToken="x") == "InvalidNextToken"


def test_what_is_wrong_is_refused(cloudwatch: Any) -> None:
    put, get = cloudwatch.put_metric_data, cloudwatch.get_metric_statistics
    datum = {"MetricName": "m", "Value": 1.0}
    assert refusal(put, Namespace="AWS/ECS", MetricData=[datum]) == "InvalidParameterValue"
    both = datum | {"StatisticValues": {"SampleCount": 1, "Sum": 1, "Minimum": 1, "Maximum": 1}}
    assert refusal(put, Namespace="App", MetricData=[both]) == "InvalidParameterCombination"
    late = datum | {"Timestamp": minute(0) - timedelta(days=15)}
    assert refusal(put, Namespace="App", MetricData=[late]) == "InvalidParameterValue"
    many = datum | {"Dimensions": [{"Name": f"d{n}", "Value": "v"} for n in range(31)]}
    assert refusal(put, Namespace="App", MetricData=[many]) == "ValidationError"
    chosen: dict[str, Any] = {"Namespace": "App", "MetricName": "m", "Period": 60}
    chosen |= {"StartTime": minute(9), "EndTime": minute(0)}
    assert refusal(get, **chosen) == "MissingParameter"
    chosen["Statistics"] = ["Sum"]
    assert refusal(get, **(chosen | {"Period": 45})) == "InvalidParameterValue"
    assert refusal(get, **(chosen | {"EndTime": minute(9)})) == "InvalidParameterCombination"
    assert refusal(get, **(chosen | {"StartTime": minute(1_500)})) == "InvalidParameterCombination"
    assert refusal(cloudwatch.list_metric_streams) == "NotImplemented"


def test_old_sdks_send_query(plane: PlaneProcess, account: str, cloudwatch: Any) -> None:
    """The same points, and faults as XML."""

    def send(query: str) -> tuple[int, bytes]:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        headers["Authorization"] = authorization(account, "monitoring", cloudwatch.meta.region_name)
        status, _, body = raw.send(plane.endpoint, "POST", "/", headers, query.encode())
        return status, body

    put = "Action=PutMetricData&Version=2010-08-01&Namespace=App&MetricData.member.1.MetricName=old"
    dimension = "&MetricData.member.1.Dimensions.member.1."
    status, body = send(f"{put}&MetricData.member.1.Value=4{dimension}Name=a{dimension}Value=b")
    assert (status, b"<PutMetricDataResponse" in body) == (200, True), body
    [row] = cloudwatch.list_metrics()["Metrics"]
    assert row == {"Namespace": "App", "MetricName": "old", "Dimensions": [{"Name": "a", "Value": "b"}]}
    status, body = send(put)
    assert (status, b"<Code>MissingParameter</Code>" in body) == (400, True), body


def test_metric_data_with_math_in_pages(cloudwatch: Any) -> None:
    data = [
        {"MetricName": name, "Value": value * ago, "Timestamp": minute(ago)}
        for name, value in (("Errors", 1.0), ("Requests", 10.0))
        for ago in (1, 2, 3)
    ]
    cloudwatch.put_metric_data(Namespace="App", MetricData=data)
    asked: list[dict[str, Any]] = [
        {
            "Id": name.lower(),
            "MetricStat": {
                "Metric": {"Namespace": "App", "MetricName": name},
                "Period": 60,
                "Stat": "Sum",
            },
            "ReturnData": name == "Errors",
        }
        for name in ("Errors", "Requests")
    ]
    asked.append({"Id": "rate", "Expression": "100 * errors / requests", "Label": "percent"})
    times = {"StartTime": minute(9), "EndTime": minute(0)}
    answer = cloudwatch.get_metric_data(MetricDataQueries=asked, ScanBy="TimestampAscending", **times)
    errors, rate = answer["MetricDataResults"]
    assert (errors["Label"], errors["Values"], errors["StatusCode"]) == (
        "Errors",
        [3.0, 2.0, 1.0],
        "Complete",
    )
    assert rate["Timestamps"] == [minute(3), minute(2), minute(1)]
    assert (rate["Label"], rate["Values"]) == ("percent", [10.0, 10.0, 10.0])
    found: dict[str, list[float]] = {}
    pages = cloudwatch.get_paginator("get_metric_data").paginate(
        MetricDataQueries=asked, MaxDatapoints=4, **times
    )
    for page in pages:
        for result in page["MetricDataResults"]:
            found.setdefault(result["Id"], []).extend(result["Values"])
    assert found == {"errors": [1.0, 2.0, 3.0], "rate": [10.0, 10.0, 10.0]}
    asked[-1]["Expression"] = "ANOMALY_DETECTION_BAND(errors)"
    assert refusal(cloudwatch.get_metric_data, MetricDataQueries=asked, **times) == "ValidationError"


ALARM = {
    "AlarmName": "hot",
    "Namespace": "App",
    "MetricName": "Load",
    "Statistic": "Average",
    "Period": 60,
    "EvaluationPeriods": 2,
    "Threshold": 10.0,
    "ComparisonOperator": "GreaterThanThreshold",
}


def test_the_life_of_an_alarm(cloudwatch: Any) -> None:
    """Put, described, set, switched off and on, changed, deleted; its history outlives it."""
    action = "arn:aws:sns:us-east-1:123456789012:pager"
    cloudwatch.put_metric_alarm(
        **ALARM, Dimensions=WEB, AlarmActions=[action], Tags=[{"Key": "k", "Value": "v"}]
    )
    cloudwatch.get_waiter("alarm_exists").wait(AlarmNames=["hot"])
    [alarm] = cloudwatch.describe_alarms()["MetricAlarms"]
    assert {name: alarm[name] for name in ALARM} == ALARM and alarm["Dimensions"] == WEB
    assert (alarm["StateValue"], alarm["ActionsEnabled"]) == ("INSUFFICIENT_DATA", True)
    arn = alarm["AlarmArn"]
    assert arn.endswith(":alarm:hot")
    cloudwatch.tag_resource(ResourceARN=arn, Tags=[{"Key": "team", "Value": "a"}])
    cloudwatch.untag_resource(ResourceARN=arn, TagKeys=["k"])
    assert cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "team", "Value": "a"}]
    missing = refusal(cloudwatch.list_tags_for_resource, ResourceARN=f"{arn}s")
    assert missing == "ResourceNotFoundException"
    cloudwatch.set_alarm_state(AlarmName="hot", StateValue="ALARM", StateReason="try", StateReasonData="{}")
    cloudwatch.disable_alarm_actions(AlarmNames=["hot", "none"])
    [alarm] = cloudwatch.describe_alarms(StateValue="ALARM", ActionPrefix="arn:aws:sns")["MetricAlarms"]
    assert (alarm["StateReason"], alarm["ActionsEnabled"]) == ("try", False)
    cloudwatch.enable_alarm_actions(AlarmNames=["hot"])
    cloudwatch.put_metric_alarm(**(ALARM | {"Threshold": 20.0}))
    [alarm] = cloudwatch.describe_alarms_for_metric(Namespace="App", MetricName="Load")["MetricAlarms"]
    assert alarm["Threshold"] == 20.0 and alarm["AlarmActions"] == []
    assert refusal(cloudwatch.delete_alarms, AlarmNames=["hot", "none"]) == "ResourceNotFound"
    cloudwatch.delete_alarms(AlarmNames=["hot"])
    assert cloudwatch.describe_alarms(AlarmNames=["hot"])["MetricAlarms"] == []
    pages = cloudwatch.get_paginator("describe_alarm_history").paginate(
        AlarmName="hot", ScanBy="TimestampAscending", PaginationConfig={"PageSize": 2}
    )
    items = [item for page in pages for item in page["AlarmHistoryItems"]]
    kinds = [item["HistoryItemType"] for item in items if "INSUFFICIENT_DATA" not in item["HistorySummary"]]
    assert kinds.count("ConfigurationUpdate") == 5 and kinds.count("Action") == 1
    assert items[0]["HistorySummary"] == 'Alarm "hot" created'
    assert items[-1]["HistorySummary"] == 'Alarm "hot" deleted'
    assert any("Windlass has no SNS" in item["HistoryData"] for item in items)


def test_alarms_come_in_pages_by_prefix(cloudwatch: Any) -> None:
    for name in ("b2", "a1", "b1", "b3", "c"):
        cloudwatch.put_metric_alarm(**(ALARM | {"AlarmName": name}))
    pages = cloudwatch.get_paginator("describe_alarms").paginate(
        AlarmNamePrefix="b", PaginationConfig={"PageSize": 2}
    )
    found = [[alarm["AlarmName"] for alarm in page["MetricAlarms"]] for page in pages]
    assert found == [["b1", "b2"], ["b3"]]
    assert cloudwatch.describe_alarms(AlarmTypes=["CompositeAlarm"])["MetricAlarms"] == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"DatapointsToAlarm": 3}, "ValidationError"),
        ({"Period": 45}, "InvalidParameterValue"),
        ({"Period": 5}, "ValidationError"),
        ({"EvaluationPeriods": 1_441}, "ValidationError"),
        ({"TreatMissingData": "perhaps"}, "ValidationError"),
        ({"ComparisonOperator": "GreaterThanUpperThreshold"}, "ValidationError"),
        ({"ExtendedStatistic": "p90"}, "InvalidParameterCombination"),
        ({"Metrics": [{"Id": "e", "Expression": "1"}]}, "InvalidParameterCombination"),
    ],
)
def test_alarms_that_are_refused(cloudwatch: Any, changes: dict[str, Any], code: str) -> None:
    assert refusal(cloudwatch.put_metric_alarm, **(ALARM | changes)) == code


def put_alarms(cloudwatch: Any, *names: str) -> None:
    for name in names:
        cloudwatch.put_metric_alarm(**(ALARM | {"AlarmName": name}))


def test_the_life_of_a_composite_alarm(cloudwatch: Any) -> None:
    """It follows the states of the alarms that its rule names; they stay as long as it does."""
    put_alarms(cloudwatch, "cpu", "disk")
    cloudwatch.put_composite_alarm(AlarmName="bad", AlarmRule='ALARM("cpu") AND NOT ALARM(disk)')
    cloudwatch.put_composite_alarm(AlarmName="worse", AlarmRule="ALARM(bad)", AlarmDescription="both")

    def composites(**chosen: Any) -> dict[str, str]:
        found = cloudwatch.describe_alarms(AlarmTypes=["CompositeAlarm"], **chosen)["CompositeAlarms"]
        return {alarm["AlarmName"]: alarm["StateValue"] for alarm in found}

    until(lambda: composites() == {"bad": "OK", "worse": "OK"}, "both rules were looked at")
    assert cloudwatch.describe_alarms()["CompositeAlarms"] == []  # AWS shows metric alarms if not asked
    cloudwatch.set_alarm_state(AlarmName="cpu", StateValue="ALARM", StateReason="hot")
    cloudwatch.get_waiter("composite_alarm_exists").wait(AlarmNames=["worse"], AlarmTypes=["CompositeAlarm"])
    until(lambda: composites() == {"bad": "ALARM", "worse": "ALARM"}, "the first alarm went all the way up")
    [bad] = cloudwatch.describe_alarms(AlarmTypes=["CompositeAlarm"], AlarmNames=["bad"])["CompositeAlarms"]
    assert "alarm:cpu transitioned to ALARM at" in bad["StateReason"]
    assert bad["AlarmRule"] == 'ALARM("cpu") AND NOT ALARM(disk)' and "Threshold" not in bad
    cloudwatch.set_alarm_state(AlarmName="disk", StateValue="ALARM", StateReason="full")
    until(lambda: composites() == {"bad": "OK", "worse": "OK"}, "NOT counts")
    children = cloudwatch.describe_alarms(ChildrenOfAlarmName="bad")["MetricAlarms"]
    assert [one["AlarmName"] for one in children] == ["cpu", "disk"]
    parents = cloudwatch.describe_alarms(ParentsOfAlarmName="bad")["CompositeAlarms"]
    assert [one["AlarmName"] for one in parents] == ["worse"]
    assert refusal(cloudwatch.delete_alarms, AlarmNames=["cpu"]) == "ValidationError"
    history = cloudwatch.describe_alarm_history(AlarmName="bad", AlarmTypes=["CompositeAlarm"])
    assert {item["AlarmType"] for item in history["AlarmHistoryItems"]} == {"CompositeAlarm"}
    cloudwatch.delete_alarms(AlarmNames=["worse", "bad", "cpu", "disk"])
    assert composites() == {}


@pytest.mark.parametrize(
    "rule",
    ["ALARM(none)", "ALARM(cpu", "ALARM(cpu) OK(cpu)", "AND", "AT_LEAST(1, ALARM, (cpu))", "(" * 200, "NOT"],
)
def test_rules_that_are_refused(cloudwatch: Any, rule: str) -> None:
    put_alarms(cloudwatch, "cpu")
    assert refusal(cloudwatch.put_composite_alarm, AlarmName="c", AlarmRule=rule) == "ValidationError"


def test_what_composite_alarms_do_not_have_is_refused(cloudwatch: Any) -> None:
    suppressed = {"AlarmName": "c", "AlarmRule": "TRUE", "ActionsSuppressor": "cpu"}
    assert refusal(cloudwatch.put_composite_alarm, **suppressed) == "ValidationError"


def test_dashboards_are_kept_as_they_come(cloudwatch: Any) -> None:
    body = '{"widgets": [{"type": "text", "properties": {"markdown": "hi"}}]}'
    for name in ("ops", "app-a", "app-b"):
        cloudwatch.put_dashboard(DashboardName=name, DashboardBody=body)
    found = cloudwatch.get_dashboard(DashboardName="ops")
    assert found["DashboardBody"] == body and found["DashboardArn"].endswith(":dashboard/ops")
    pages = cloudwatch.get_paginator("list_dashboards").paginate(DashboardNamePrefix="app")
    entries = [entry for page in pages for entry in page["DashboardEntries"]]
    assert [(one["DashboardName"], one["Size"]) for one in entries] == [
        (name, len(body)) for name in ("app-a", "app-b")
    ]
    for bad in ("no json", "[]", '{"widgets": 1}'):
        wrong = refusal(cloudwatch.put_dashboard, DashboardName="ops", DashboardBody=bad)
        assert wrong == "InvalidParameterInput"
    assert refusal(cloudwatch.delete_dashboards, DashboardNames=["ops", "none"]) == "ResourceNotFound"
    cloudwatch.delete_dashboards(DashboardNames=["ops"])
    assert refusal(cloudwatch.get_dashboard, DashboardName="ops") == "ResourceNotFound"


def test_an_alarm_invokes_a_function(cloudwatch: Any, client: Client, account: str) -> None:
    """What it is invoked with, and the item in the alarm's history."""
    deploy(client("lambda"), account, "def handler(event, context):\n    return event")
    queue = Queue(client("sqs"), "told")
    client("lambda").put_function_event_invoke_config(
        FunctionName="f", DestinationConfig={"OnSuccess": {"Destination": queue.arn}}
    )
    function = client("lambda").get_function(FunctionName="f")["Configuration"]["FunctionArn"]
    cloudwatch.put_metric_alarm(**ALARM, AlarmDescription="too much", AlarmActions=[function])
    cloudwatch.set_alarm_state(AlarmName="hot", StateValue="ALARM", StateReason="try")
    event = queue.record()["requestPayload"]
    assert (event["source"], event["accountId"]) == ("aws.cloudwatch", account)
    assert event["alarmArn"].endswith(":alarm:hot")
    told = event["alarmData"]
    assert (told["alarmName"], told["state"]["value"], told["state"]["reason"]) == ("hot", "ALARM", "try")
    assert told["previousState"]["value"] == "INSUFFICIENT_DATA"
    assert told["configuration"]["description"] == "too much"

    def items() -> Any:
        return cloudwatch.describe_alarm_history(AlarmName="hot", HistoryItemType="Action")[
            "AlarmHistoryItems"
        ]

    [item] = until(items, "the history tells of the action")
    assert item["HistorySummary"] == f"Successfully executed action {function}"
