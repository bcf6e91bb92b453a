"""AWS's own Python runtime interface client as a custom runtime: a function that brings its runtime along."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.test_lambda_invoke import deploy, invoke

Client = Callable[..., Any]
BOOTSTRAP = f'#!/bin/sh\nexec {sys.executable} -m awslambdaric "$_HANDLER"\n'
SOURCE = """
import os
count = 0
def handler(event, context):
    global count
    count += 1
    if event == "raise":
        raise KeyError("gone")
    if event == "exit":
        os._exit(3)
    return {"event": event, "count": count, "arn": context.invoked_function_arn, "id": context.aws_request_id,
            "memory": context.memory_limit_in_mb, "trace": os.environ["_X_AMZN_TRACE_ID"][:5]}
"""


@pytest.fixture
def aws(client: Client) -> Any:
    return client("lambda")


def bring_along(aws: Any, account: str, source: str) -> None:
    """A function with awslambdaric as its custom runtime."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as package:
        for name, text in (("bootstrap", BOOTSTRAP), ("app.py", source)):
            member = zipfile.ZipInfo(name)
            member.external_attr = 0o755 << 16
            package.writestr(member, text)
    code = {"ZipFile": data.getvalue()}
    deploy(aws, account, "", Runtime="provided.al2023", Code=code, Timeout=30)


def test_awslambdaric_as_a_custom_runtime(aws: Any, account: str) -> None:
    """1. Values and context. 2. An exception is the function's error. 3. After an exit it starts anew."""
    bring_along(aws, account, SOURCE)
    value, answer = invoke(aws, {"a": "ü"})
    assert value == {
        "event": {"a": "ü"}, "count": 1, "id": answer["ResponseMetadata"]["RequestId"], "memory": "128",
        "arn": aws.get_function_configuration(FunctionName="f")["FunctionArn"], "trace": "Root=",
    }  # fmt: skip
    fault, answer = invoke(aws, "raise")
    assert (fault["errorType"], fault["errorMessage"], answer["FunctionError"]) == (
        "KeyError", "'gone'", "Unhandled",
    )  # fmt: skip
    assert fault["stackTrace"] and fault["requestId"] == answer["ResponseMetadata"]["RequestId"]
    fault, _ = invoke(aws, "exit")
    assert fault["errorType"] == "Runtime.ExitError" and fault["errorMessage"].endswith("exit status 3")
    assert invoke(aws, 1)[0]["count"] == 1


def test_an_initialisation_that_fails_under_awslambdaric(aws: Any, account: str) -> None:
    """The client reports it by init/error; each event is told."""
    bring_along(aws, account, "import nowhere")
    for _ in range(2):
        fault, _ = invoke(aws)
        assert fault["errorType"] == "Runtime.ImportModuleError"
        assert json.dumps(fault).count("nowhere") >= 1
