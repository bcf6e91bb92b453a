"""The endpoints that tasks ask: metadata version 4, credentials of the task role, scale-in protection.

One listener on loopback for all tasks in the host's network, and one on 169.254.170.2 in each router of
networks that are the tasks' own (node/network/): there the address of who asks must be the task's, too.
What tells them apart is the path: behind the unit's id stands a seal that only the agent can make,
different for each container and purpose, so that one task cannot guess another's. Port and key lie in the
agent's directory: tasks outlive agents, and their environment must stay true. What that does not isolate:
processes of one user can read each other's environment, and with it the seals (docs/decisions/0012).
Facts: docs/aws/ecs.md, In-task endpoints. Known gap: no rate limit per task (AWS: 40 a second).
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import os
import socket
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from windlass.fleet.messages import Credentials
from windlass.fleet.task_messages import Protection, TaskFacts
from windlass.kernel.clock import Clock
from windlass.node import task_metadata
from windlass.node.agent import Agent
from windlass.node.held import Held
from windlass.node.http import Connection, Limits, Request
from windlass.node.network.addressing import ENDPOINTS
from windlass.node.sandbox import Sandbox
from windlass.node.task_protection import NOT_SENT, TIMED_OUT
from windlass.node.task_stats import TaskStats

BODY_BYTES_MAX = 64 * 1024
CONNECTIONS_MAX = 1024
"""Open connections of all tasks; one more, and the one that was quiet longest is dropped."""
KEY_BYTES = 32
AUTHORIZATION = b"authorization"
NO_HOST_FILES = {"AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_CONFIG_FILE": "/dev/null"}
"""SDKs look into the home directory before they ask the container's endpoint. That of a process is the home

of the person who runs the agent, whose own keys no task is to find.
"""

Found: TypeAlias = tuple[Held, TaskFacts, str]
"""A unit, what it may know of itself, and the name of the container that asks."""

log = logging.getLogger("windlass.agent")


class Place(msgspec.Struct, frozen=True):
    """Where the endpoints are, kept for the next agent. `key` is secret."""

    port: int
    key: bytes


class TaskEndpoints:
    """Implements http.Site. Made by `open`."""

    def __init__(self, agent: Agent, clock: Clock, place: Place) -> None:
        self._agent = agent
        self._place = place
        self._stats = TaskStats(clock, lambda: set(agent.processes()))
        self._connections: dict[Connection, None] = {}
        self._server: asyncio.Server | None = None

    @classmethod
    async def open(cls, agent: Agent, clock: Clock, file: Path) -> TaskEndpoints:
        """Listen where the last agent of this directory did, if that can be had. Raises OSError."""
        kept = _read(file)
        endpoints = cls(agent, clock, kept or Place(0, os.urandom(KEY_BYTES)))
        try:
            await endpoints._listen()
        except OSError:
            if kept is None:
                raise
            log.warning("port %d is taken: running tasks do not reach their endpoints any more", kept.port)
            endpoints._place = Place(0, kept.key)
            await endpoints._listen()
        _write(file, endpoints._place)
        return endpoints

    async def _listen(self) -> None:
        limits = Limits(BODY_BYTES_MAX, frozenset((AUTHORIZATION,)))
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Connection(self, limits), "127.0.0.1", self._place.port
        )
        self._place = Place(int(self._server.sockets[0].getsockname()[1]), self._place.key)

    async def serve(self, router: str, listener: socket.socket) -> asyncio.Server:
        """Serve the tasks of that router too; whoever takes the router away closes what this returns."""
        limits = Limits(BODY_BYTES_MAX, frozenset((AUTHORIZATION,)))
        loop = asyncio.get_running_loop()
        return await loop.create_server(lambda: Connection(self, limits, router), sock=listener)

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.abort()

    def environment(self, held: Held, container: str) -> Mapping[str, str]:
        """What the container is told of its endpoints; see agent.Surroundings."""
        facts, unit_id = held.spec.task, held.spec.unit_id
        if facts is None:
            return {}
        sandbox = held.sandbox(container)
        if sandbox.netns and not sandbox.address:  # mode none: nothing can be reached
            return {}
        inside = bool(sandbox.netns)
        root = f"http://{ENDPOINTS}" if inside else f"http://127.0.0.1:{self._place.port}"
        own = f"{unit_id}-{self._seal('metadata', unit_id, container)}"
        told = {
            "ECS_CONTAINER_METADATA_URI_V4": f"{root}/v4/{own}",
            "ECS_AGENT_URI": f"{root}/api/{own}",
            "AWS_EXECUTION_ENV": f"AWS_ECS_{facts.launch_type}",
        }
        if not facts.role_arn:
            return told
        secret = f"{unit_id}-{self._seal('credentials', unit_id, container)}"
        if inside:
            relative = {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": f"/v2/credentials/{secret}"}
            return told | relative | NO_HOST_FILES
        return told | {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{root}/v2/credentials/{secret}",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": self._seal(_TOKEN, unit_id, container),
            **NO_HOST_FILES,
        }

    # http.Site

    def opened(self, connection: Connection) -> None:
        self._connections[connection] = None
        if len(self._connections) > CONNECTIONS_MAX:
            next(iter(self._connections)).abort()

    def lost(self, connection: Connection) -> None:
        self._connections.pop(connection, None)

    def answer(self, request: Request, connection: Connection) -> None:
        self._connections[connection] = self._connections.pop(connection, None)  # the last that spoke
        match request.path.strip("/").split("/"):
            case ["v4", own, *rest] if request.method == "GET":
                self._metadata(own, "/".join(rest), connection)
            case ["v1", "credentials"] if request.method == "GET":
                query = request.target.partition("?")[2]
                self._credentials("CredentialsV1Request", query.partition("id=")[2], request, connection)
            case ["v2", "credentials", *rest] if request.method == "GET":
                self._credentials("CredentialsV2Request", "/".join(rest), request, connection)
            case ["api", own, "task-protection", "v1", "state"] if request.method in ("GET", "PUT"):
                self._protection(own, request, connection)
            case _:
                connection.write(404, b"404 page not found\n", content_type="text/plain")

    def _metadata(self, own: str, what: str, connection: Connection) -> None:
        shape = _DOCUMENTS.get(what)
        found = self._find("metadata", own, connection)
        if shape is None:
            connection.write(404, b"404 page not found\n", content_type="text/plain")
        elif found is None:
            _say(connection, 404, "V4 metadata handler: unable to get container ID from request")
        else:
            _say(connection, 200, shape(self, *found))

    def _container(self, held: Held, facts: TaskFacts, name: str) -> object:
        return task_metadata.container(held, facts, name)

    def _task(self, held: Held, facts: TaskFacts, name: str) -> object:
        return task_metadata.task(held, facts)

    def _task_with_tags(self, held: Held, facts: TaskFacts, name: str) -> object:
        return task_metadata.task_with_tags(held, facts)

    def _container_stats(self, held: Held, facts: TaskFacts, name: str) -> object:
        own = bool(held.sandbox(name).netns)
        return self._stats.of(held.container_spec(name), held.container(name).pid, own)

    def _task_stats(self, held: Held, facts: TaskFacts, name: str) -> object:
        names = [spec.name for spec in held.spec.containers]
        return {held.container_spec(n).runtime_id: self._container_stats(held, facts, n) for n in names}

    def _credentials(self, what: str, own: str, request: Request, connection: Connection) -> None:
        refuse = partial(_refuse, connection, what)
        found = self._find("credentials", own, connection)
        if not own:
            refuse(400, "NoIdInRequest", "No Credential ID in the request")
        elif found is None or found[0].state.status == "stopped":
            refuse(400, "InvalidIdInRequest", "Credentials not found")
        elif not connection.origin and not self._is_authorized(found, request.header(AUTHORIZATION)):
            refuse(403, "AccessDenied", "The Authorization header is not this container's token")
        elif not found[1].role_arn:
            refuse(400, "NoCredentialsAssociated", "No credentials associated with the ID")
        else:
            self._agent.questions.credentials.get(found[0].spec.unit_id, partial(_show, connection, what))

    def _protection(self, own: str, request: Request, connection: Connection) -> None:
        """Wordings: amazon-ecs-agent, ecs-agent/tmds/handlers/taskprotection/v1/handlers/handlers.go."""
        wanted = _protection_wanted(request.body) if request.method == "PUT" else {}
        found = self._find("metadata", own, connection)
        arn = "" if found is None else found[1].task_arn
        if wanted is None:
            why = "UpdateTaskProtection: failed to decode request"
            _say(connection, 400, _error("", "InvalidParameterException", why))
        elif found is None:
            why = "Failed to find a task for the request"
            _say(connection, 404, _error("", "ResourceNotFoundException", why))
        elif request.method == "PUT" and wanted.get("ProtectionEnabled") is None:
            why = "Invalid request: does not contain 'ProtectionEnabled' field"
            _say(connection, 400, _error(arn, "InvalidParameterException", why))
        elif not found[1].role_arn:  # whose credentials the ECS agent would ask with
            why = "Invalid Request: no task IAM role credentials available for task"
            _say(connection, 403, _error(arn, "AccessDeniedException", why))
        else:
            enabled, minutes = wanted.get("ProtectionEnabled"), wanted.get("ExpiresInMinutes")
            show = partial(_show_protection, connection, arn)
            self._agent.questions.protection.ask(found[0].spec.unit_id, enabled, minutes, show)

    # who asks

    def _seal(self, purpose: str, unit_id: str, container: str) -> str:
        told = "\0".join((purpose, unit_id, container)).encode()
        return hmac.digest(self._place.key, told, "sha256").hex()[:40]

    def _find(self, purpose: str, own: str, connection: Connection) -> Found | None:
        """The container whose seal for that purpose this is, if it asks from its own network."""
        unit_id, _, seal = own.rpartition("-")
        held = self._agent.look_up(unit_id)
        if held is None or held.spec.task is None:
            return None
        for spec in held.spec.containers:
            if hmac.compare_digest(self._seal(purpose, unit_id, spec.name).encode(), seal.encode()):
                found = held, held.spec.task, spec.name
                return found if _asks_from_home(held.sandbox(spec.name), connection) else None
        return None

    def _is_authorized(self, found: Found, header: str) -> bool:
        token = self._seal(_TOKEN, found[0].spec.unit_id, found[2])
        return hmac.compare_digest(token.encode(), header.encode())


def _asks_from_home(sandbox: Sandbox, connection: Connection) -> bool:
    """Whether the connection comes from the network that the container is in."""
    if not connection.origin or not sandbox.netns:
        return not connection.origin and not sandbox.netns
    return (connection.origin, connection.peer) == (sandbox.router, sandbox.address)


_TOKEN = "authorization"
_ERROR_STATUS = {TIMED_OUT[0]: 504, NOT_SENT[0]: 500}
_DOCUMENTS: Mapping[str, Callable[[TaskEndpoints, Held, TaskFacts, str], object]] = {
    "": TaskEndpoints._container,
    "task": TaskEndpoints._task,
    "taskWithTags": TaskEndpoints._task_with_tags,
    "stats": TaskEndpoints._container_stats,
    "task/stats": TaskEndpoints._task_stats,
}


def _show(connection: Connection, what: str, credentials: Credentials | None) -> None:
    """The role's credentials, in the words of the ECS agent (ecs-agent/credentials/manager.go)."""
    if credentials is None:
        _refuse(connection, what, 503, "CredentialsUninitialized", "Credentials uninitialized for ID")
        return
    shown = {
        "RoleArn": credentials.role_arn,
        "AccessKeyId": credentials.access_key,
        "SecretAccessKey": credentials.secret,
        "Token": credentials.session_token,
        "Expiration": task_metadata.iso(credentials.expires_at)[:19] + "Z",
    }
    _say(connection, 200, shown)


def _refuse(connection: Connection, what: str, status: int, code: str, message: str) -> None:
    _say(connection, status, {"code": code, "message": f"{what}: {message}", "HTTPErrorCode": status})


def _show_protection(connection: Connection, arn: str, protection: Protection) -> None:
    """What the plane answered; an error has the HTTP status that the ECS agent gives it."""
    if protection.code:
        status = _ERROR_STATUS.get(protection.code, 400)
        _say(connection, status, _error(arn, protection.code, protection.message))
    elif protection.failure:
        failure = {"Arn": arn, "Reason": protection.failure, "Detail": None}
        _say(connection, 200, {"failure": failure})
    else:
        until = task_metadata.iso(protection.until)[:19] + "Z" if protection.until else None
        shown = {"ExpirationDate": until, "ProtectionEnabled": protection.until > 0, "TaskArn": arn}
        _say(connection, 200, {"protection": shown})


def _error(arn: str, code: str, message: str) -> dict[str, Any]:
    return {"error": {"Arn": arn, "Code": code, "Message": message}}


def _protection_wanted(body: bytearray | None) -> dict[str, Any] | None:
    """What a PUT asks for; None when it cannot be read."""
    try:
        wanted = json.loads(body or b"")
    except ValueError:
        return None
    kinds = {"ProtectionEnabled": bool, "ExpiresInMinutes": int}
    known = isinstance(wanted, dict) and all(
        name in kinds and (value is None or type(value) is kinds[name]) for name, value in wanted.items()
    )
    return wanted if known else None


def _say(connection: Connection, status: int, document: object) -> None:
    connection.write(status, json.dumps(document, separators=(",", ":")).encode())


def _read(file: Path) -> Place | None:
    try:
        return msgspec.json.decode(file.read_bytes(), type=Place)
    except (OSError, msgspec.DecodeError):
        return None


def _write(file: Path, place: Place) -> None:
    """Readable by the agent's user only."""
    fresh = file.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_bytes(msgspec.json.encode(place))
    fresh.replace(file)
