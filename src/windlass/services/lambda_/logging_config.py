"""LoggingConfig of a function: checked, merged into its settings, described. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from windlass.kernel.rows import replace
from windlass.services.lambda_.model import Settings
from windlass.services.lambda_.package import invalid

DEFAULT_LEVEL = "INFO"
"""Of applications and of the system, in JSON; Lambda developer guide, "Log-level filtering"."""


def with_logging(settings: Settings, given: Mapping[str, Any]) -> Settings:
    """The settings with the members that were given; in Text there are no levels.

    Raises Fault for a level without JSON (the wording is ours: AWS's is not known).
    """
    form = given.get("LogFormat", settings.log_format)
    levels = [name for name in ("ApplicationLogLevel", "SystemLogLevel") if given.get(name)]
    if form != "JSON" and levels:
        raise invalid(f"{levels[0]} needs a LogFormat of JSON")
    application = given.get("ApplicationLogLevel", settings.application_log_level or DEFAULT_LEVEL)
    system = given.get("SystemLogLevel", settings.system_log_level or DEFAULT_LEVEL)
    return replace(
        settings,
        log_group=given.get("LogGroup", settings.log_group),
        log_format=form,
        application_log_level=application if form == "JSON" else "",
        system_log_level=system if form == "JSON" else "",
    )


def described(settings: Settings, group: str) -> dict[str, Any]:
    """LoggingConfig as callers see it."""
    shown = {"LogFormat": settings.log_format, "LogGroup": group}
    if settings.log_format == "JSON":
        shown["ApplicationLogLevel"] = settings.application_log_level
        shown["SystemLogLevel"] = settings.system_log_level
    return shown
