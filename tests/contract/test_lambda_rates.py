"""Lambda's rates over the wire: what is refused, why, and when to come again; quotas raise it."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.test_lambda_invoke import deploy, invoke
from tests.fault.waiting import until
from tests.process import PlaneProcess

PROFILE = """
[quotas]
"lambda.concurrent_executions" = { value = 102, unit = "", source = "", date = "" }
"lambda.metrics_period_s" = { value = 1, unit = "", source = "", date = "" }
"lambda.requests_per_concurrency_s" = { value = 10, unit = "", source = "", date = "" }
[buckets]
"lambda.control_plane" = { burst = 15, per_second = 0, unit = "", source = "", date = "" }
"lambda.get_policy" = { burst = 1, per_second = 1, unit = "", source = "", date = "" }
"lambda.environment_starts" = { burst = 1, per_second = 0, unit = "", source = "", date = "" }
"""
HERE, ELSEWHERE = "111111111111", "222222222222"


def test_rates(own_plane: Callable[..., PlaneProcess], tmp_path: Path) -> None:
    """Requests, new environments and API calls, each with its Reason; another account feels nothing."""
    profile = tmp_path / "profile.toml"
    profile.write_text(PROFILE)
    plane = own_plane("--profile", str(profile))
    aws, other = plane.client("lambda", HERE), plane.client("lambda", ELSEWHERE)
    deploy(aws, HERE, "def handler(e, c): return e")
    deploy(other, ELSEWHERE, "def handler(e, c): return e")

    aws.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=1)
    assert [invoke(aws, number)[0] for number in range(10)] == list(range(10))
    refused = throttles(aws)
    assert (refused["Reason"], refused["retryAfterSeconds"]) == (
        "ReservedFunctionInvocationRateLimitExceeded",
        "1",
    )
    assert refused["ResponseMetadata"]["HTTPHeaders"]["retry-after"] == "1"
    assert [invoke(other, number)[0] for number in range(12)] == list(range(12))
    raise_quota(plane, "W-lambda-requests-per-concurrency-s", 100_000)
    until(lambda: runs(aws), "requests at the raised rate")

    deploy(aws, HERE, "def handler(e, c): return e", "g")
    assert invoke(aws, FunctionName="g")[0] is None
    aws.update_function_configuration(FunctionName="g", Description="new environments, please")
    aws.get_waiter("function_updated_v2").wait(FunctionName="g")
    assert throttles(aws, "g")["Reason"] == "FunctionInvocationRateLimitExceeded"

    until(lambda: series(plane, HERE).get(("Throttles", ("g",))), "a throttle of g that was published")
    values = series(plane, HERE)
    assert values["Invocations", ("g",)] == 1 and values["Errors", ("f",)] == 0
    assert values["Throttles", ("f",)] >= 1 and values["ConcurrentExecutions", ()] >= 1
    assert ("Throttles", ("f",)) not in series(plane, ELSEWHERE)

    with pytest.raises(aws.exceptions.TooManyRequestsException) as caught:
        for _ in range(16):
            aws.list_functions()
    assert caught.value.response["Reason"] == "CallerRateLimitExceeded"
    with pytest.raises(aws.exceptions.ResourceNotFoundException):
        aws.get_policy(FunctionName="f")
    aws.get_function(FunctionName="f")
    assert len(other.list_functions()["Functions"]) == 1


def series(plane: PlaneProcess, account: str) -> dict[tuple[str, tuple[str, ...]], float]:
    """The newest sum of each metric, by its name and the values of its dimensions."""
    answer = json.load(urllib.request.urlopen(f"{plane.endpoint}/_windlass/series"))
    return {
        (row["name"], tuple(row["dimensions"].values())): row["sum"]
        for row in answer["series"]
        if row["account"] == account and row["namespace"] == "AWS/Lambda"
    }


def throttles(aws: Any, name: str = "f") -> dict[str, Any]:
    """Invoke until it is refused: a second brings ten requests more, and this may be a slow machine."""
    for _ in range(2_000):
        try:
            invoke(aws, FunctionName=name)
        except ClientError as error:
            return error.response  # type: ignore[return-value]
    raise AssertionError("nothing was refused")


def runs(aws: Any) -> bool:
    """Whether it is let in now: the raised rate fills the empty bucket from now on."""
    try:
        return invoke(aws, 7)[0] == 7
    except aws.exceptions.TooManyRequestsException:
        return False


def raise_quota(plane: PlaneProcess, code: str, value: float) -> None:
    quotas = plane.client("service-quotas", HERE)
    quotas.request_service_quota_increase(ServiceCode="lambda", QuotaCode=code, DesiredValue=value)
