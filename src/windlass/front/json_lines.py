"""The plane's own log as JSON, one object a line: `--log-format json`."""

from __future__ import annotations

import logging

import msgspec


class JsonLines(logging.Formatter):
    """Formats a record; the traceback, if any, is in `error`."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": record.created,
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()
