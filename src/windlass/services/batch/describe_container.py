"""The containers of a job as the API shows them: ContainerDetail, EcsPropertiesDetail, AttemptDetail. Pure.

The definition's members with the call's overrides on top, and what became of the attempt that is on, or of
the last one. Our decision, as AWS's documentation does not say: the command is shown as it was given, with
its placeholders; the parameters that they stand for are shown beside it (JobDetail, parameters).
"""

from __future__ import annotations

from typing import Any

from windlass.fleet.log_options import STREAM_PREFIX
from windlass.services.batch import log_configuration
from windlass.services.batch.container_rules import LISTS
from windlass.services.batch.effective import CONTAINER, overridden
from windlass.services.batch.model import Attempt, ContainerEnd, Job, Run
from windlass.services.batch.resource_model import JobDefinition, Shape


def shown(definition: JobDefinition | None, job: Job, run: Run | None) -> dict[str, Any]:
    """The member `container`, or `ecsProperties`, of a JobDetail.

    `run` is that of the job, or of the array's child; None for the parent of an array. Without a definition,
    which may be gone, only what became of the attempt is known.
    """
    run = run or Run()
    last = run.attempts[-1] if run.attempts and not run.unit_id else None
    placed = _filled(taskArn=run.task_arn, containerInstanceArn=run.instance_arn)
    stream = _filled(logStreamName=run.log_stream if run.started_at else "")
    if definition is None:
        return {"container": {**placed, **stream, **_exit(last)}}
    containers = overridden(definition, job.overrides)
    if "ecsProperties" in definition.given:
        task = definition.given["ecsProperties"]["taskProperties"][0]
        ends = {end.name: end for end in _ends(last)}
        streams = _streams(definition, containers, run.task_arn if run.started_at else "")
        parts = [
            {**container, **_network(run), **streams[name], **_exit(ends.get(name))}
            for container in containers
            for name in (container["name"],)
        ]
        return {"ecsProperties": {"taskProperties": [{**task, "containers": parts, **placed}]}}
    container = {name: value for name, value in containers[0].items() if name != "name"}
    lists: dict[str, Any] = {name: [] for name in LISTS}
    return {"container": {**lists, **container, **_network(run), **placed, **stream, **_exit(last)}}


def attempt(definition: JobDefinition | None, ended: Attempt) -> dict[str, Any]:
    """What AttemptDetail says of the containers of an attempt that has ended: one, or several."""
    placed = _filled(taskArn=ended.task_arn, containerInstanceArn=ended.instance_arn)
    if definition is None or "ecsProperties" not in definition.given:
        stream = _filled(logStreamName=ended.log_stream)
        return {"container": {**_network(ended), **placed, **stream, **_exit(ended)}}
    containers = overridden(definition, {})
    streams = _streams(definition, containers, ended.task_arn if ended.started_at else "")
    parts = [
        {"name": end.name, **_network(ended), **streams.get(end.name, {}), **_exit(end)}
        for end in _ends(ended)
    ]
    return {"taskProperties": [{**placed, "containers": parts}]}


def _ends(ended: Attempt | None) -> tuple[ContainerEnd, ...]:
    """How each container of the attempt ended; outcome.py leaves out one that has no name of its own."""
    if ended is None:
        return ()
    return ended.containers or (ContainerEnd(CONTAINER, ended.exit_code, ended.reason),)


def _streams(definition: JobDefinition, containers: list[dict[str, Any]], task_arn: str) -> dict[str, Any]:
    """Container name → where its output is, once the task has run."""
    return {
        container["name"]: _filled(logStreamName=_stream(definition, container, task_arn) if task_arn else "")
        for container in containers
    }


def _stream(definition: JobDefinition, container: Shape, task_arn: str) -> str:
    configured = log_configuration.filled(
        container.get("logConfiguration"), definition.name, definition.region
    )
    prefix = configured["options"][STREAM_PREFIX]
    return f"{prefix}/{container['name']}/{task_arn.rpartition('/')[2]}"


def _network(run: Run | Attempt) -> dict[str, Any]:
    """The interface of the task, which its containers share."""
    if run.interface is None:
        return {"networkInterfaces": []}
    address = _filled(privateIpv4Address=run.interface.address)
    return {"networkInterfaces": [{"attachmentId": run.interface.attachment_id, **address}]}


def _exit(end: Attempt | ContainerEnd | None) -> dict[str, Any]:
    if end is None:
        return {}
    code = {} if end.exit_code is None else {"exitCode": end.exit_code}
    return {**code, **_filled(reason=end.reason)}


def _filled(**members: str) -> dict[str, str]:
    """Those that say something."""
    return {name: value for name, value in members.items() if value}
