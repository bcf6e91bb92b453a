"""User data: what of it reaches the ECS agent."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.fleet.user_data import AgentSettings, read

OPTIMIZED = "resolve:ssm:/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("text", "cluster"),
    [
        ("", ""),
        ("#!/bin/bash\necho ECS_CLUSTER=prod >> /etc/ecs/ecs.config", "prod"),
        ("#!/bin/bash\necho 'ECS_CLUSTER=my-app_1' >> /etc/ecs/ecs.config", "my-app_1"),
        ('#!/bin/bash\necho ECS_CLUSTER="prod" >> /etc/ecs/ecs.config', "prod"),
        ("cat <<EOF >> /etc/ecs/ecs.config\nECS_CLUSTER=a\nECS_CLUSTER=b\nEOF", "b"),
        ("MY_ECS_CLUSTER=a", ""),
    ],
)
def test_clusters(text: str, cluster: str) -> None:
    assert read(encoded(text)).cluster == cluster


def test_attributes() -> None:
    """In single quotes, or with escaped ones; what is no object of strings is nothing."""
    text = """echo ECS_INSTANCE_ATTRIBUTES='{"stack": "red", "rack": "7"}' >> /etc/ecs/ecs.config"""
    assert read(encoded(text)).attributes == (("rack", "7"), ("stack", "red"))
    text = r'echo "ECS_INSTANCE_ATTRIBUTES={\"stack\":\"red\"}" >> /etc/ecs/ecs.config'
    assert read(encoded(text)).attributes == (("stack", "red"),)
    assert read(encoded("ECS_INSTANCE_ATTRIBUTES={1}")).attributes == ()


def test_images_of_ecs_join_the_default_cluster() -> None:
    assert read("", OPTIMIZED) == AgentSettings("default")
    assert read(encoded("ECS_CLUSTER=prod"), OPTIMIZED).cluster == "prod"


@given(st.text())
def test_anything_is_read(text: str) -> None:
    """Text that is no base 64, and base 64 of any text: never more than a name comes out."""
    assert len(read(text).cluster) <= 255
    assert len(read(encoded(text)).cluster) <= 255
