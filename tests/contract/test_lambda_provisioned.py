"""Provisioned concurrency through boto3: allocation, what it changes for events, and what AWS refuses."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.contract.test_lambda_functions import code_of
from tests.contract.test_lambda_invoke import deploy, invoke
from tests.fault.waiting import until
from tests.lambda_build import a_zip

Client = Callable[..., Any]
SOURCE = """
import os, pathlib, time
KIND = os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"]
def handler(event, context):
    while event and not pathlib.Path(event).exists():
        time.sleep(0.01)
    return KIND, os.getpid(), context.function_version
"""


@pytest.fixture
def aws(client: Client) -> Any:
    return client("lambda", max_pool_connections=20)


def put(aws: Any, qualifier: str, count: int) -> dict[str, Any]:
    answer: dict[str, Any] = aws.put_provisioned_concurrency_config(
        FunctionName="f", Qualifier=qualifier, ProvisionedConcurrentExecutions=count
    )
    return answer


def get(aws: Any, qualifier: str) -> dict[str, Any]:
    answer: dict[str, Any] = aws.get_provisioned_concurrency_config(FunctionName="f", Qualifier=qualifier)
    return answer


def ready(aws: Any, qualifier: str) -> dict[str, Any]:
    """The configuration once it is no more IN_PROGRESS."""

    def settled() -> dict[str, Any] | None:
        answer = get(aws, qualifier)
        return answer if answer["Status"] != "IN_PROGRESS" else None

    return until(settled, f"provisioned concurrency of {qualifier}")


def counts(answer: dict[str, Any]) -> tuple[int, int, int]:
    return tuple(
        answer[f"{kind}ProvisionedConcurrentExecutions"] for kind in ("Requested", "Allocated", "Available")
    )  # type: ignore[return-value]


def version(aws: Any, account: str, source: str = SOURCE) -> str:
    deploy(aws, account, source, Timeout=30)
    return published(aws)


def published(aws: Any) -> str:
    number: str = aws.publish_version(FunctionName="f")["Version"]
    aws.get_waiter("published_version_active").wait(
        FunctionName="f", Qualifier=number, WaiterConfig={"Delay": 1}
    )
    return number


def test_events_find_initialised_environments(aws: Any, client: Client, account: str, tmp_path: Path) -> None:
    """Two are ready before the first event; the third event at once spills over to one on demand."""
    number = version(aws, account)
    asked = put(aws, number, 2)
    assert (asked["Status"], counts(asked)) == ("IN_PROGRESS", (2, 0, 0))
    assert counts(ready(aws, number)) == (2, 2, 2)
    first, answer = invoke(aws, Qualifier=number, LogType="Tail")
    assert first[0] == "provisioned-concurrency" and first[2] == number
    assert "Init Duration" not in base64.b64decode(answer["LogResult"]).decode()

    go = tmp_path / "go"
    running = threading.Barrier(4)

    def held(_: int) -> Any:
        running.wait()
        return invoke(aws, str(go), Qualifier=number)[0]

    with ThreadPoolExecutor(3) as threads:
        events = [threads.submit(held, n) for n in range(3)]
        running.wait()
        logs = client("logs")
        until(lambda: len(environments(logs, number)) == 3, "an environment on demand")
        go.touch()
        found = [event.result() for event in events]
    assert sorted(kind for kind, *_ in found) == ["on-demand", *["provisioned-concurrency"] * 2]
    assert len({pid for _, pid, _ in found}) == 3
    assert invoke(aws)[0][0] == "on-demand"

    aws.delete_provisioned_concurrency_config(FunctionName="f", Qualifier=number)
    assert code_of(get, aws, number)[:2] == (404, "ProvisionedConcurrencyConfigNotFoundException")
    until(lambda: invoke(aws, Qualifier=number)[0][0] == "on-demand", "the provisioned ones let go")


def environments(logs: Any, number: str) -> set[str]:
    """Log streams of that version: one for each environment; the group comes with the first line."""
    if not logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/f")["logGroups"]:
        return set()
    streams = logs.describe_log_streams(logGroupName="/aws/lambda/f")["logStreams"]
    return {s["logStreamName"] for s in streams if f"[{number}]" in s["logStreamName"]}


def test_one_that_dies_is_replaced(aws: Any, account: str) -> None:
    """It exits in mid-event: another is initialised in its place, ahead of the next."""
    number = version(
        aws, account, SOURCE.replace("    while", "    if event == 'die': os._exit(1)\n    while")
    )
    put(aws, number, 1)
    ready(aws, number)
    (_, pid, _), _ = invoke(aws, Qualifier=number)
    assert invoke(aws, "die", Qualifier=number)[1]["FunctionError"] == "Unhandled"
    until(
        lambda: counts(get(aws, number)) == (1, 1, 1) and get(aws, number)["Status"] == "READY", "a new one"
    )
    (kind, other, _), _ = invoke(aws, Qualifier=number)
    assert kind == "provisioned-concurrency" and other != pid


def test_an_initialisation_that_fails(aws: Any, account: str) -> None:
    """FAILED with AWS's reason; an alias that then leads to a version that works is READY."""
    number = version(aws, account, "import nothing_of_that_name")
    aws.create_alias(FunctionName="f", Name="live", FunctionVersion=number)
    put(aws, "live", 2)
    failed = ready(aws, "live")
    assert (failed["Status"], failed["StatusReason"]) == ("FAILED", "FUNCTION_ERROR_INIT_FAILURE")
    assert counts(failed) == (2, 0, 0)
    aws.update_function_code(FunctionName="f", ZipFile=a_zip(SOURCE))
    aws.get_waiter("function_updated_v2").wait(FunctionName="f")
    better = published(aws)
    aws.update_alias(FunctionName="f", Name="live", FunctionVersion=better)
    moved = ready(aws, "live")
    assert (moved["Status"], counts(moved)) == ("READY", (2, 2, 2)) and "StatusReason" not in moved
    assert invoke(aws, Qualifier="live")[0][::2] == ["provisioned-concurrency", better]
    assert invoke(aws, Qualifier=better)[0][0] == "provisioned-concurrency"


def test_what_cannot_be_provisioned(aws: Any, account: str) -> None:
    """$LATEST, twice the same version, more than is reserved or left; each with AWS's error."""
    number = version(aws, account)
    aws.create_alias(FunctionName="f", Name="live", FunctionVersion=number)
    aws.create_alias(FunctionName="f", Name="new", FunctionVersion="$LATEST")
    unpublished = "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
    for qualifier in ("$LATEST", "new"):
        assert code_of(put, aws, qualifier, 1) == (400, "InvalidParameterValueException", unpublished)
    assert code_of(put, aws, "7", 1)[:2] == (404, "ResourceNotFoundException")
    assert code_of(put, aws, "gone", 1)[:2] == (404, "ResourceNotFoundException")
    assert code_of(get, aws, "$LATEST")[2].startswith("The function resource provided must be an alias")
    assert code_of(get, aws, number) == (
        404,
        "ProvisionedConcurrencyConfigNotFoundException",
        "No Provisioned Concurrency Config found for this function",
    )
    assert code_of(put, aws, number, 901)[2].startswith(
        "Specified ConcurrentExecutions for function decreases"
    )
    put(aws, "live", 2)
    assert code_of(put, aws, number, 1)[:2] == (409, "ResourceConflictException")
    listed = aws.list_provisioned_concurrency_configs(FunctionName="f")["ProvisionedConcurrencyConfigs"]
    assert [one["FunctionArn"].rsplit(":", 1)[1] for one in listed] == ["live"]
    aws.delete_provisioned_concurrency_config(FunctionName="f", Qualifier="live")
    put(aws, number, 1)
    assert code_of(put, aws, "live", 1)[:2] == (409, "ResourceConflictException")
    too_little = code_of(aws.put_function_concurrency, FunctionName="f", ReservedConcurrentExecutions=0)
    assert too_little[2].endswith("should not be lower than function's total provisioned concurrency [1].")
    aws.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=1)
    assert code_of(put, aws, number, 2)[2] == (
        "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for "
        "function"
    )
    ready(aws, number)
    assert invoke(aws, Qualifier=number)[0][0] == "provisioned-concurrency"
    with pytest.raises(aws.exceptions.TooManyRequestsException) as caught:
        invoke(aws)
    assert caught.value.response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
