"""SIGKILL amid a streamed response: of the agent, of the plane.

Whoever reads learns that it was not all; the next event runs.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, EventStreamError
from urllib3.exceptions import HTTPError

from tests.contract.test_lambda_streaming import deploy_runtime, events, said
from tests.fault.test_kill_lambda import ACCOUNT, agent_pid
from tests.process import PlaneProcess

Make = Callable[..., PlaneProcess]
Stream = Generator[dict[str, Any], None, None]


@pytest.fixture
def plane(own_plane: Make) -> PlaneProcess:
    made = own_plane()
    deploy_runtime(made.client("lambda", ACCOUNT), ACCOUNT)
    return made


def begun(plane: PlaneProcess, gate: Path) -> Stream:
    """A response of which something has come, and whose function waits for a gate that never opens."""
    stream = events(plane.client("lambda", ACCOUNT), {"say": ["so far"], "gate": str(gate)})
    assert next(stream)["PayloadChunk"]["Payload"] == b"so far"
    return stream


def test_kills_amid_a_response(plane: PlaneProcess, tmp_path: Path) -> None:
    """1. The agent: an error ends the stream. 2. The plane: the connection breaks. 3. Both are back."""
    aws = plane.client("lambda", ACCOUNT)
    stream = begun(plane, tmp_path / "gate")
    os.kill(agent_pid(plane), signal.SIGKILL)
    with pytest.raises(EventStreamError) as lost:
        list(stream)
    assert lost.value.response["Error"]["Code"] == "ServiceException"
    assert said(aws, {"say": ["again"]}) == (b"again", {})
    stream = begun(plane, tmp_path / "gate")
    port = plane.port
    plane.kill()
    with pytest.raises((BotoCoreError, HTTPError)):
        list(stream)
    plane.start(port)
    assert said(aws, {"say": ["again"]}) == (b"again", {})
    (tmp_path / "gate").touch()
    assert json.loads(aws.invoke(FunctionName="f", Payload=b'{"say": ["1"]}')["Payload"].read()) == 1
