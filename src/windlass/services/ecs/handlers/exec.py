"""ECS Exec: ExecuteCommand."""

from __future__ import annotations

import shlex

from windlass.aws.calls import Call, Params, Result
from windlass.fleet.model import UNITS
from windlass.kernel.faults import Fault
from windlass.services.ecs import limits, lookup, references
from windlass.services.ecs.exec_session import Target
from windlass.services.ecs.exec_sessions import ExecSessions
from windlass.services.ecs.model import Container, Task

DATA_CHANNEL = "/v1/data-channel/"
"""Path of a session's WebSocket, as on ssmmessages endpoints."""
NOT_ENABLED = (
    "The execute command failed because execute command was not enabled when the task was run or the execute "
    "command agent isn’t running. Wait and try again or run a new task with execute command enabled and try "
    "again."
)
NOT_CONNECTED = "The execute command failed due to an internal error. Try again later."


def execute_command(call: Call, params: Params) -> Result:
    """ECS ExecuteCommand: a session that a client opens at its streamUrl with its token.

    The command is no shell's: it is split into words as a shell would, and the first is looked up in the
    container's PATH.
    """
    if not params["interactive"]:
        raise _invalid("Interactive is the only mode supported currently.")
    command = _words(params["command"])
    cluster = lookup.cluster(call.store, call.scope, params.get("cluster"))
    if _is_encrypted(cluster.configuration or {}):
        raise Fault("ClientException", "Windlass does not encrypt sessions: the cluster has a kmsKeyId.")
    task = lookup.task(call.store, cluster, params["task"])
    if task is None:
        raise _invalid("The referenced task was not found.")
    container = _container(task, params.get("container"))
    if not task.exec_enabled or container.last_status != "RUNNING":
        raise _invalid(NOT_ENABLED)
    unit = call.store[UNITS].get(task.id)
    sessions = call.part(ExecSessions)
    if unit is None or not sessions.reaches(unit.node_id):
        raise Fault("TargetNotConnectedException", NOT_CONNECTED)
    session_id = f"ecs-execute-command-{call.ids.hex(17)}"
    token = sessions.create(Target(session_id, unit.node_id, task.id, container.name, command))
    if token is None:
        raise Fault(
            "ClientException", f"A container can have at most {limits.EXEC_SESSIONS_MAX} sessions at a time."
        )
    scheme, _, place = call.endpoint.partition("://")
    return {
        "clusterArn": references.cluster_arn(task.account, task.region, task.cluster),
        "taskArn": task.arn,
        "containerArn": task.container_arn(container),
        "containerName": container.name,
        "interactive": True,
        "session": {
            "sessionId": session_id,
            "streamUrl": (
                f"{'wss' if scheme == 'https' else 'ws'}://{place.rstrip('/')}{DATA_CHANNEL}{session_id}"
                "?role=publish_subscribe"
            ),
            "tokenValue": token,
        },
    }


def _words(command: str) -> tuple[str, ...]:
    if len(command) > limits.EXEC_COMMAND_LENGTH_MAX:
        raise _invalid(f"command can have at most {limits.EXEC_COMMAND_LENGTH_MAX} characters.")
    try:
        words = tuple(shlex.split(command))
    except ValueError as error:
        raise _invalid(f"Invalid command: {error}.") from error
    if not words or not words[0] or "\0" in command:
        raise _invalid("Command cannot be empty.")
    return words


def _container(task: Task, name: str | None) -> Container:
    if name is None and len(task.containers) == 1:
        return task.containers[0]
    if name is None:
        raise _invalid("Container name must be specified when the task has more than one container.")
    for container in task.containers:
        if container.name == name:
            return container
    raise _invalid(f"The container {name} was not found in the task.")


def _is_encrypted(configuration: Params) -> bool:
    return bool(configuration.get("executeCommandConfiguration", {}).get("kmsKeyId"))


def _invalid(message: str) -> Fault:
    return Fault("InvalidParameterException", message)
