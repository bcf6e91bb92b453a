"""The network that a container is put into: what the agent hands on from its makers to runners. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from windlass.fleet.networks import Binding, NetworkState


@dataclass(frozen=True, slots=True)
class Sandbox:
    """The network that a container is put into.

    `netns` is the path of the namespace to enter, "" for the host's; `router` what it is plugged into, a VPC
    or "bridge"; `address` the task's own, "" when it has none; `endpoint` the plane's URL as seen from there,
    "" when it is the host's; `files` are what the container is to find under these absolute paths, for
    runners with root file systems.
    """

    netns: str = ""
    router: str = ""
    address: str = ""
    endpoint: str = ""
    hostname: str = ""
    files: tuple[tuple[str, str], ...] = ()


HOST = Sandbox()
"""The host's own network."""


@dataclass(frozen=True, slots=True)
class Connected:
    """A container has its network. `state` is what the plane is told of the task's, None: nothing."""

    sandbox: Sandbox
    state: NetworkState | None = None
    bindings: tuple[Binding, ...] = ()


@dataclass(frozen=True, slots=True)
class NotConnected:
    """It cannot have it: the container cannot start, with this reason, as ECS words it."""

    reason: str
