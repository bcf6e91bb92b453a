"""Which images an account's definitions name, and where ECR has them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from windlass.planner.live.found import Found

_ECR = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/(?P<rest>.+)", re.ASCII
)


REGISTRY = "123456789012.dkr.ecr.us-east-1.amazonaws.com/"
"""Of the simulated account (sim/world.py): App Runner takes images of ECR only, by their whole names."""


class Place(NamedTuple):
    """An image in ECR. `version` is its tag, or its digest."""

    account: str
    region: str
    repository: str
    version: str
    digest: bool


def in_registry(image: str) -> Place | None:
    """Where that image is; None when it is not in ECR.

    >>> in_registry("123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/web:7")
    Place(account='123456789012', region='eu-west-1', repository='team/web', version='7', digest=False)
    """
    found = _ECR.fullmatch(image)
    if found is None:
        return None
    name, _, digest = found["rest"].partition("@")
    repository, _, tag = name.partition(":")
    return Place(found["account"], found["region"], repository, digest or tag or "latest", bool(digest))


def short(image: str) -> str:
    """As a scenario calls it: without the account and Region of its registry."""
    found = _ECR.fullmatch(image)
    return found["rest"] if found is not None else image


def images_of(found: Found) -> set[str]:
    """All images of what runs containers."""
    return {image for image in _named(found) if image}


def _named(found: Found) -> Iterator[str]:
    for definition in found.of("ecs.task_definitions"):
        for container in definition["containerDefinitions"]:
            yield container.get("image", "")
    for job in found.of("batch.job_definitions"):
        for container in containers_of(job):
            yield container.get("image", "")
    for service in found.of("apprunner.services"):
        repository = service.get("SourceConfiguration", {}).get("ImageRepository", {})
        yield repository.get("ImageIdentifier", "")


def containers_of(job: Any) -> list[Any]:
    """The containers of a job definition, whichever of the two ways it says them."""
    tasks = job.get("ecsProperties", {}).get("taskProperties", [])
    single = [job["containerProperties"]] if "containerProperties" in job else []
    return single + [container for task in tasks for container in task.get("containers", [])]
