"""What a machine's user data says to the ECS agent on it: its cluster and attributes. Pure.

On AWS a script writes /etc/ecs/ecs.config while the machine boots, and the agent reads that. Nothing runs
user data here; what it would write is read out of it. Known gaps: values that the script computes, user data
that is compressed, the TOML of Bottlerocket.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import NamedTuple

import msgspec

ATTRIBUTES_MAX = 10
"""Attributes of an instance; ECS API reference, PutAttributes."""
OPTIMIZED = "/aws/service/ecs/optimized-ami/"
"""The image is one of ECS's own, by the name of its public parameter: its agent needs no configuration."""
DEFAULT_CLUSTER = "default"
_CLUSTER = re.compile(r"""\bECS_CLUSTER=["']?([A-Za-z0-9_-]{1,255})""", re.ASCII)
_ATTRIBUTES = re.compile(r"""\bECS_INSTANCE_ATTRIBUTES=["']?(\{[^{}]{0,4096}\})""", re.ASCII)


class AgentSettings(NamedTuple):
    """`cluster` is "" for a machine that joins none."""

    cluster: str = ""
    attributes: tuple[tuple[str, str], ...] = ()


def read(encoded: str, image_id: str = "") -> AgentSettings:
    """Those in user data as the API has it: base64. The last assignment wins, as in a shell.

    >>> read(base64.b64encode(b"echo ECS_CLUSTER=prod >> /etc/ecs/ecs.config").decode())
    AgentSettings(cluster='prod', attributes=())
    """
    try:
        text = base64.b64decode(encoded, validate=False).decode(errors="replace")
    except (binascii.Error, ValueError):
        text = ""
    clusters, attributes = _CLUSTER.findall(text), _ATTRIBUTES.findall(text)
    told = _mapping(attributes[-1]) if attributes else {}
    default = DEFAULT_CLUSTER if OPTIMIZED in image_id else ""
    return AgentSettings(clusters[-1] if clusters else default, tuple(sorted(told.items())[:ATTRIBUTES_MAX]))


def _mapping(written: str) -> dict[str, str]:
    """A JSON object of strings; anything else is as good as none, as to the agent."""
    try:
        return msgspec.json.decode(written.replace('\\"', '"'), type=dict[str, str])
    except msgspec.DecodeError:
        return {}
