"""SnapStart through boto3: versions that are restored from a snapshot, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.contract.test_lambda_functions import code_of, create
from tests.fault.waiting import until
from windlass.cli.admin_client import AdminClient

Client = Callable[..., Any]
SOURCE = """
import os, time, uuid
import snapshot_restore_py as hooks
MADE, told = str(uuid.uuid4()), []
hooks.register_before_snapshot(told.append, "before")
hooks.register_after_restore(told.append, "after")
time.sleep(0.5)
def handler(event, context):
    time.sleep(event or 0)
    kind = os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"]
    return [MADE, told, kind, os.getpid(), context.log_stream_name, context.function_version]
"""
ON = {"ApplyOn": "PublishedVersions"}


@pytest.fixture
def aws(client: Client) -> Any:
    return client("lambda", max_pool_connections=20)


def deploy(aws: Any, account: str, source: str = SOURCE, **settings: Any) -> dict[str, Any]:
    answer: dict[str, Any] = create(
        aws, account, "f", source, **{"Runtime": "python3.12", "Timeout": 30, "SnapStart": ON, **settings}
    )
    aws.get_waiter("function_active_v2").wait(FunctionName="f")
    return answer


def settled(aws: Any, version: str) -> dict[str, Any]:
    """The version once it is no more Pending."""

    def look() -> dict[str, Any] | None:
        found = aws.get_function_configuration(FunctionName="f", Qualifier=version)
        return found if found["State"] != "Pending" else None

    return until(look, f"version {version} is made")


def logged(client: Client, enough: Callable[[list[str]], bool]) -> list[str]:
    """The function's log, once there is enough in it."""

    def look() -> list[str] | None:
        found = client("logs").filter_log_events(logGroupName="/aws/lambda/f")["events"]
        lines = [event["message"] for event in found]
        return lines if enough(lines) else None

    return until(look, "the log is written")


def run(aws: Any, event: Any = None, **arguments: Any) -> Any:
    answer = aws.invoke(FunctionName="f", Payload=json.dumps(event), **arguments)
    return json.loads(answer["Payload"].read())


def test_a_version_is_restored_from_its_snapshot(aws: Any, client: Client, account: str) -> None:
    """1. Pending while it is made, refusing events. 2. Three environments at once, of one initialisation.

    3. The log tells of the initialisation and the restores. 4. $LATEST has nothing of it.
    """
    assert deploy(aws, account)["SnapStart"] == {**ON, "OptimizationStatus": "Off"}
    made = aws.publish_version(FunctionName="f")
    assert (made["State"], made["StateReasonCode"]) == ("Pending", "Creating")
    with pytest.raises(aws.exceptions.SnapStartNotReadyException):
        run(aws, Qualifier="1")
    active = settled(aws, "1")
    assert (active["State"], active["SnapStart"]) == ("Active", {**ON, "OptimizationStatus": "On"})

    with ThreadPoolExecutor(3) as callers:
        seen = list(callers.map(lambda _: run(aws, 1, Qualifier="1"), range(3)))
    assert len({one[0] for one in seen}) == 1 and len({one[3] for one in seen}) == 3
    assert all(one[1:3] == [["before", "after"], "snap-start"] and one[4:] == [None, "1"] for one in seen)

    lines = logged(client, lambda found: sum("REPORT RequestId" in line for line in found) == 3)
    assert sum(line.startswith("INIT_START") for line in lines) == 1
    assert sum("INIT_REPORT" in line and "Status: success" in line for line in lines) == 1
    assert sum(line.startswith("RESTORE_START Runtime Version: ") for line in lines) == 3
    assert sum("REPORT RequestId" in line and "Billed Restore Duration: " in line for line in lines) == 3

    latest = run(aws)
    assert latest[0] != seen[0][0] and latest[1:3] == [[], "on-demand"]


REFUSED = [
    ({"Runtime": "python3.11"}, "python3.11 is not supported for SnapStart enabled functions."),
    ({"Runtime": "nodejs22.x"}, "nodejs22.x is not supported for SnapStart enabled functions."),
    ({"Runtime": "provided.al2023"}, "provided.al2023 is not supported for SnapStart enabled functions."),
    ({"EphemeralStorage": {"Size": 1024}}, "Ephemeral storage of more than 512 MB is not supported"),
]


@pytest.mark.parametrize(("settings", "message"), REFUSED)
def test_what_cannot_be_together_with_it_is_refused(
    aws: Any, account: str, settings: dict[str, Any], message: str
) -> None:
    """At creation, and in an update from either side."""
    status, code, said = code_of(deploy, aws, account, **settings)
    assert (status, code) == (400, "InvalidParameterValueException") and said.startswith(message)
    deploy(aws, account, SnapStart={"ApplyOn": "None"}, **settings)
    assert code_of(aws.update_function_configuration, FunctionName="f", SnapStart=ON)[2] == said
    aws.delete_function(FunctionName="f")
    deploy(aws, account)
    assert code_of(aws.update_function_configuration, FunctionName="f", **settings)[2] == said


def test_no_provisioned_concurrency_beside_it(aws: Any, account: str) -> None:
    """For the version, and for an alias that leads to it. Without SnapStart another version may have it."""
    deploy(aws, account, "def handler(e, c): pass")
    version = aws.publish_version(FunctionName="f")["Version"]
    aws.create_alias(FunctionName="f", Name="live", FunctionVersion=version)
    for qualifier in (version, "live"):
        status, code, _ = code_of(
            aws.put_provisioned_concurrency_config,
            FunctionName="f",
            Qualifier=qualifier,
            ProvisionedConcurrentExecutions=1,
        )
        assert (status, code) == (400, "InvalidParameterValueException")
    changed = aws.update_function_configuration(FunctionName="f", SnapStart={"ApplyOn": "None"})
    assert changed["SnapStart"] == {"ApplyOn": "None", "OptimizationStatus": "Off"}
    aws.get_waiter("function_updated_v2").wait(FunctionName="f")
    other = aws.publish_version(FunctionName="f")["Version"]
    assert other != version
    aws.put_provisioned_concurrency_config(
        FunctionName="f", Qualifier=other, ProvisionedConcurrentExecutions=1
    )


def test_a_version_that_cannot_be_initialised_fails(aws: Any, account: str) -> None:
    deploy(aws, account, "raise RuntimeError('no')")
    version = aws.publish_version(FunctionName="f")["Version"]
    failed = settled(aws, version)
    assert (failed["State"], failed["StateReasonCode"]) == ("Failed", "FunctionError")
    assert failed["StateReason"] == "An error occurred during function initialization."
    assert code_of(run, aws, Qualifier=version)[1] == "ResourceConflictException"


def test_why_it_waits_or_failed(aws: Any, account: str, endpoint: str) -> None:
    """`windlass why`: a sentence for the function, or for what is amiss with its versions."""
    deploy(aws, account, "raise RuntimeError('no')")
    [before] = said(endpoint, account)
    version = aws.publish_version(FunctionName="f")["Version"]
    settled(aws, version)
    aws.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    off, failed = said(endpoint, account)
    assert before == "It is Active and takes events." and "reserved concurrency is 0" in off
    assert failed.startswith(f"Version {version} is Failed, for good: An error occurred during function init")


def said(endpoint: str, account: str) -> list[str]:
    found = AdminClient(endpoint).get("why", subject="f")["found"]
    return [why["sentence"] for one in found if one["account"] == account for why in one["why"]]


def test_a_hook_that_fails_after_the_restore_is_the_callers_error(aws: Any, account: str) -> None:
    source = "import snapshot_restore_py as hooks\nhooks.register_after_restore(int, 'x')\n"
    deploy(aws, account, source + "def handler(e, c): pass")
    version = aws.publish_version(FunctionName="f")["Version"]
    assert settled(aws, version)["State"] == "Active"
    assert code_of(run, aws, Qualifier=version)[:2] == (400, "SnapStartException")
