"""LoggingConfig: what is given is merged into what was."""

from __future__ import annotations

import pytest

from windlass.kernel.faults import Fault
from windlass.services.lambda_.logging_config import described, with_logging
from windlass.services.lambda_.model import Settings

PLAIN = Settings(role="r", handler="h", runtime="python3.12", code_sha256="", code_size=0)


def test_json_has_levels() -> None:
    """INFO unless given; they stay when something else is changed; Text has none."""
    settings = with_logging(PLAIN, {"LogFormat": "JSON", "SystemLogLevel": "WARN"})
    assert described(settings, "g") == {
        "LogFormat": "JSON", "LogGroup": "g", "ApplicationLogLevel": "INFO", "SystemLogLevel": "WARN",
    }  # fmt: skip
    changed = with_logging(settings, {"LogGroup": "mine", "ApplicationLogLevel": "ERROR"})
    assert (changed.log_group, changed.application_log_level, changed.system_log_level) == (
        "mine", "ERROR", "WARN",
    )  # fmt: skip
    assert described(with_logging(changed, {"LogFormat": "Text"}), "g") == {
        "LogFormat": "Text", "LogGroup": "g",
    }  # fmt: skip
    assert with_logging(PLAIN, {}) == PLAIN


def test_text_has_no_levels() -> None:
    """Asked for without JSON they are refused."""
    with pytest.raises(Fault, match="ApplicationLogLevel needs a LogFormat of JSON"):
        with_logging(PLAIN, {"ApplicationLogLevel": "DEBUG"})
