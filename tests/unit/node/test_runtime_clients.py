"""Runtime interface clients against the Runtime API: AWS's own for Python, unmodified, and one in Node.js."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.unit.node.test_runtime_api import Heard
from windlass.node.runtime_api import Event, RuntimeApi

PYTHON = """
import json, os

def handler(event, context):
    if event == "raise":
        raise KeyError("no such thing")
    if event == "set":
        return {1}
    return {
        "event": event, "id": context.aws_request_id, "arn": context.invoked_function_arn,
        "left": 0 < context.get_remaining_time_in_millis() <= 60_000,
        "trace": os.environ["_X_AMZN_TRACE_ID"], "client": context.client_context.custom,
    }
"""
NODE = """
const http = require("http");
const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new http.Agent({keepAlive: true, maxSockets: 1});
const call = (method, path, body, headers) => new Promise((done, fail) => {
  const where = {host, port, agent, method, path: "/2018-06-01/runtime" + path, headers};
  const request = http.request(where, (answer) => {
    const parts = [];
    answer.on("data", (part) => parts.push(part));
    answer.on("end", () => done({headers: answer.headers, body: Buffer.concat(parts).toString()}));
  });
  request.on("error", fail);
  if (body !== undefined) request.write(body);
  request.end();
});
(async () => {
  for (;;) {
    const next = await call("GET", "/invocation/next");
    const id = next.headers["lambda-runtime-aws-request-id"];
    const event = JSON.parse(next.body);
    if (event === "raise")
      await call("POST", `/invocation/${id}/error`, JSON.stringify({errorType: "Error", errorMessage: "no"}),
                 {"Lambda-Runtime-Function-Error-Type": "Error"});
    else
      await call("POST", `/invocation/${id}/response`,
                 JSON.stringify({event, id, trace: next.headers["lambda-runtime-trace-id"]}));
  }
})();
"""


class Told(list[tuple[Any, ...]]):
    """What an environment was told; says when there is more."""

    def __init__(self) -> None:
        super().__init__()
        self.more = asyncio.Event()

    def append(self, told: tuple[Any, ...]) -> None:
        super().append(told)
        self.more.set()


@dataclass
class Client:
    """The API that a client's process talks to, and what the environment is told."""

    api: RuntimeApi
    told: Told

    async def tells(self, what: str) -> Any:
        """Wait until that is the last thing that the environment was told; its details."""
        async with asyncio.timeout(30):
            while not self.told or self.told[-1][0] != what:
                self.told.more.clear()
                await self.told.more.wait()
        return self.told[-1][1:]

    async def event(self, request_id: str, event: Any, expected: str) -> tuple[Any, ...]:
        """Hand it in and wait for that outcome: (payload as a value, and the rest)."""
        await self.tells("next")
        deadline_ms = time.time_ns() // 1_000_000 + 50_000
        context = json.dumps({"custom": {"x": 1}})
        self.api.offer(
            Event(request_id, json.dumps(event).encode(), deadline_ms, "arn:f", "Root=1-2-3", context)
        )
        answered, payload, *rest = await self.tells(expected)
        assert answered == request_id
        return json.loads(payload), *rest


def play(command: Sequence[str], directory: Path, story: Callable[[Client], Awaitable[None]]) -> int | None:
    """Run a client's process while the story runs; its exit code, if it ended by itself."""

    async def run() -> int | None:
        heard = Heard(told := Told())
        api = RuntimeApi(heard)
        port = await api.listen()
        variables = {**os.environ, "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}", "PYTHONPATH": ""}
        process = await asyncio.create_subprocess_exec(*command, cwd=directory, env=variables)
        try:
            await story(Client(api, told))
            return process.returncode
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            api.close()

    return asyncio.run(run())


def awslambdaric(directory: Path, source: str, story: Callable[[Client], Awaitable[None]]) -> int | None:
    (directory / "app.py").write_text(source)
    return play([sys.executable, "-m", "awslambdaric", "app.handler"], directory, story)


def test_awslambdaric_runs_events(tmp_path: Path) -> None:
    """Values, the context, the trace header, errors with their type; megabytes both ways."""

    async def story(client: Client) -> None:
        assert await client.event("r1", {"ü": 1}, "responded") == ({
            "event": {"ü": 1}, "id": "r1", "arn": "arn:f", "left": True, "trace": "Root=1-2-3",
            "client": {"x": 1},
        },)  # fmt: skip
        fault, error_type = await client.event("r2", "raise", "failed")
        assert (fault["errorType"], fault["errorMessage"], error_type) == (
            "KeyError", "'no such thing'", "Runtime.Unknown",
        )  # fmt: skip
        fault, error_type = await client.event("r3", "set", "failed")
        assert (fault["errorType"], error_type) == ("Runtime.MarshalError", "Runtime.Unknown")
        [answer] = await client.event("r4", "x" * 5_000_000, "responded")
        assert len(answer["event"]) == 5_000_000

    assert awslambdaric(tmp_path, PYTHON, story) is None


def test_awslambdaric_tells_why_it_cannot_start(tmp_path: Path) -> None:
    """The initialisation's error, with AWS's type."""

    async def story(client: Client) -> None:
        payload, error_type = await client.tells("init_failed")
        assert json.loads(payload)["errorType"] == error_type == "Runtime.ImportModuleError"

    awslambdaric(tmp_path, "import nowhere", story)


def test_a_client_in_node(tmp_path: Path) -> None:
    """Over one kept connection, with bodies in chunks."""
    (tmp_path / "bootstrap.js").write_text(NODE)
    node = shutil.which("node")
    assert node is not None, "node is missing: make setup-system"

    async def story(client: Client) -> None:
        for number in range(3):
            [answer] = await client.event(f"r{number}", {"n": number}, "responded")
            assert answer == {"event": {"n": number}, "id": f"r{number}", "trace": "Root=1-2-3"}
        fault, error_type = await client.event("r9", "raise", "failed")
        assert (fault["errorMessage"], error_type) == ("no", "Runtime.Unknown")
        assert client.told.count(("next",)) >= 4

    assert play([node, "bootstrap.js"], tmp_path, story) is None
