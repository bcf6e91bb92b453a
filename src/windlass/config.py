"""Typed settings, read once; nobody else reads the environment or the command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from windlass.front.admit import is_local

RUNNERS = ("auto", "process", "oci", "docker")


class Unusable(Exception):
    """The settings cannot work; the message is one line that says why and what to do."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What `windlass up` was asked for. `data` None keeps nothing (`--data memory`)."""

    data: Path | None
    host: str = "127.0.0.1"
    port: int = 4566
    profile: str = "local"
    runner: str = "auto"
    auth: Literal["open", "sigv4"] = "open"
    agent: bool = True
    log_format: Literal["text", "json"] = "text"
    allow_reset: bool = False
    region: str = "us-east-1"
    """Region of requests that name none."""


def check_settings(settings: Settings) -> None:
    """Raise Unusable for what is refused on purpose."""
    if settings.auth == "open" and not is_local(settings.host):
        raise Unusable(
            f"--auth open accepts any credentials and is refused on {settings.host}; "
            "use --auth sigv4, or listen on 127.0.0.1"
        )
    if settings.runner not in RUNNERS:
        raise Unusable(f"unknown runner {settings.runner!r}; there are {', '.join(RUNNERS)}")
    if settings.runner in ("oci", "docker"):
        raise Unusable(f"the {settings.runner} runner is not built yet; use --runner process")
