"""The endpoints of tasks against raw HTTP: who gets in, what is refused, and where the next agent listens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.unit.node.test_agent import TellingRunner
from tests.unit.node.test_runtime_api import Runtime
from windlass.fleet.messages import ContainerSpec, Desired, UnitSpec, Want
from windlass.fleet.task_messages import TaskFacts
from windlass.kernel.clock import WallClock
from windlass.node import task_endpoints
from windlass.node.agent import Agent
from windlass.node.identity import Identity
from windlass.node.ledger import NoLedger
from windlass.node.task_endpoints import TaskEndpoints

ROLE = "arn:aws:iam::123456789012:role/r"


def a_task(unit_id: str, role_arn: str = ROLE, containers: tuple[str, ...] = ("app",)) -> Want:
    facts = TaskFacts(f"arn:{unit_id}", "default", "f", 1, "EC2", role_arn=role_arn)
    specs = tuple(ContainerSpec(name, runtime_id=f"{unit_id}-{name}") for name in containers)
    return Want(UnitSpec(unit_id, "task", specs, task=facts), run=True)


@dataclass
class Site:
    """An agent without a plane, its endpoints, and one connection to them."""

    agent: Agent
    endpoints: TaskEndpoints
    runtime: Runtime

    def told(self, unit_id: str, container: str = "app") -> dict[str, str]:
        held = self.agent.look_up(unit_id)
        assert held is not None
        return dict(self.endpoints.environment(held, container))

    async def get(self, url: str, *headers: str, method: str = "GET", body: bytes = b"") -> tuple[int, Any]:
        parts = urlsplit(url)
        self.runtime.send(method, parts.path + (f"?{parts.query}" if parts.query else ""), body, *headers)
        status, _, answer = await self.runtime.answer()
        return status, json.loads(answer) if answer[:1] in (b"{", b'"', b"n") else answer.decode()


def at_site(data: Path, story: Callable[[Site], Awaitable[None]], *wants: Want) -> None:
    async def run() -> None:
        agent = Agent(Identity("n1", "secret", 2048, 4096), WallClock(), TellingRunner(), NoLedger())
        endpoints = await TaskEndpoints.open(agent, WallClock(), data / "endpoints.json")
        agent.accept(Desired(1, -1, wants or (a_task("t1"), a_task("t2"))))
        await asyncio.sleep(0)
        port = json.loads((data / "endpoints.json").read_bytes())["port"]
        runtime = Runtime(*await asyncio.open_connection("127.0.0.1", port))
        await story(Site(agent, endpoints, runtime))
        runtime.writer.close()
        endpoints.close()
        await agent.close()

    asyncio.run(run())


def test_only_the_task_itself(tmp_path: Path) -> None:
    """A container's paths are its own: not another's, not for another purpose, not by guessing."""

    async def story(site: Site) -> None:
        mine, other = site.told("t1"), site.told("t2")
        metadata = mine["ECS_CONTAINER_METADATA_URI_V4"]
        assert (await site.get(metadata))[1]["DockerId"] == "t1-app"
        seal = metadata.rpartition("-")[2]
        for wrong in (
            other["ECS_CONTAINER_METADATA_URI_V4"].rpartition("-")[0] + f"-{seal}",
            metadata[:-1],
            metadata.rpartition("-")[0] + "-",
            metadata.rpartition("-")[0],
            mine["AWS_CONTAINER_CREDENTIALS_FULL_URI"].replace("/v2/credentials/", "/v4/"),
        ):
            assert (await site.get(wrong))[0] == 404
        credentials = mine["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
        for token in (other["AWS_CONTAINER_AUTHORIZATION_TOKEN"], "", "\u00e9".encode().decode("latin-1")):
            status, refused = await site.get(credentials, f"Authorization: {token}")
            assert (status, refused["code"]) == (403, "AccessDenied")
        assert len({*mine.values(), *other.values()}) == 10

    at_site(tmp_path, story)


def test_credentials_without_a_plane(tmp_path: Path) -> None:
    """503 CredentialsUninitialized while nobody can be asked; the old path with its query does the same."""

    async def story(site: Site) -> None:
        told = site.told("t1")
        url = told["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
        header = f"Authorization: {told['AWS_CONTAINER_AUTHORIZATION_TOKEN']}"
        for asked, version in ((url, 2), (url.replace("/v2/credentials/", "/v1/credentials?id="), 1)):
            status, refused = await site.get(asked, header)
            assert (status, refused) == (
                503,
                {
                    "code": "CredentialsUninitialized",
                    "message": f"CredentialsV{version}Request: Credentials uninitialized for ID",
                    "HTTPErrorCode": 503,
                },
            )
        status, refused = await site.get(url.partition("/v2/")[0] + "/v1/credentials", header)
        assert (status, refused["code"]) == (400, "NoIdInRequest")

    at_site(tmp_path, story)


def test_without_a_role_or_a_task(tmp_path: Path) -> None:
    """A task without a role is told no credentials; what is no ECS task is told nothing."""

    async def story(site: Site) -> None:
        told = site.told("t1")
        assert sorted(told) == ["AWS_EXECUTION_ENV", "ECS_AGENT_URI", "ECS_CONTAINER_METADATA_URI_V4"]
        assert site.told("u1", "main") == {}

    plain = Want(UnitSpec("u1", "task", (ContainerSpec("main"),)), run=True)
    at_site(tmp_path, story, a_task("t1", role_arn=""), plain)


def test_protection_without_a_plane_or_a_role(tmp_path: Path) -> None:
    """What the ECS agent says when ECS cannot be reached, and to a task whose role it cannot ask with."""

    async def story(site: Site) -> None:
        answers = []
        for task in ("t1", "t2"):
            state = site.told(task)["ECS_AGENT_URI"] + "/task-protection/v1/state"
            answers.append(await site.get(state))
            answers.append(await site.get(state, method="PUT", body=b'{"ProtectionEnabled":true}'))
        unsent = {"Arn": "arn:t1", "Code": "RequestError", "Message": "send request failed"}
        why = "Invalid Request: no task IAM role credentials available for task"
        refused = {"Arn": "arn:t2", "Code": "AccessDeniedException", "Message": why}
        assert answers == [(500, {"error": unsent})] * 2 + [(403, {"error": refused})] * 2

    at_site(tmp_path, story, a_task("t1"), a_task("t2", role_arn=""))


def test_the_next_agent_listens_at_the_same_place(tmp_path: Path) -> None:
    """What running tasks were told stays true; a place that is taken is given up, with the same seals."""
    told: list[dict[str, str]] = []

    async def note(site: Site) -> None:
        told.append(site.told("t1"))

    async def note_beside(site: Site) -> None:
        other = tmp_path / "other"
        other.mkdir()
        (other / "endpoints.json").write_bytes((tmp_path / "endpoints.json").read_bytes())
        endpoints = await TaskEndpoints.open(site.agent, WallClock(), other / "endpoints.json")
        held = site.agent.look_up("t1")
        assert held is not None
        told.append(dict(endpoints.environment(held, "app")))
        endpoints.close()

    at_site(tmp_path, note)
    at_site(tmp_path, note)
    at_site(tmp_path, note_beside)
    assert told[0] == told[1] != told[2]
    assert [told[n]["AWS_CONTAINER_AUTHORIZATION_TOKEN"] for n in (0, 2)] == [
        told[0]["AWS_CONTAINER_AUTHORIZATION_TOKEN"]
    ] * 2
    assert (tmp_path / "endpoints.json").stat().st_mode & 0o077 == 0


def test_too_much(tmp_path: Path, monkeypatch: Any) -> None:
    """Bodies and paths have limits, and so has the number of connections: the quietest goes."""

    async def story(site: Site) -> None:
        state = site.told("t1")["ECS_AGENT_URI"] + "/task-protection/v1/state"
        status, refused = await site.get(
            state, method="PUT", body=b'{"ProtectionEnabled":true' + b" " * 70_000
        )
        assert (status, refused["error"]["Code"]) == (400, "InvalidParameterException")
        port = urlsplit(state).port
        quiet = await asyncio.open_connection("127.0.0.1", port)
        metadata = site.told("t1")["ECS_CONTAINER_METADATA_URI_V4"]
        await site.get(metadata)
        newest = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.timeout(10):
            assert await quiet[0].read() == b""
        assert (await site.get(metadata))[0] == 200
        newest[1].write(b"GET /" + b"x" * 9_000 + b" HTTP/1.1\r\n\r\n")
        async with asyncio.timeout(10):
            assert await newest[0].read() == b""
        for _, writer in (quiet, newest):
            writer.close()

    monkeypatch.setattr(task_endpoints, "CONNECTIONS_MAX", 2)
    at_site(tmp_path, story)
