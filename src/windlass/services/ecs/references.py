"""How ECS resources are named: ARNs made and read. Pure; knows no rows.

Only the long ARN format exists here, whatever the account settings say; AWS ended the short one in 2021.
"""

from __future__ import annotations

import re
from functools import lru_cache

from windlass.aws.arn import arn, parse
from windlass.kernel.faults import Fault

_REVISION = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)


@lru_cache(maxsize=4_096)
def cluster_arn(account: str, region: str, name: str) -> str:
    """The same text for all who ask: each task has it in its row."""
    return arn("ecs", region, account, f"cluster/{name}")


@lru_cache(maxsize=4_096)
def definition_arn(account: str, region: str, family: str, revision: int) -> str:
    """The same text for all who ask: each task has it in its row."""
    return arn("ecs", region, account, f"task-definition/{family}:{revision}")


def task_arn(account: str, region: str, cluster: str, task_id: str) -> str:
    return arn("ecs", region, account, f"task/{cluster}/{task_id}")


def named_task_arn(reference: str, account: str, region: str, cluster: str) -> str:
    """What a caller named, as an ARN: for tasks that are not there."""
    return reference if reference.startswith("arn:") else task_arn(account, region, cluster, reference)


def container_arn(account: str, region: str, cluster: str, task_id: str, container_id: str) -> str:
    return arn("ecs", region, account, f"container/{cluster}/{task_id}/{container_id}")


def instance_arn(account: str, region: str, cluster: str, instance_id: str) -> str:
    return arn("ecs", region, account, f"container-instance/{cluster}/{instance_id}")


def service_arn(account: str, region: str, cluster: str, name: str) -> str:
    return arn("ecs", region, account, f"service/{cluster}/{name}")


def revision_arn(account: str, region: str, cluster: str, service: str, revision_id: str) -> str:
    return arn("ecs", region, account, f"service-revision/{cluster}/{service}/{revision_id}")


def service_deployment_arn(account: str, region: str, cluster: str, service: str, id: str) -> str:
    return arn("ecs", region, account, f"service-deployment/{cluster}/{service}/{id}")


def task_set_arn(account: str, region: str, cluster: str, service: str, id: str) -> str:
    return arn("ecs", region, account, f"task-set/{cluster}/{service}/{id}")


def service_group(name: str) -> str:
    """The task group of a service's tasks."""
    return f"service:{name}"


def provider_arn(account: str, region: str, name: str) -> str:
    return arn("ecs", region, account, f"capacity-provider/{name}")


def attachment_arn(account: str, region: str, attachment_id: str) -> str:
    return arn("ecs", region, account, f"attachment/{attachment_id}")


def read_arn(text: str) -> tuple[str, str, str, str] | None:
    """(account, region, kind, rest) of an ECS ARN, or None when it is not one.

    >>> read_arn("arn:aws:ecs:eu-west-1:123456789012:task/main/ab12")
    ('123456789012', 'eu-west-1', 'task', 'main/ab12')
    """
    parts = parse(text)
    if parts is None or parts.service != "ecs":
        return None
    kind, _, rest = parts.resource.partition("/")
    return (parts.account, parts.region, kind, rest) if rest else None


def in_scope(reference: str, kind: str, scope: tuple[str, str]) -> str | None:
    """What a name or an ARN of that kind calls the resource inside (account, region).

    None for an ARN of another account or Region: there is no such resource here. Raises
    InvalidParameterException for an ARN of another kind or a broken one.
    """
    if not reference.startswith("arn:"):
        return reference
    read = read_arn(reference)
    if read is None or read[2] != kind:
        raise Fault(
            "InvalidParameterException", f"Invalid identifier: {reference} is not the ARN of a {kind}"
        )
    return read[3] if (read[0], read[1]) == scope else None


def task_id(reference: str, cluster: str, scope: tuple[str, str]) -> str | None:
    """The task id in an id or ARN; None when the ARN names another cluster, account or Region."""
    return _in_cluster(reference, "task", cluster, scope)


def instance_id(reference: str, cluster: str, scope: tuple[str, str]) -> str | None:
    """The same of a container instance."""
    return _in_cluster(reference, "container-instance", cluster, scope)


def service_name(reference: str, cluster: str, scope: tuple[str, str]) -> str | None:
    """The name in a service's name or ARN; None when the ARN names another cluster, account or Region."""
    return _in_cluster(reference, "service", cluster, scope)


def _in_cluster(reference: str, kind: str, cluster: str, scope: tuple[str, str]) -> str | None:
    name = in_scope(reference, kind, scope)
    if name is None or "/" not in name:
        return name
    within, _, found = name.rpartition("/")
    return found if within == cluster else None


def family_and_revision(reference: str, scope: tuple[str, str]) -> tuple[str, int | None] | None:
    """(family, revision or None for the latest) of `family`, `family:revision` or an ARN.

    None when it cannot name anything here.

    >>> family_and_revision("web:3", ("123456789012", "eu-west-1"))
    ('web', 3)
    """
    name = in_scope(reference, "task-definition", scope)
    if name is None:
        return None
    family, colon, revision = name.partition(":")
    if not colon:
        return family, None
    return (family, int(revision)) if _REVISION.fullmatch(revision) else None
