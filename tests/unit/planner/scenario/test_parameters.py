"""What a client library would refuse to send."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from windlass.planner.scenario.parameters import sent, wrong_operation, wrong_parameter


@pytest.mark.parametrize(
    ("service", "operation", "why"),
    [
        ("ecs", "RunTask", ""),
        ("ecs", "runTask", "there is no such operation: did you mean RunTask?"),
        ("ecs", "Zzz", "there is no such operation"),
        ("elb2", "CreateRule", "there is no service 'elb2' here: did you mean elbv2?"),
    ],
)
def test_operations(service: str, operation: str, why: str) -> None:
    assert wrong_operation(service, operation) == why


def test_a_service_of_no_known_likeness() -> None:
    assert wrong_operation("zzz", "X").startswith("there is no service 'zzz' here; there are acm, ")


MAIN = {"name": "main", "image": "web", "memory": 64, "essential": True}


@pytest.mark.parametrize(
    ("params", "why"),
    [
        ({"family": "web", "containerDefinitions": [MAIN]}, ""),
        ({"familly": "web"}, "familly: there is no such parameter: did you mean family?"),
        ({"cpu": 256}, 'cpu: 256 is not a string: write "256"'),
        ({"family": None}, "family: there is nothing: give it a value, or leave it out"),
        ({"containerDefinitions": MAIN}, "is not a list"),
        ({"containerDefinitions": ["main"]}, "containerDefinitions[0]: 'main' is not a mapping"),
        ({"containerDefinitions": [MAIN, {"memory": "64"}]}, "[1].memory: '64' is not a whole number"),
        ({"containerDefinitions": [{"memory": True}]}, "memory: True is not a whole number"),
        ({"containerDefinitions": [{"essential": 1}]}, "essential: 1 is not true or false"),
        (
            {"containerDefinitions": [{"dockerLabels": {"a": 1}}]},
            'dockerLabels.a: 1 is not a string: write "1"',
        ),
        ({"containerDefinitions": [{"dockerLabels": []}]}, "dockerLabels: [] is not a mapping"),
        ([], "its parameters are a mapping, {} if there are none, and not []"),
        ({1: "x"}, "1: there is no such parameter"),
    ],
)
def test_parameters_of_a_task_definition(params: Any, why: str) -> None:
    found = wrong_parameter("ecs", "RegisterTaskDefinition", params)
    assert (why in found) if why else not found


@pytest.mark.parametrize(
    ("service", "operation", "params"),
    [
        ("lambda", "CreateFunction", {"Code": {"ZipFile": b"PK"}}),
        ("cloudwatch", "PutMetricData", {"MetricData": [{"Value": 3, "Timestamp": "2026-11-22T00:00:00Z"}]}),
        ("sqs", "CreateQueue", {"QueueName": "q", "Attributes": {"VisibilityTimeout": "30"}}),
    ],
)
def test_parameters_of_other_kinds(service: str, operation: str, params: Any) -> None:
    assert wrong_parameter(service, operation, params) == ""


@pytest.mark.parametrize(
    "said", [1_795_348_800, "1795348800", "2026-11-22T12:00:00Z", datetime(2026, 11, 22, 12)]
)
def test_times_are_sent_as_times(said: Any) -> None:
    """As boto3 takes them; YAML makes datetimes of what looks like one, without a zone."""
    params = {"Namespace": "A", "MetricData": [{"MetricName": "m", "Timestamp": said}]}
    assert wrong_parameter("cloudwatch", "PutMetricData", params, filled=True) == ""
    [datum] = sent("cloudwatch", "PutMetricData", params)["MetricData"]
    assert datum == {"MetricName": "m", "Timestamp": datetime(2026, 11, 22, 12, tzinfo=UTC)}


def test_what_is_no_time_is_told() -> None:
    params = {"MetricData": [{"Timestamp": "soon"}]}
    assert wrong_parameter("cloudwatch", "PutMetricData", params) == (
        "MetricData[0].Timestamp: 'soon' is not a time: 2026-11-22T12:00:00Z, for example"
    )


def test_references_stand_for_anything_until_they_are_filled_in() -> None:
    params = {"count": "${queue.Attributes.ApproximateNumberOfMessages}"}
    assert wrong_parameter("ecs", "RunTask", params) == ""
    assert "is not a whole number" in wrong_parameter("ecs", "RunTask", params, filled=True)
