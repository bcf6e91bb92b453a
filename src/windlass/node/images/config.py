"""An image's configuration: what the image says about how to run it. Pure.

Reads the JSON that Docker and OCI share (OCI image specification, config.md) and keeps what a task's
container needs. Everything in it was written by somebody else: every member may have a wrong type.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from windlass.node.images.faults import BadImage

DIFF_IDS_MAX = 127
"""Layers; Docker's limit, below the 500 that overlayfs can stack."""


class _Run(msgspec.Struct):
    """The `config` member; Docker writes null for empty lists."""

    Env: list[str] | None = None
    Entrypoint: list[str] | str | None = None
    Cmd: list[str] | str | None = None
    WorkingDir: str | None = None
    User: str | None = None
    StopSignal: str | None = None
    Volumes: dict[str, dict[str, object]] | None = None


class _RootFs(msgspec.Struct):
    diff_ids: list[str] = []


class _Config(msgspec.Struct):
    config: _Run | None = None
    rootfs: _RootFs = msgspec.field(default_factory=_RootFs)
    architecture: str = ""
    os: str = ""
    created: str | None = None


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """What an image says about running it. `diff_ids` are its layers, lowest first."""

    entry_point: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    working_directory: str = ""
    user: str = ""
    stop_signal: str = ""
    architecture: str = ""
    diff_ids: tuple[str, ...] = ()


def parse(raw: bytes) -> ImageConfig:
    """Read a configuration. Raises BadImage."""
    try:
        found = msgspec.json.decode(raw, type=_Config)
    except msgspec.DecodeError as error:
        raise BadImage(f"the image's configuration cannot be read: {error}") from error
    if found.os not in ("", "linux"):
        raise BadImage(f"the image is for {found.os[:40]!r}, not for linux")
    diff_ids = found.rootfs.diff_ids
    if len(diff_ids) > DIFF_IDS_MAX:
        raise BadImage(f"the image has {len(diff_ids)} layers, more than {DIFF_IDS_MAX}")
    for diff_id in diff_ids:
        hex_of(diff_id)
    run = found.config or _Run()
    pairs = [entry.partition("=") for entry in run.Env or ()]
    return ImageConfig(
        entry_point=_words(run.Entrypoint),
        command=_words(run.Cmd),
        environment=tuple((name, value) for name, _, value in pairs),
        working_directory=run.WorkingDir or "",
        user=run.User or "",
        stop_signal=run.StopSignal or "",
        architecture=found.architecture,
        diff_ids=tuple(diff_ids),
    )


def render(config: ImageConfig, created: str) -> bytes:
    """The configuration as JSON, for images that are made here. `created` is RFC 3339."""
    return msgspec.json.encode(
        {
            "architecture": config.architecture,
            "os": "linux",
            "created": created,
            "config": {
                "Env": [f"{name}={value}" for name, value in config.environment],
                "Entrypoint": list(config.entry_point) or None,
                "Cmd": list(config.command) or None,
                "WorkingDir": config.working_directory,
                "User": config.user,
            },
            "rootfs": {"type": "layers", "diff_ids": list(config.diff_ids)},
        }
    )


def hex_of(digest: str) -> str:
    """The 64 digits of a sha256 digest; raises BadImage for anything else, so it is safe as a file name."""
    kind, _, digits = digest.partition(":")
    if kind != "sha256" or len(digits) != 64 or not set(digits) <= set("0123456789abcdef"):
        raise BadImage(f"{digest[:80]!r} is no sha256 digest")
    return digits


def _words(value: list[str] | str | None) -> tuple[str, ...]:
    """A list, or (very old images) one string for the shell."""
    if isinstance(value, str):
        return ("/bin/sh", "-c", value) if value else ()
    return tuple(value or ())
