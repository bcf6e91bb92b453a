"""Which images tasks of a service run: what a tag meant for the first of a revision, it means for all. Pure.

So that all tasks of a revision are the same program, whatever was pushed under the tag meanwhile. Until the
first task has pulled its images the others begin with the tag, as on AWS. Source: ECS Developer Guide,
"Container image resolution"; ECS API reference, ContainerDefinition, versionConsistency. Known gap: images
that no registry was asked for (imported ones) have no digest, and are taken as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from windlass.kernel.rows import replace
from windlass.services.ecs.model import Shape, Task
from windlass.services.ecs.service_model import ServiceRevision


def learned(revision: ServiceRevision, task: Task) -> ServiceRevision:
    """The revision with the digests of a running task's images, unless it knows them already."""
    if revision.digests:
        return revision
    found = tuple((one.name, one.image_digest) for one in task.containers if one.image_digest)
    return replace(revision, digests=found) if found else revision


def pinned(containers: Sequence[Shape], digests: Mapping[str, str]) -> Sequence[Shape]:
    """Container definitions with each image by its digest, as far as it is known and wanted so.

    >>> pinned([{"name": "app", "image": "web:1"}], {"app": "sha256:ab"})
    [{'name': 'app', 'image': 'web:1@sha256:ab'}]
    """
    if not digests:
        return containers
    return [
        {**container, "image": f"{container['image']}@{digests[container['name']]}"}
        if _is_resolved(container) and container["name"] in digests
        else container
        for container in containers
    ]


def _is_resolved(container: Shape) -> bool:
    return container.get("versionConsistency", "enabled") == "enabled" and "@" not in container["image"]
