"""Secrets of containers: what a definition may say, and what a launch reads."""

from __future__ import annotations

from typing import Any

import pytest

from windlass.aws import container_secrets
from windlass.aws.secret_values import Unreadable

ASM = "arn:aws:secretsmanager:us-east-1:1:secret:db"


def a_container(*given: tuple[str, str], **more: Any) -> dict[str, Any]:
    return {"name": "app", "secrets": [{"name": name, "valueFrom": source} for name, source in given], **more}


@pytest.mark.parametrize(
    ("container", "has_role", "says"),
    [
        ({"name": "app"}, False, ""),
        (a_container(("A", "/a")), True, ""),
        (a_container(("A", "/a")), False, "executionRoleArn"),
        (a_container(("A", "/a"), ("A", "/b")), True, "must be unique"),
        (a_container(("A", "/a"), environment=[{"name": "A", "value": ""}]), True, "such as 'A'"),
        (a_container(("", "/a")), True, "no name"),
        (a_container(("A", "")), True, "no valueFrom"),
    ],
)
def test_definitions(container: dict[str, Any], has_role: bool, says: str) -> None:
    found = container_secrets.fault(container, has_role)
    assert (says in found) if says else found == ""


def test_reading() -> None:
    """What is there is read; of a container that lacks one the first fault is told, in Fargate's words."""

    def value(reference: str) -> str:
        if reference in ("/a", ASM):
            return f"value of {reference}"
        raise Unreadable("ParameterNotFound: none")

    broken = {**a_container(("B", "/gone"), ("C", "/gone too")), "name": "other"}
    found = container_secrets.read([a_container(("A", "/a"), ("S", ASM)), broken], value)
    assert found.values == {"app": {"A": "value of /a", "S": f"value of {ASM}"}}
    assert list(found.faults) == ["other"]
    assert found.faults["other"].startswith("ResourceInitializationError: unable to pull secrets")
    assert found.faults["other"].endswith("failed to fetch parameters /gone: ParameterNotFound: none")
