"""Typed settings, read once; nobody else reads the environment or the command line."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from windlass.front.admit import is_local
from windlass.node import oci_host
from windlass.node.faults import NotCapable
from windlass.node.images import settings as image_settings

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
    """See `tasks_by`."""
    auth: Literal["open", "sigv4"] = "open"
    agent: bool = True
    log_format: Literal["text", "json"] = "text"
    allow_reset: bool = False
    region: str = "us-east-1"
    """Region of requests that name none."""
    tls_certificate: Path | None = None
    """PEM file: the endpoint's certificate, with its chain; None serves plain HTTP."""
    tls_key: Path | None = None
    proxy: Literal["builtin", "haproxy"] = "builtin"
    """What serves load balancers."""
    proxy_workers: int = 1
    """Processes that serve load balancers; the kernel shares connections among them."""

    @property
    def tasks_by(self) -> str:
        """The runner that is meant. "auto" is "process": it runs any command at once, while the others need

        images, and an image that nobody imported is no default to start with.
        """
        return "process" if self.runner == "auto" else self.runner


def check_settings(settings: Settings) -> None:
    """Raise Unusable for what is refused on purpose."""
    if settings.auth == "open" and not is_local(settings.host):
        raise Unusable(
            f"--auth open accepts any credentials and is refused on {settings.host}; "
            "use --auth sigv4, or listen on 127.0.0.1"
        )
    _check_tls(settings)
    if settings.proxy == "haproxy" and not all(map(shutil.which, ("haproxy", "setpriv"))):
        raise Unusable("--proxy haproxy needs haproxy 2.6 or later and setpriv (util-linux); install them")
    if settings.runner not in RUNNERS:
        raise Unusable(f"unknown runner {settings.runner!r}; there are {', '.join(RUNNERS)}")
    if settings.agent:
        try:
            if settings.runner == "oci":
                oci_host.check()
            elif settings.runner == "docker":
                from windlass.node import docker_host  # nobody else pays for it

                docker_host.check(os.environ)
            image_settings.read(os.environ)
        except (NotCapable, image_settings.BadSetting) as error:
            raise Unusable(str(error)) from error


def _check_tls(settings: Settings) -> None:
    """Both files, and such as belong together: a server would only find out later, in words of OpenSSL."""
    certificate, key = settings.tls_certificate, settings.tls_key
    if certificate is None and key is None:
        return
    if certificate is None or key is None:
        raise Unusable("--tls-cert and --tls-key go together")
    import ssl  # slow to load, and most planes have none

    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate, key, password="")
    except OSError as error:
        reason = error.strerror or getattr(error, "reason", "") or str(error)
        raise Unusable(f"cannot serve TLS with {certificate} and {key}: {reason}") from error
